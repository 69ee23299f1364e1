#include <nyala/layers/operation.hpp>
#include <nyala/models/built_early.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala {
namespace {

bool is_any_of(const std::string& name, std::initializer_list<const char*> names) {
  for (const char* other : names) {
    if (name == other) return true;
  }
  return false;
}

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

Config masks_of(const GraphNode& node) {
  if (node.form != CallForm::list) return {};
  Config list = Config::list();
  for (std::size_t i = 0; i < node.inputs.size(); ++i) list.push_back({});
  return list;
}

// The arguments that Keras fills in where the call does not give them.
Config layer_kwargs(const GraphNode& node) {
  const std::string& name = node.layer->class_name();
  Config kwargs = Config::dict();
  if (node.training)
    kwargs["training"] = *node.training;
  else if (is_any_of(name, {"Dropout", "GaussianDropout", "GaussianNoise", "AlphaDropout"}))
    kwargs["training"] = false;
  if (is_any_of(name, {"Functional", "Sequential", "BatchNormalization", "Softmax"}))
    kwargs["mask"] = masks_of(node);
  return kwargs;
}

Config call_record(const Graph& graph, const GraphNode& node) {
  std::vector<Config> tensors;
  for (const Symbol& input : node.inputs) tensors.push_back(tensor_record(graph, input));
  if (const auto* operation = dynamic_cast<const Operation*>(node.layer.get()))
    return operation->call_record(tensors);
  Config args = Config::list();
  if (node.form == CallForm::list)
    args.push_back(Config(std::move(tensors)));
  else
    args = Config(std::move(tensors));
  return dict({{"args", args}, {"kwargs", layer_kwargs(node)}});
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

Config functional_config(const FunctionalModel& model) {
  const Graph& graph = *model.graph();
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
  return dict({{"name", model.name()},
               {"trainable", model.trainable()},
               {"layers", std::move(layers)},
               {"input_layers", tree_record(graph, graph.inputs())},
               {"output_layers", tree_record(graph, graph.outputs())}});
}

Config sequential_config(const SequentialModel& model) {
  Config layers = Config::list();
  for (const auto& layer : model.all_layers()) layers.push_back(saving::serialize_layer(*layer));
  Config config = dict({{"name", model.name()},
                        {"trainable", model.trainable()},
                        {"dtype", ConfigCodec<DTypePolicy>::to(model.dtype_policy())},
                        {"layers", std::move(layers)}});
  if (model.graph() != nullptr)
    config["build_input_shape"] = ConfigCodec<Shape>::to(model.build_shapes()[0]);
  return config;
}

Config build_config(const BaseLayer& layer) {
  if (layer.build_shapes().size() == 1)
    return dict({{"input_shape", ConfigCodec<Shape>::to(layer.build_shapes()[0])}});
  Config shapes = Config::list();
  for (const Shape& shape : layer.build_shapes()) shapes.push_back(ConfigCodec<Shape>::to(shape));
  return dict({{"input_shape", shapes}});
}

bool writes_build_config(const BaseLayer& layer) {
  return layer.built() && !layer.build_shapes().empty() && !layer.is_operation() &&
         !is_built_early(layer.class_name());
}

}  // namespace

Config ModelBase::get_config() const {
  if (const auto* model = dynamic_cast<const FunctionalModel*>(this))
    return functional_config(*model);
  return sequential_config(static_cast<const SequentialModel&>(*this));
}

namespace saving {

Config serialize_layer(const BaseLayer& layer) {
  const std::string& name = layer.class_name();
  Config record = Config::dict();
  if (name == "Functional" && dynamic_cast<const ModelBase*>(&layer) != nullptr) {
    record["module"] = "keras.src.models.functional";
    record["class_name"] = name;
    record["config"] = layer.get_config();
    record["registered_name"] = "Functional";
    record["build_config"] = dict({{"input_shape", Config()}});
    record["compile_config"] = static_cast<const ModelBase&>(layer).trainer().get_compile_config();
    return record;
  }
  const auto* model = dynamic_cast<const ModelBase*>(&layer);
  const std::string registered =
      layer.is_operation() ? layer.class_name() : registered_layer_name(name);
  const bool own = !registered.empty() && !layer.is_operation();
  record["module"] = own                ? Config()
                     : model != nullptr ? Config("keras")
                                        : Config(layer.keras_module());
  record["class_name"] = name;
  record["config"] = layer.get_config();
  record["registered_name"] = registered.empty() ? Config() : Config(registered);
  if (writes_build_config(layer)) record["build_config"] = build_config(layer);
  if (model != nullptr) record["compile_config"] = model->trainer().get_compile_config();
  return record;
}

}  // namespace saving

std::string Model::to_json() const { return saving::to_json_text(saving::serialize_layer(base())); }

}  // namespace nyala
