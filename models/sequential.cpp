#include <algorithm>
#include <unordered_map>

#include <nyala/layers/core.hpp>
#include <nyala/models/model_base.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala {
namespace {

bool is_input(const BaseLayer& layer) { return layer.class_name() == "InputLayer"; }

// Whether `module` is `wanted`, or holds it at any depth.
bool holds(const Module& module, const Module& wanted) {
  if (&module == &wanted) return true;
  const auto inside = module.submodules();
  return std::any_of(
      inside.begin(), inside.end(), [&](const auto& other) { return other.get() == &wanted; });
}

}  // namespace

SequentialModel::SequentialModel(const ModelArgs& args) {
  start("Sequential", args.name, args.dtype, args.trainable.value_or(true));
}

std::vector<std::shared_ptr<BaseLayer>> SequentialModel::layers() const {
  if (!layers_.empty() && is_input(*layers_[0])) return {layers_.begin() + 1, layers_.end()};
  return layers_;
}

std::vector<Module::Child> SequentialModel::named_children() const { return layer_list(layers_); }

std::vector<std::shared_ptr<Module>> SequentialModel::children() const {
  return {layers_.begin(), layers_.end()};
}

void SequentialModel::check_new(const Layers& layers, const Layers& added) const {
  std::unordered_map<std::string, const BaseLayer*> names;
  for (const auto& layer : layers) names.emplace(layer->name(), layer.get());
  std::size_t position = layers.size();
  for (const auto& layer : added) {
    if (layer == nullptr) throw ValueError("Sequential model '" + name() + "' was given no layer");
    if (holds(*layer, *this)) {
      throw ValueError(
          "Sequential model '" + name() + "' cannot be put into itself: " +
          (layer.get() == this ? "it was given itself" : layer->label() + " holds it"));
    }
    if (names.emplace(layer->name(), layer.get()).first->second != layer.get()) {
      throw ValueError(
          "All layers added to a Sequential model should have unique names. Name '" +
          layer->name() +
          "' is already the name of a layer in this model. Update the `name` argument to pass a "
          "unique name.");
    }
    if (is_input(*layer) && position != 0) {
      throw ValueError("Sequential model '" + name() +
                       "': an Input must come first and only once, received \"" + layer->name() +
                       "\" as layer " + std::to_string(position));
    }
    ++position;
  }
}

void SequentialModel::add(const std::vector<std::shared_ptr<BaseLayer>>& added) {
  check_new(layers_, added);
  Layers layers = layers_;
  layers.insert(layers.end(), added.begin(), added.end());
  rebuild(std::move(layers));
}

std::shared_ptr<BaseLayer> SequentialModel::pop() {
  if (layers().empty())
    throw StateError("Sequential model '" + name() + "' has no layer to take away");
  Layers layers = layers_;
  auto last = layers.back();
  layers.pop_back();
  rebuild(std::move(layers));
  return last;
}

void SequentialModel::rebuild(Layers layers) {
  if (layers.size() > 1 && is_input(*layers[0])) return set_graph(std::move(layers));
  // A model whose input is known gives its shape to the stack.
  if (layers.size() > 1) {
    const auto* first = dynamic_cast<const ModelBase*>(layers[0].get());
    if (first != nullptr && first->graph() != nullptr && first->inputs().size() == 1) {
      const Spec spec = first->input_specs()[0];
      layers.insert(layers.begin(),
                    Input({.dtype = spec.dtype, .batch_shape = spec.shape}).node()->layer);
      return set_graph(std::move(layers));
    }
  }
  trainer().invalidate();
  graph_.reset();
  built_ = false;
  build_shapes_.clear();
  layers_ = std::move(layers);
  detail::structure_changed();
}

void SequentialModel::set_graph(Layers layers) {
  const Symbol input = input_symbol(layers[0]);
  Symbol x = input;
  for (std::size_t i = 1; i < layers.size(); ++i) {
    const std::vector<Symbol> outputs = layers[i]->apply({x}, CallForm::single);
    if (outputs.size() != 1) {
      throw ValueError("Sequential model '" + name() + "': " + layers[i]->label() + " has " +
                       std::to_string(outputs.size()) + " outputs, expected one");
    }
    x = outputs[0];
  }
  auto graph = std::make_unique<Graph>(input, x);
  unique_name("Functional");  // Keras makes a model of this name inside
  trainer().invalidate();
  graph_ = std::move(graph);
  layers_ = std::move(layers);
  detail::structure_changed();
  built_ = true;
  build_shapes_ = {input.shape()};
}

void SequentialModel::build(Inputs<Shape> shapes) {
  if (layers_.empty()) {
    throw StateError("Sequential model " + name() +
                     " cannot be built because it has no layers. Call add(layer).");
  }
  // The first layer takes several inputs: the layers run one after another, without a graph.
  if (shapes.size() != 1) return;
  if (is_input(*layers_[0])) return;  // only an Input: nothing to connect
  Layers layers = layers_;
  const auto input =
      Input({.dtype = layers[0]->compute_dtype(), .batch_shape = shapes[0]}).node()->layer;
  layers.insert(layers.begin(), input);
  set_graph(std::move(layers));
}

std::vector<Tensor> SequentialModel::call_all(Inputs<Tensor> inputs, const CallArgs& args) {
  if (graph_ != nullptr) return ModelBase::call_all(inputs, args);
  std::vector<Tensor> x(inputs.begin(), inputs.end());
  CallArgs first = args;
  for (const auto& layer : layers()) {
    x = layer->apply(Inputs<Tensor>(x), first);
    first.mask.clear();
  }
  return x;
}

}  // namespace nyala
