#pragma once
/// .keras files: an archive of config.json, metadata.json and model.weights.h5. Private.
#include <string>

#include <nyala/models/model.hpp>
#include <nyala/models/saving/options.hpp>
#include <nyala/models/saving/zip.hpp>

namespace nyala::saving {

/// The Keras whose form the files of Nyala have.
inline constexpr const char* kKerasVersion = "3.15.1";

void save_archive(const ModelBase& model, const std::string& path);
/// `version` is that of the Keras that wrote it, as `archive_version` gives it.
Model load_archive(const ZipReader& archive,
                   const std::string& path,
                   const std::string& version,
                   const LoadModelArgs& args);
/// Sets the weights of a model from an archive.
void load_archive_weights(const ModelBase& model,
                          const ZipReader& archive,
                          const std::string& path,
                          const LoadWeightsArgs& args);
/// Compiles a model as its file says; the error of settings that are unknown says how to do
/// without.
void compile_saved(const ModelBase& model, const Config& compile_config);
/// The version that metadata.json names; empty when it names none.
std::string archive_version(const ZipReader& archive, const Limits& limits);

}  // namespace nyala::saving
