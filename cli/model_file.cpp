#include "model_file.hpp"

#include <cmath>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/file_kind.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/saving.hpp>

namespace nyala::cli {
namespace {

bool ends_in(const std::string& path, std::initializer_list<const char*> endings) {
  for (const char* ending : endings) {
    if (path.ends_with(ending)) return true;
  }
  return false;
}

bool is_weights(const std::string& path) {
  return ends_in(path, {".weights.h5", ".safetensors", ".npz"});
}

}  // namespace

Model open_model(const std::string& path, const OpenArgs& args) {
  Model model = about(path, [&] { return load_model(path); });
  if (!args.weights.empty()) {
    about(args.weights, [&] { model.load_weights(args.weights); });
  } else if (args.needs_weights && saving::file_kind(path) == saving::FileKind::json) {
    throw ValueError(path + ": holds no weights; name a file that does with --weights");
  }
  return model;
}

void check_ending(const std::string& path) {
  if (is_weights(path) || ends_in(path, {".keras", ".h5", ".json"})) return;
  throw UsageError(path + ": ends in none of " + kModelEndings);
}

void save_model(const Model& model, const std::string& path) {
  about(path, [&] {
    if (is_weights(path))
      model.save_weights(path);
    else if (path.ends_with(".json"))
      saving::write_text(path, model.to_json());
    else
      model.save(path);
  });
}

std::string json_number(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
  return saving::to_json_text(value);
}

std::string json_of(const callbacks::Logs& values) {
  std::string text;
  for (const auto& [name, value] : values)
    text += (text.empty() ? "{" : ", ") + saving::to_json_text(name) + ": " + json_number(value);
  return text.empty() ? "{}" : text + "}";
}

}  // namespace nyala::cli
