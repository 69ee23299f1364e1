#pragma once
/// Weights of a model as Keras 3 keeps them. Private to the writers and readers.
#include <string>

#include <nyala/models/saving/hdf5/writer.hpp>
#include <nyala/models/saving/npz.hpp>
#include <nyala/models/saving/options.hpp>
#include <nyala/models/saving/state_tree.hpp>
#include <nyala/models/saving/weight_store.hpp>

namespace nyala::saving {

/// Everything that `.weights.h5` holds: weights, and the optimizer's variables.
Pieces weights_hdf5(const ModelBase& model);
/// The same by names as "layers/dense/vars/0".
NamedTensors weights_by_path(const ModelBase& model);

/// Whether an HDF5 file is of that form.
bool holds_state(const hdf5::Object& root);

/// Sets the weights of the model, and of its optimizer where the file has them (else that is told
/// with a warning). Throws ValueError that lists the layers that do not fit, and then changes
/// nothing; with `skip_mismatch` these stay as they are.
void load_state(const ModelBase& model, const WeightStore& store, bool skip_mismatch);

}  // namespace nyala::saving
