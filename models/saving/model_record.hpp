#pragma once
/// What a model file says of itself, without making the model: for files of layers that Nyala
/// lacks.
#include <string>
#include <vector>

#include <nyala/core/config.hpp>
#include <nyala/models/saving/limits.hpp>

namespace nyala::saving {

struct ModelRecord {
  /// "Keras archive", "legacy HDF5 file" or "JSON".
  std::string format;
  /// The Keras that wrote it, and when; empty where the file does not say.
  std::string keras_version = {};
  std::string date_saved = {};
  /// The model as Keras 3 serialises it: class_name, config, compile_config.
  Config record = {};
};

/// Throws what `load_model` throws for files that cannot be read.
ModelRecord read_model_record(const std::string& path, const Limits& limits = {});

/// A layer of a record.
struct LayerRecord {
  /// Its names from the outside: "tower/dense".
  std::string path;
  std::string class_name;
  /// Whether Nyala, or the program, has the class.
  bool known = true;
};

/// The layers of a record in its order, those inside of others behind them; operations are no
/// layers. `depth` is how far to look: 1 for the model's own.
std::vector<LayerRecord> layers_of(const Config& record, int depth = 64);

}  // namespace nyala::saving
