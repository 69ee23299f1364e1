#pragma once
/// .keras files: an archive, or a folder, of config.json, metadata.json and model.weights.h5.
/// Private.
#include <memory>
#include <string>

#include <nyala/models/model.hpp>
#include <nyala/models/saving/options.hpp>
#include <nyala/models/saving/weight_store.hpp>
#include <nyala/models/saving/zip.hpp>

namespace nyala::saving {

/// The Keras whose form the files of Nyala have.
inline constexpr const char* kKerasVersion = "3.15.1";

void save_archive(const ModelBase& model, const std::string& path);
/// Where a model's parts stand.
class ModelFiles {
 public:
  virtual ~ModelFiles() = default;
  virtual bool contains(const std::string& name) const = 0;
  /// Throws LimitError for a text that is too long.
  virtual std::string text(const std::string& name) const = 0;
  virtual hdf5::File weights(const std::string& name) const = 0;
};
/// Of an archive, which outlives it.
std::unique_ptr<ModelFiles> model_files(const ZipReader& archive,
                                        const std::string& path,
                                        const Limits& limits);
/// Of an archive's members in a folder.
std::unique_ptr<ModelFiles> model_files(const std::string& folder, const Limits& limits);

/// `version` is that of the Keras that wrote it, as `archive_version` gives it.
Model load_archive(const ModelFiles& files,
                   const std::string& path,
                   const std::string& version,
                   const LoadModelArgs& args);
/// Sets the weights of a model from an archive.
void load_archive_weights(const ModelBase& model,
                          const ModelFiles& files,
                          const std::string& path,
                          const LoadWeightsArgs& args);
/// Compiles a model as its file says; the error of settings that are unknown says how to do
/// without.
void compile_saved(const ModelBase& model, const Config& compile_config);
/// The version that metadata.json names; empty when it names none.
std::string archive_version(const ModelFiles& files, const Limits& limits);

}  // namespace nyala::saving
