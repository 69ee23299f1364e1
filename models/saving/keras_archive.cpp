#include <nyala/models/saving/keras_archive.hpp>

#include <sys/stat.h>

#include <ctime>

#include <nyala/core/error.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_records.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/legacy_config.hpp>
#include <nyala/models/saving/mapped_file.hpp>
#include <nyala/models/saving/weights.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::saving {
namespace {

constexpr const char* kConfig = "config.json";
constexpr const char* kMetadata = "metadata.json";
constexpr const char* kWeights = "model.weights.h5";
constexpr const char* kWeightsNpz = "model.weights.npz";

Pieces text_pieces(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return Pieces(std::vector<std::byte>(bytes.begin(), bytes.end()));
}

std::string metadata() {
  char date[32] = "";
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  if (::localtime_r(&now, &local) != nullptr)
    std::strftime(date, sizeof date, "%Y-%m-%d@%H:%M:%S", &local);
  Config config = Config::dict();
  config["keras_version"] = kKerasVersion;
  config["date_saved"] = date;
  return to_json_text(config);
}

class ArchiveFiles final : public ModelFiles {
 public:
  ArchiveFiles(const ZipReader& archive, std::string path, const Limits& limits)
      : archive_(archive), path_(std::move(path)), limits_(limits) {}

  bool contains(const std::string& name) const override { return archive_.contains(name); }
  std::string text(const std::string& name) const override { return archive_.text(name); }
  hdf5::File weights(const std::string& name) const override {
    const std::string who = path_ + ": " + name;
    if (const auto part = archive_.stored(name)) return hdf5::File(*part, who, limits_);
    const auto source = archive_.open(name);
    std::vector<std::byte> bytes(source->remaining());
    source->read(bytes.data(), bytes.size());
    return hdf5::File(std::move(bytes), who, limits_);
  }

 private:
  const ZipReader& archive_;
  std::string path_;
  Limits limits_;
};

class FolderFiles final : public ModelFiles {
 public:
  FolderFiles(std::string path, const Limits& limits) : path_(std::move(path)), limits_(limits) {}

  bool contains(const std::string& name) const override {
    struct stat status {};
    return ::stat(path_of(name).c_str(), &status) == 0;
  }
  std::string text(const std::string& name) const override {
    return read_text(path_of(name), limits_.json_bytes);
  }
  hdf5::File weights(const std::string& name) const override {
    return hdf5::File(path_of(name), limits_);
  }

 private:
  std::string path_of(const std::string& name) const { return path_ + "/" + name; }

  std::string path_;
  Limits limits_;
};

std::unique_ptr<WeightStore> open_weights(const ModelFiles& files, const std::string& path) {
  if (files.contains(kWeights)) return open_store(files.weights(kWeights));
  if (files.contains(kWeightsNpz))
    throw UnsupportedError(path +
                           ": holds model.weights.npz, whose weights are pickled Python "
                           "objects, which are never read");
  throw FormatError(path + ": holds no model.weights.h5");
}

}  // namespace

void save_archive(const ModelBase& model, const std::string& path) {
  ZipWriter archive(path);
  archive.add({kMetadata, text_pieces(metadata())});
  archive.add({kConfig, text_pieces(to_json_text(serialize_layer(model)))});
  archive.add({kWeights, weights_hdf5(model)});
  archive.commit();
}

std::unique_ptr<ModelFiles> model_files(const ZipReader& archive,
                                        const std::string& path,
                                        const Limits& limits) {
  return std::make_unique<ArchiveFiles>(archive, path, limits);
}

std::unique_ptr<ModelFiles> model_files(const std::string& folder, const Limits& limits) {
  return std::make_unique<FolderFiles>(folder, limits);
}

std::string archive_version(const ModelFiles& files, const Limits& limits) {
  if (!files.contains(kMetadata)) return {};
  try {
    const Config metadata = parse_json(files.text(kMetadata), limits);
    return text_entry(metadata, "keras_version");
  } catch (const Error&) {
    return {};  // Keras does not read it either
  }
}

void compile_saved(const ModelBase& model, const Config& compile_config) {
  try {
    model.trainer().compile_from_config(compile_config);
  } catch (const Error& error) {
    rethrow_as(error,
               std::string(error.what()) +
                   " (load_model with `.compile = false` leaves the model without it)");
  }
}

Model load_archive(const ModelFiles& files,
                   const std::string& path,
                   const std::string& version,
                   const LoadModelArgs& args) {
  Config record = parse_json(files.text(kConfig), args.limits);
  Config compile;
  if (const Config* found = record.is_dict() ? record.find("compile_config") : nullptr) {
    if (args.compile) compile = modern_value(*found);
    record.erase("compile_config");
  }
  Model model = model_from_record(std::move(record), version);
  if (compile.is_dict() && compile.size() > 0) compile_saved(model.base(), compile);
  load_state(model.base(), *open_weights(files, path), false);
  return model;
}

void load_archive_weights(const ModelBase& model,
                          const ModelFiles& files,
                          const std::string& path,
                          const LoadWeightsArgs& args) {
  load_state(model, *open_weights(files, path), args.skip_mismatch);
}

}  // namespace nyala::saving
