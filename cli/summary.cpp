// nyala summary: the table of layers, or the same as JSON.
#include <algorithm>
#include <exception>
#include <iostream>
#include <memory>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/json_records.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/model_record.hpp>

#include "commands.hpp"
#include "model_file.hpp"
#include "training.hpp"

namespace nyala::cli {
namespace {

struct Options {
  std::string model;
  bool json = false;
  SummaryArgs summary;
};

Config shape_config(const std::optional<std::vector<Shape>>& shapes) {
  if (!shapes) return {};
  if (shapes->size() == 1) return ConfigCodec<Shape>::to(shapes->front());
  Config list = Config::list();
  for (const Shape& shape : *shapes) list.push_back(ConfigCodec<Shape>::to(shape));
  return list;
}

std::int64_t size_of_all(const std::vector<Variable>& variables) {
  std::int64_t size = 0;
  for (const Variable& variable : variables) size += variable.size();
  return size;
}

Config summary_config(const Model& model) {
  const std::int64_t trainable = size_of_all(model.trainable_variables());
  const std::int64_t others = size_of_all(model.non_trainable_variables());
  Config config = Config::dict();
  config["name"] = model.name();
  config["class_name"] = model.class_name();
  config["total_params"] = trainable + others;
  config["trainable_params"] = trainable;
  config["non_trainable_params"] = others;
  Config layers = Config::list();
  for (const Layer& layer : model.layers()) {
    Config entry = Config::dict();
    entry["name"] = layer.name();
    entry["class_name"] = layer.class_name();
    entry["output_shape"] = shape_config(output_shapes_of(model.base(), *layer));
    entry["params"] = layer.built() ? layer.count_params() : std::int64_t{0};
    layers.push_back(std::move(entry));
  }
  config["layers"] = std::move(layers);
  return config;
}

// What the file of a model with layers that Nyala lacks says of it; sizes are not known then.
void print_record(const Config& record, const std::vector<saving::LayerRecord>& layers, bool json) {
  const std::string name = saving::text_entry(record.at("config"), "name");
  if (!json) {
    std::cout << "Model: \"" << name << "\"\n";
    for (const saving::LayerRecord& layer : layers)
      std::cout << "  " << layer.path << " (" << layer.class_name << ")"
                << (layer.known ? "" : "  missing in Nyala") << '\n';
    return;
  }
  Config config = Config::dict();
  config["name"] = name;
  config["class_name"] = saving::text_entry(record, "class_name");
  for (const char* key : {"total_params", "trainable_params", "non_trainable_params"})
    config[key] = Config();
  Config list = Config::list();
  for (const saving::LayerRecord& layer : layers) {
    Config entry = Config::dict();
    entry["name"] = layer.path;
    entry["class_name"] = layer.class_name;
    entry["output_shape"] = Config();
    entry["params"] = Config();
    entry["missing"] = !layer.known;
    list.push_back(std::move(entry));
  }
  config["layers"] = std::move(list);
  std::cout << saving::to_json_text(config) << '\n';
}

// Whether it was a file with layers that Nyala lacks.
bool summarize_record(const Options& options) {
  const saving::ModelRecord file = saving::read_model_record(options.model);
  const auto is_missing = [](const saving::LayerRecord& layer) { return !layer.known; };
  const std::vector<saving::LayerRecord> all = saving::layers_of(file.record);
  if (std::none_of(all.begin(), all.end(), is_missing)) return false;
  print_record(file.record, options.json ? saving::layers_of(file.record, 1) : all, options.json);
  return true;
}

void run(const Options& options) {
  Model model;
  try {
    model = open_model(options.model);
  } catch (const Error&) {
    const std::exception_ptr cause = std::current_exception();
    try {
      if (summarize_record(options)) return;
    } catch (const Error&) {
      // The first cause says more.
    }
    std::rethrow_exception(cause);
  }
  if (options.json)
    std::cout << saving::to_json_text(summary_config(model)) << '\n';
  else
    model.summary(std::cout, options.summary);
}

}  // namespace

void add_summary(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("summary", "Print the layers, shapes and parameters");
  add_model_option(*command, options->model);
  command->add_flag("--json", options->json, "Print JSON");
  command->add_flag(
      "--expand-nested", options->summary.expand_nested, "List the layers of models inside");
  command->add_flag(
      "--show-trainable", options->summary.show_trainable, "Say which layers are trained");
  command->callback([options] { run(*options); });
}

}  // namespace nyala::cli
