#include <nyala/models/saving/model_record.hpp>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/file_kind.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>
#include <nyala/models/saving/json_old.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/keras_archive.hpp>
#include <nyala/models/saving/legacy_config.hpp>
#include <nyala/models/saving/zip.hpp>

namespace nyala::saving {
namespace {

// Today's form, or as it is where that has none.
Config modern(const Config& record) {
  try {
    return modern_record(record);
  } catch (const Error&) {
    return record;
  }
}

ModelRecord of_files(const ModelFiles& files, const char* format, const Limits& limits) {
  ModelRecord record{.format = format};
  record.record = parse_json(files.text("config.json"), limits);
  if (files.contains("metadata.json")) {
    const Config metadata = parse_json(files.text("metadata.json"), limits);
    record.keras_version = text_entry(metadata, "keras_version");
    record.date_saved = text_entry(metadata, "date_saved");
  }
  return record;
}

ModelRecord of_archive(const std::string& path, const Limits& limits) {
  const ZipReader archive(path, limits);
  if (!archive.contains("config.json"))
    throw FormatError(path + ": is a zip archive without config.json");
  return of_files(*model_files(archive, path, limits), "Keras archive", limits);
}

ModelRecord of_legacy(const std::string& path, const Limits& limits) {
  const hdf5::File file(path, limits);
  const hdf5::Object root = file.root();
  if (!root.has_attribute("model_config"))
    throw UnsupportedError(path + ": holds weights without a model");
  ModelRecord record{.format = "legacy HDF5 file"};
  record.record = parse_json(root.text_attribute("model_config"), limits);
  if (root.has_attribute("keras_version"))
    record.keras_version = root.text_attribute("keras_version");
  if (root.has_attribute("training_config"))
    record.record["compile_config"] = parse_json(root.text_attribute("training_config"), limits);
  return record;
}

ModelRecord of_json(const std::string& path, const Limits& limits) {
  ModelRecord record{.format = "JSON"};
  record.record = parse_json(read_text(path, limits.json_bytes), limits);
  record.keras_version = text_entry(record.record, "keras_version");
  return record;
}

ModelRecord read(const std::string& path, const Limits& limits) {
  switch (file_kind(path)) {
    case FileKind::zip: return of_archive(path, limits);
    case FileKind::folder:
      return of_files(*model_files(path, limits), "folder of a Keras archive", limits);
    case FileKind::hdf5: return of_legacy(path, limits);
    case FileKind::json: return of_json(path, limits);
    case FileKind::safetensors: break;
  }
  throw UnsupportedError(path + ": holds tensors without a model");
}

void collect(const Config& record,
             const std::string& path,
             int depth,
             std::vector<LayerRecord>& to);

// The layers that an option holds: one, or a list.
void collect_option(const Config& option,
                    const std::string& path,
                    int depth,
                    std::vector<LayerRecord>& to) {
  if (option.is_list()) {
    for (const Config& item : option.as_list()) collect(item, path, depth, to);
  } else {
    collect(option, path, depth, to);
  }
}

void collect_inside(const Config& config,
                    const std::string& path,
                    int depth,
                    std::vector<LayerRecord>& to) {
  if (depth <= 0) return;
  for (const char* key : {"layers", "layer", "forward_layer", "backward_layer", "cell", "cells"}) {
    if (const Config* option = config.find(key)) collect_option(*option, path, depth, to);
  }
}

void collect(const Config& record,
             const std::string& path,
             int depth,
             std::vector<LayerRecord>& to) {
  const std::string class_name = text_entry(record, "class_name");
  const Config* config = record.find("config");
  if (class_name.empty() || config == nullptr) return;
  if (is_operation_record(record) || is_old_operation(record)) return;
  std::string name = text_entry(*config, "name");
  if (name.empty()) name = text_entry(record, "name");
  const std::string here = (path.empty() ? "" : path + "/") + (name.empty() ? class_name : name);
  const bool known =
      is_functional_record(record) || is_sequential_record(record) || is_known_layer(record);
  to.push_back({here, class_name, known});
  collect_inside(*config, here, depth - 1, to);
}

}  // namespace

ModelRecord read_model_record(const std::string& path, const Limits& limits) {
  ModelRecord record = naming(path, [&] { return read(path, limits); });
  if (!record.record.is_dict() || record.record.find("config") == nullptr)
    throw FormatError(path + ": is no model: there is no \"config\"");
  record.record = modern(record.record);
  return record;
}

std::vector<LayerRecord> layers_of(const Config& record, int depth) {
  std::vector<LayerRecord> layers;
  const Config& config = record.at("config");
  if (config.is_list())  // a Sequential of Keras 1
    collect_option(config, "", depth, layers);
  else
    collect_inside(config, "", depth, layers);
  return layers;
}

}  // namespace nyala::saving
