#include <nyala/models/model.hpp>

#include <algorithm>

#include <nyala/autograd/graph/program.hpp>

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

ModelBase& Model::base(const char* call) const {
  if (layer_ == nullptr)
    throw StateError(std::string(call) + "() was called on an empty Model, which holds none");
  return static_cast<ModelBase&>(*layer_);
}

const Tensor& Outputs::operator[](const std::string& name) const {
  const auto found = std::find(names_.begin(), names_.end(), name);
  if (found != names_.end()) return (*this)[static_cast<std::size_t>(found - names_.begin())];
  std::string known;
  for (const std::string& other : names_) known += (known.empty() ? "'" : ", '") + other + "'";
  throw IndexError("there is no output '" + name.substr(0, 200) + "'; the outputs are [" + known +
                   "]");
}

void Outputs::expect_count(std::size_t count) const {
  if (size() == count) return;
  throw ValueError(std::to_string(count) + " outputs were unpacked of a model that has " +
                   std::to_string(size()));
}

std::vector<Layer> Model::layers() const {
  const auto layers = base("layers").layers();
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

namespace {

template <class List>
Tensor only(List outputs, const ModelBase& model) {
  if (outputs.size() == 1) return std::move(outputs[0]);
  throw StateError(model.label() + " has " + std::to_string(outputs.size()) +
                   " outputs; use predict_all");
}

}  // namespace

History Model::fit(const Data& x, const Data& y, const FitArgs& args) const {
  return base("fit").trainer().fit(x, y, args);
}
History Model::fit(DataSource& source, const FitArgs& args) const {
  return base("fit").trainer().fit(source, args);
}
EvaluateResult Model::evaluate(const Data& x, const Data& y, const EvaluateArgs& args) const {
  return base("evaluate").trainer().evaluate(x, y, args);
}
EvaluateResult Model::evaluate(DataSource& source, const EvaluateArgs& args) const {
  return base("evaluate").trainer().evaluate(source, args);
}
Tensor Model::predict(const Data& x, const PredictArgs& args) const {
  return only(base("predict").trainer().predict(x, args), base("predict"));
}
Outputs Model::predict_all(const Data& x, const PredictArgs& args) const {
  const ModelBase& model = base("predict_all");
  std::vector<Tensor> tensors = model.trainer().predict(x, args);
  std::vector<std::string> names;
  if (model.graph() != nullptr) names = model.output_names();
  return {std::move(tensors), std::move(names)};
}
EvaluateResult Model::train_on_batch(const Data& x,
                                     const Data& y,
                                     const TrainOnBatchArgs& args) const {
  return base("train_on_batch").trainer().train_on_batch(x, y, args);
}
EvaluateResult Model::test_on_batch(const Data& x,
                                    const Data& y,
                                    const TestOnBatchArgs& args) const {
  return base("test_on_batch").trainer().test_on_batch(x, y, args);
}
Tensor Model::predict_on_batch(const Data& x) const {
  return only(base("predict_on_batch").trainer().predict_on_batch(x), base("predict_on_batch"));
}

graph::Program Model::train_program(const Data& x, const Data& y) const {
  return base("train_program").trainer().train_program(x, y);
}
graph::Program Model::predict_program(const Data& x) const {
  return base("predict_program").trainer().predict_program(x);
}

void Model::summary(std::ostream& out, const SummaryArgs& args) const {
  const Trainer& trainer = base("summary").trainer();
  std::optional<OptimizerSize> slots;
  if (trainer.compiled() && trainer.optimizer()->built()) {
    slots.emplace();
    for (const Variable& variable : trainer.optimizer()->variables()) {
      slots->count += variable.size();
      slots->bytes += variable.size() * static_cast<std::int64_t>(size_of(variable.dtype()));
    }
  }
  print_summary(base(), out, args, slots);
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
  static_cast<SequentialModel&>(base("add")).add({layer.shared()});
}

Layer Sequential::pop() const { return static_cast<SequentialModel&>(base("pop")).pop(); }

void Sequential::build(const Shape& input_shape) const {
  base("build").build_for(Inputs<Shape>(&input_shape, 1));
}

}  // namespace nyala
