#pragma once
/// Keras's HDF5 files from before `.keras`: whole models and weights, of Keras 1 to 3. Private.
#include <string>

#include <nyala/models/model.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>
#include <nyala/models/saving/legacy_weights.hpp>
#include <nyala/models/saving/options.hpp>

namespace nyala::saving {

/// Whether a file is of that form: a whole model, or weights.
bool is_legacy_model(const hdf5::Object& root);
bool is_legacy_weights(const hdf5::Object& root);
/// Who wrote it, as far as the file says.
LegacyOrigin legacy_origin(const hdf5::Object& root);

Model load_legacy(const hdf5::File& file, const LoadModelArgs& args);
/// Sets the weights; throws ValueError for those that do not fit, and then changes nothing.
void load_legacy_weights(const ModelBase& model,
                         const hdf5::File& file,
                         const LoadWeightsArgs& args);
/// Writes Keras 3's form.
void save_legacy(const ModelBase& model, const std::string& path, bool include_optimizer);

}  // namespace nyala::saving
