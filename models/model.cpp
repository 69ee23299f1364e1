#include <nyala/models/model.hpp>

namespace nyala {

Model::Model(const SymbolTree& inputs, const SymbolTree& outputs, const ModelArgs& args)
    : Layer(std::make_shared<FunctionalModel>(inputs, outputs, args)) {}

Model Model::from(const Layer& layer) {
  auto model = std::dynamic_pointer_cast<ModelBase>(layer.shared());
  if (model == nullptr) {
    throw TypeError((layer.defined() ? layer->label() : std::string("an empty layer")) +
                    " is not a model");
  }
  return Model(std::move(model));
}

ModelBase& Model::base() const {
  if (layer_ == nullptr) throw StateError("a Model was used that holds none");
  return static_cast<ModelBase&>(*layer_);
}

std::vector<Layer> Model::layers() const {
  const auto layers = base().layers();
  return {layers.begin(), layers.end()};
}

Layer Model::get_layer(const std::string& name) const {
  std::string names;
  for (const Layer& layer : layers()) {
    if (layer.name() == name) return layer;
    names += (names.empty() ? "'" : ", '") + layer.name() + "'";
  }
  throw ValueError("No such layer: " + name.substr(0, 200) + ". Existing layers are: [" + names +
                   "].");
}

Layer Model::get_layer(int index) const {
  const std::vector<Layer> all = layers();
  const int count = static_cast<int>(all.size());
  if (index < -count || index >= count) {
    throw IndexError("Was asked to retrieve layer at index " + std::to_string(index) +
                     " but model only has " + std::to_string(count) + " layers.");
  }
  return all[static_cast<std::size_t>(index < 0 ? index + count : index)];
}

void Model::summary(std::ostream& out, const SummaryArgs& args) const {
  print_summary(base(), out, args);
}

Sequential::Sequential(std::initializer_list<Layer> layers, const ModelArgs& args)
    : Sequential(std::vector<Layer>(layers), args) {}

Sequential::Sequential(const std::vector<Layer>& layers, const ModelArgs& args)
    : Model(std::make_shared<SequentialModel>(args)) {
  std::vector<std::shared_ptr<BaseLayer>> shared;
  for (const Layer& layer : layers) shared.push_back(layer.shared());
  if (!shared.empty()) static_cast<SequentialModel&>(base()).add(shared);
}

void Sequential::add(const Layer& layer) const {
  static_cast<SequentialModel&>(base()).add({layer.shared()});
}

Layer Sequential::pop() const { return static_cast<SequentialModel&>(base()).pop(); }

void Sequential::build(const Shape& input_shape) const {
  base().build_for(Inputs<Shape>(&input_shape, 1));
}

}  // namespace nyala
