#include <nyala/models/saving/keras_archive.hpp>

#include <ctime>

#include <nyala/core/error.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_records.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/legacy_config.hpp>
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

std::unique_ptr<WeightStore> open_weights(const ZipReader& archive,
                                          const std::string& path,
                                          const Limits& limits) {
  if (!archive.contains(kWeights)) {
    if (archive.contains(kWeightsNpz))
      throw UnsupportedError(path +
                             ": holds model.weights.npz, whose weights are pickled Python "
                             "objects, which are never read");
    throw FormatError(path + ": holds no model.weights.h5");
  }
  const auto source = archive.open(kWeights);
  std::vector<std::byte> bytes(source->remaining());
  source->read(bytes.data(), bytes.size());
  return open_store(hdf5::File(std::move(bytes), path + ": " + kWeights, limits));
}

}  // namespace

void save_archive(const ModelBase& model, const std::string& path) {
  ZipWriter archive(path);
  archive.add({kMetadata, text_pieces(metadata())});
  archive.add({kConfig, text_pieces(to_json_text(serialize_layer(model)))});
  archive.add({kWeights, weights_hdf5(model)});
  archive.commit();
}

std::string archive_version(const ZipReader& archive, const Limits& limits) {
  if (!archive.contains(kMetadata)) return {};
  try {
    const Config metadata = parse_json(archive.text(kMetadata), limits);
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

Model load_archive(const ZipReader& archive,
                   const std::string& path,
                   const std::string& version,
                   const LoadModelArgs& args) {
  if (!archive.contains(kConfig))
    throw FormatError(path + ": is a zip archive without config.json");
  Config record = parse_json(archive.text(kConfig), args.limits);
  Config compile;
  if (const Config* found = record.is_dict() ? record.find("compile_config") : nullptr) {
    if (args.compile) compile = modern_value(*found);
    record.erase("compile_config");
  }
  Model model = model_from_record(std::move(record), version);
  if (compile.is_dict() && compile.size() > 0) compile_saved(model.base(), compile);
  load_state(model.base(), *open_weights(archive, path, args.limits), false);
  return model;
}

void load_archive_weights(const ModelBase& model,
                          const ZipReader& archive,
                          const std::string& path,
                          const LoadWeightsArgs& args) {
  load_state(model, *open_weights(archive, path, args.limits), args.skip_mismatch);
}

}  // namespace nyala::saving
