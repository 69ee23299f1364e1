#include <algorithm>

#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala {
namespace {

Config dict(std::initializer_list<std::pair<const char*, Config>> entries) {
  Config config = Config::dict();
  for (const auto& [key, value] : entries) config[key] = value;
  return config;
}

Config tensor_record(const Graph& graph, const Symbol& symbol) {
  Config history = Config::list();
  history.push_back(symbol.node()->layer->name());
  history.push_back(graph.index_of(*symbol.node()));
  history.push_back(static_cast<std::int64_t>(symbol.index()));
  return dict({{"class_name", "__keras_tensor__"},
               {"config",
                dict({{"shape", ConfigCodec<Shape>::to(symbol.shape())},
                      {"dtype", ConfigCodec<DType>::to(symbol.dtype())},
                      {"keras_history", history}})}});
}

// A model's call with a list has a mask for each.
Config no_masks(const GraphNode& node) {
  if (node.arguments.positional.empty() || !node.arguments.positional[0].is_list()) return {};
  return Config::List(node.inputs.size());
}

// Keras fills in `training` and `mask` where a call gives nothing but one tensor of the layer's
// dtype; in models, always.
void fill_in(const GraphNode& node, Config& kwargs) {
  const BaseLayer& layer = *node.layer;
  const Arguments& call = node.arguments;
  if (layer.is_operation()) return;
  if (!layer.is_container()) {
    const bool plain = call.named.empty() && call.positional.size() == 1 &&
                       call.positional[0].is_symbol() &&
                       node.inputs[0].dtype() == layer.compute_dtype();
    if (!plain) return;
  }
  const LayerTraits traits = layer.traits();
  if (traits.training == DefaultTraining::off && !kwargs.contains("training"))
    kwargs["training"] = false;
  if (traits.takes_mask && !kwargs.contains("mask")) kwargs["mask"] = no_masks(node);
}

Config call_record(const Graph& graph, const GraphNode& node) {
  std::vector<Config> tensors;
  for (const Symbol& input : node.inputs) tensors.push_back(tensor_record(graph, input));
  Config args = Config::list();
  for (const Argument& argument : node.arguments.positional)
    args.push_back(argument.record(tensors));
  Config kwargs = Config::dict();
  for (const auto& [name, argument] : node.arguments.named) kwargs[name] = argument.record(tensors);
  fill_in(node, kwargs);
  return dict({{"args", args}, {"kwargs", kwargs}});
}

Config triple(const Graph& graph, const Symbol& symbol) {
  Config config = Config::list();
  config.push_back(symbol.node()->layer->name());
  // Keras counts a nested model's own construction as its first call, here and only here.
  const std::int64_t own = symbol.node()->layer->class_name() == "Functional" ? 1 : 0;
  config.push_back(graph.index_of(*symbol.node()) + own);
  config.push_back(static_cast<std::int64_t>(symbol.index()));
  return config;
}

Config tree_record(const Graph& graph, const SymbolTree& tree) {
  if (tree.kind() == SymbolTree::Kind::single) return triple(graph, tree.symbols()[0]);
  Config config = tree.kind() == SymbolTree::Kind::list ? Config::list() : Config::dict();
  for (std::size_t i = 0; i < tree.symbols().size(); ++i) {
    const Config item = triple(graph, tree.symbols()[i]);
    if (tree.kind() == SymbolTree::Kind::list)
      config.push_back(item);
    else
      config[tree.keys()[i]] = item;
  }
  return config;
}

}  // namespace

Config FunctionalModel::get_config() const {
  const Graph& graph = graph_;
  Config layers = Config::list();
  for (const auto& layer : graph.operations()) {
    Config record = saving::serialize_layer(*layer);
    record["name"] = layer->name();
    Config calls = Config::list();
    for (const Graph::Node& node : graph.calls_of(*layer)) {
      if (!node->inputs.empty()) calls.push_back(call_record(graph, *node));
    }
    record["inbound_nodes"] = calls;
    layers.push_back(std::move(record));
  }
  return dict({{"name", name()},
               {"trainable", trainable()},
               {"layers", std::move(layers)},
               {"input_layers", tree_record(graph, graph.inputs())},
               {"output_layers", tree_record(graph, graph.outputs())}});
}

Config SequentialModel::get_config() const {
  Config layers = Config::list();
  for (const auto& layer : layers_) layers.push_back(saving::serialize_layer(*layer));
  Config config = dict({{"name", name()},
                        {"trainable", trainable()},
                        {"dtype", ConfigCodec<DTypePolicy>::to(dtype_policy())},
                        {"layers", std::move(layers)}});
  if (graph_ != nullptr) config["build_input_shape"] = ConfigCodec<Shape>::to(build_shapes()[0]);
  return config;
}

void ModelBase::finish_record(Config& record) const {
  record["compile_config"] = trainer().get_compile_config();
}

void FunctionalModel::finish_record(Config& record) const {
  record["registered_name"] = "Functional";
  record["build_config"] = dict({{"input_shape", Config()}});
  ModelBase::finish_record(record);
}

std::string Model::to_json() const { return saving::to_json_text(saving::serialize_layer(base())); }

}  // namespace nyala
