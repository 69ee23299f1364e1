#include <nyala/models/saving/legacy_h5.hpp>

#include <algorithm>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/keras_archive.hpp>
#include <nyala/models/saving/legacy_config.hpp>
#include <nyala/models/saving/legacy_optimizer.hpp>

namespace nyala::saving {
namespace {

bool has_texts(const hdf5::Object& object, const std::string& name) {
  return object.has_attribute(name) || object.has_attribute(name + "0");
}

// A list that may be split over several attributes.
std::vector<std::string> texts_of(const hdf5::Object& object, const std::string& name) {
  if (object.has_attribute(name)) return object.texts_attribute(name);
  std::vector<std::string> all;
  for (std::size_t i = 0; object.has_attribute(name + std::to_string(i)); ++i) {
    const auto part = object.texts_attribute(name + std::to_string(i));
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

hdf5::Object weights_group(const hdf5::Object& root) {
  return has_texts(root, "layer_names") ? root : root.at("model_weights");
}

struct StoredLayer {
  std::string name;
  std::vector<StoredTensor> weights;
};

std::vector<StoredTensor> read_weights(const hdf5::Object& group, const hdf5::File& file) {
  std::vector<StoredTensor> weights;
  for (const std::string& name : texts_of(group, "weight_names")) {
    weights.push_back(stored_dataset(group.at(name), file));
  }
  return weights;
}

// Those that have weights, in the order of the model that was saved.
std::vector<StoredLayer> read_layers(const hdf5::Object& group, const hdf5::File& file) {
  std::vector<StoredLayer> layers;
  for (const std::string& name : texts_of(group, "layer_names")) {
    StoredLayer layer{name, read_weights(group.at(name), file)};
    if (!layer.weights.empty()) layers.push_back(std::move(layer));
  }
  return layers;
}

void plan_layer(const BaseLayer& layer,
                StoredLayer stored,
                const LegacyOrigin& origin,
                Assignments& plan) {
  const std::vector<Variable> variables = legacy_variables(layer);
  std::vector<StoredTensor> weights = modern_weights(layer, std::move(stored.weights), origin);
  if (weights.size() != variables.size()) {
    throw ValueError("Weight count mismatch for " + layer.label() + " (" + quote_text(stored.name) +
                     " in the file): the layer has " + std::to_string(variables.size()) +
                     ", the file " + std::to_string(weights.size()));
  }
  for (std::size_t i = 0; i < weights.size(); ++i)
    plan.add(variables[i], std::move(weights[i]), layer.label());
}

// With `skip_mismatch` a layer that does not fit is left as it is.
void plan_or_skip(const BaseLayer& layer,
                  StoredLayer stored,
                  const LegacyOrigin& origin,
                  bool skip_mismatch,
                  Assignments& plan) {
  const std::size_t before = plan.size();
  try {
    plan_layer(layer, std::move(stored), origin, plan);
  } catch (const ValueError& error) {
    if (!skip_mismatch) throw;
    plan.cut(before);
    log_warning(std::string(error.what()) + "; the layer is left as it is");
  }
}

void plan_by_order(const ModelBase& model,
                   std::vector<StoredLayer> stored,
                   const LegacyOrigin& origin,
                   bool skip_mismatch,
                   Assignments& plan) {
  std::vector<std::shared_ptr<BaseLayer>> layers;
  for (const auto& layer : model.layers()) {
    if (!layer->variables().empty()) layers.push_back(layer);
  }
  if (layers.size() != stored.size()) {
    throw ValueError("Layer count mismatch when loading weights from file. Model expected " +
                     std::to_string(layers.size()) + " layers, found " +
                     std::to_string(stored.size()) + " saved layers.");
  }
  for (std::size_t i = 0; i < layers.size(); ++i)
    plan_or_skip(*layers[i], std::move(stored[i]), origin, skip_mismatch, plan);
}

void plan_by_name(const ModelBase& model,
                  const std::vector<StoredLayer>& stored,
                  const LegacyOrigin& origin,
                  bool skip_mismatch,
                  Assignments& plan) {
  for (const StoredLayer& entry : stored) {
    for (const auto& layer : model.layers()) {
      if (layer->name() == entry.name) plan_or_skip(*layer, entry, origin, skip_mismatch, plan);
    }
  }
}

// Attributes of text may be missing or bytes.
std::string text_or_none(const hdf5::Object& object, const std::string& name) {
  return object.has_attribute(name) ? object.text_attribute(name) : std::string();
}

}  // namespace

bool is_legacy_model(const hdf5::Object& root) { return root.has_attribute("model_config"); }

bool is_legacy_weights(const hdf5::Object& root) {
  return has_texts(root, "layer_names") || root.contains("model_weights");
}

LegacyOrigin legacy_origin(const hdf5::Object& root) {
  LegacyOrigin origin;
  for (const char* group : {"", "model_weights"}) {
    const auto object = root.find(group);
    if (!object) continue;
    if (const std::string version = text_or_none(*object, "keras_version"); !version.empty())
      origin.version = version;
    if (const std::string backend = text_or_none(*object, "backend"); !backend.empty())
      origin.backend = backend;
  }
  return origin;
}

Model load_legacy(const hdf5::File& file, const LoadModelArgs& args) {
  const hdf5::Object root = file.root();
  const Config config = parse_json(root.text_attribute("model_config"), args.limits);
  Model model = model_from_record(config, legacy_origin(root).version);
  load_legacy_weights(model.base(), file, {.limits = args.limits});
  if (!args.compile || !root.has_attribute("training_config")) return model;
  compile_saved(
      model.base(),
      modern_compile_config(parse_json(root.text_attribute("training_config"), args.limits)));
  if (const auto group = root.find("optimizer_weights"))
    load_legacy_optimizer(model.base(),
                          texts_of(*group, "weight_names"),
                          read_weights(*group, file),
                          legacy_origin(root));
  return model;
}

void load_legacy_weights(const ModelBase& model,
                         const hdf5::File& file,
                         const LoadWeightsArgs& args) {
  const hdf5::Object root = file.root();
  std::vector<StoredLayer> stored = read_layers(weights_group(root), file);
  const LegacyOrigin origin = legacy_origin(root);
  Assignments plan;
  if (args.by_name.value_or(false))
    plan_by_name(model, stored, origin, args.skip_mismatch, plan);
  else
    plan_by_order(model, std::move(stored), origin, args.skip_mismatch, plan);
  plan.commit();
}

}  // namespace nyala::saving
