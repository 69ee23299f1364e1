// nyala inspect: what a model file holds, also where Nyala cannot load it.
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <optional>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/model_record.hpp>

#include "commands.hpp"
#include "model_file.hpp"
#include "training.hpp"

namespace nyala::cli {
namespace {

using saving::LayerRecord;
using saving::ModelRecord;

void print(const char* what, const std::string& text) {
  std::cout << what << std::string(14 - std::string(what).size(), ' ') << text << '\n';
}

void print_file(const std::string& path, const ModelRecord& file) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  print("File:", file.format + (error ? "" : ", " + std::to_string(size) + " bytes"));
  print("Written by:",
        (file.keras_version.empty() ? "a Keras that is not named" : "Keras " + file.keras_version) +
            (file.date_saved.empty() ? "" : ", " + file.date_saved));
}

void print_layers(const std::vector<LayerRecord>& layers) {
  std::map<std::string, int> classes;
  for (const LayerRecord& layer : layers) ++classes[layer.class_name];
  std::string text = std::to_string(layers.size());
  const char* separator = ": ";
  for (const auto& [name, count] : classes) {
    text += std::exchange(separator, ", ") + name;
    if (count > 1) text += " x " + std::to_string(count);
  }
  print("Layers:", text);
  std::string missing;
  for (const LayerRecord& layer : layers) {
    if (!layer.known)
      missing += (missing.empty() ? "" : ", ") + layer.class_name + " \"" + layer.path + "\"";
  }
  print("Missing:", missing.empty() ? "nothing" : missing);
}

std::string name_or_text(const Config& value) {
  if (value.is_string()) return value.as_string();
  const Config* name = value.find("class_name");
  if (name == nullptr || !name->is_string()) return value.str();
  const Config* config = value.find("config");
  if (config == nullptr || !config->is_dict() || config->size() == 0) return name->as_string();
  std::string options;
  for (const auto& [key, option] : config->as_dict()) {
    if (option.is_null() || key == "name" || key == "dtype") continue;
    options += (options.empty() ? "" : ", ") + key + "=" + name_or_text(option);
  }
  return name->as_string() + "(" + options + ")";
}

void print_compile(const Config& record) {
  const Config* compile = record.find("compile_config");
  if (compile == nullptr || !compile->is_dict() || compile->size() == 0)
    return print("Compiled:", "no");
  for (const auto& [key, value] : compile->as_dict()) {
    if (value.is_null()) continue;
    const std::string label = key == "optimizer_config" ? "optimizer" : key;
    if (value.is_list()) {
      std::string all;
      for (const Config& item : value.as_list())
        all += (all.empty() ? "" : ", ") + name_or_text(item);
      print("Compiled:", label + " = [" + all + "]");
    } else {
      print("Compiled:", label + " = " + name_or_text(value));
    }
  }
}

std::string symbol_text(const std::string& name, const Symbol& symbol) {
  return name + " " + symbol.shape().str() + " " + std::string(name_of(symbol.dtype()));
}

void print_ends(const Model& model) {
  if (model.base().graph() == nullptr) return print("Inputs:", "not known before the first call");
  const std::vector<std::string> inputs = model.input_names();
  for (std::size_t i = 0; i < inputs.size(); ++i)
    print("Input:", symbol_text(inputs[i], model.inputs()[i]));
  const std::vector<std::string> outputs = model.output_names();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    print("Output:", symbol_text(outputs[i], model.outputs()[i]));
}

void print_optimizer(const Model& model) {
  const Trainer& trainer = model.base().trainer();
  if (!trainer.compiled()) return;
  const optimizers::Optimizer& optimizer = trainer.optimizer();
  const std::vector<Variable> variables = optimizer.variables();
  // Iteration and learning rate come before the slots.
  const std::size_t own = optimizer.has_schedule() ? 1 : 2;
  print("Optimizer:",
        optimizer->class_name() + " after " +
            std::to_string(optimizer.iterations().value().item<std::int64_t>()) + " steps, " +
            std::to_string(variables.size() - std::min(own, variables.size())) + " slots");
}

void print_model(const Model& model) {
  print_ends(model);
  if (model.built()) {
    print("Parameters:",
          std::to_string(model.count_params()) + " in " + std::to_string(model.weights().size()) +
              " weights");
  }
  print_optimizer(model);
}

void run(const std::string& path) {
  const ModelRecord file = about(path, [&] { return saving::read_model_record(path); });
  print_file(path, file);
  const Config* class_name = file.record.find("class_name");
  const Config* name = file.record.at("config").find("name");
  print("Model:",
        (class_name != nullptr && class_name->is_string() ? class_name->as_string() : "Model") +
            (name != nullptr && name->is_string() ? " \"" + name->as_string() + "\"" : ""));
  print_layers(saving::layers_of(file.record));
  print_compile(file.record);
  try {
    print_model(open_model(path));
  } catch (const Error& error) {
    print("Not loaded:", error.what());
  }
}

}  // namespace

void add_inspect(CLI::App& app) {
  const auto path = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand(
      "inspect", "Print what a file holds: versions, layers, what is missing, compile settings");
  add_model_option(*command, *path);
  command->callback([path] { run(*path); });
}

}  // namespace nyala::cli
