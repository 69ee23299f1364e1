#include <nyala/models/model_base.hpp>

#include <nyala/models/training/trainer.hpp>
#include <sstream>

namespace nyala {
namespace {

std::vector<std::string> names_of(const SymbolTree& tree) {
  if (tree.kind() == SymbolTree::Kind::dict) return tree.keys();
  std::vector<std::string> names;
  for (const Symbol& symbol : tree.symbols()) names.push_back(symbol.node()->layer->name());
  return names;
}

std::vector<Spec> specs_of(const std::vector<Symbol>& symbols) {
  std::vector<Spec> specs;
  for (const Symbol& symbol : symbols) specs.push_back(symbol.spec());
  return specs;
}

// As Keras: a last axis of size 1 may be missing or too much.
Tensor fit_rank(const Tensor& input, int rank) {
  if (input.rank() == rank + 1 && input.shape().back() == 1) return ops::squeeze(input, -1);
  if (input.rank() + 1 == rank && input.rank() > 0) return ops::expand_dims(input, -1);
  return input;
}

bool fits(const Shape& shape, const Shape& wanted) {
  if (shape.rank() != wanted.rank()) return false;
  for (int axis = 1; axis < shape.rank(); ++axis) {
    if (wanted[axis] != None && shape[axis] != None && shape[axis] != wanted[axis]) return false;
  }
  return true;
}

}  // namespace

const Graph& ModelBase::built_graph(const char* wanted) const {
  if (graph() == nullptr) {
    throw StateError(class_name() + " model '" + name() + "' has no defined " + wanted +
                     " yet: give it an Input, or call it on data first");
  }
  return *graph();
}

ModelBase::ModelBase()
    : trainer_(std::make_unique<Trainer>(
          *this,
          [this] {
            if (graph() == nullptr) return ModelNames();
            constexpr auto dict = SymbolTree::Kind::dict;
            return ModelNames{input_names(),
                              output_names(),
                              graph()->inputs().kind() == dict,
                              graph()->outputs().kind() == dict};
          },
          this)) {}

ModelBase::~ModelBase() = default;

std::vector<std::string> ModelBase::input_names() const {
  return names_of(built_graph("inputs").inputs());
}
std::vector<std::string> ModelBase::output_names() const {
  return names_of(built_graph("outputs").outputs());
}
std::vector<Spec> ModelBase::input_specs() const { return specs_of(inputs()); }
std::vector<Spec> ModelBase::output_specs() const { return specs_of(outputs()); }

std::vector<Tensor> ModelBase::standardize(Inputs<Tensor> inputs) const {
  const std::vector<Symbol>& wanted = graph()->inputs().symbols();
  if (inputs.size() != wanted.size()) {
    std::string names;
    for (const Symbol& symbol : wanted)
      names += (names.empty() ? "'" : ", '") + symbol.node()->layer->name() + "'";
    throw ValueError("Layer \"" + name() + "\" expects " + std::to_string(wanted.size()) +
                     " input(s) [" + names + "], but it received " + std::to_string(inputs.size()) +
                     " input tensors");
  }
  std::vector<Tensor> fitted;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Shape shape = wanted[i].shape();
    const Tensor mask = inputs[i].mask();
    Tensor input = fit_rank(inputs[i], shape.rank());
    if (!fits(input.shape(), shape)) {
      if (!shape.empty()) shape[0] = None;
      throw ShapeError("Input " + std::to_string(i) + " with name '" +
                       wanted[i].node()->layer->name() + "' of layer '" + name() +
                       "' is incompatible with the layer: expected shape=" + shape.str() +
                       ", found shape=" + inputs[i].shape().str());
    }
    if (input.dtype() != wanted[i].dtype()) input = ops::cast(input, wanted[i].dtype());
    if (mask.defined() && !input.is(inputs[i])) input.set_mask(mask);
    fitted.push_back(std::move(input));
  }
  return fitted;
}

std::vector<Tensor> ModelBase::call_all(Inputs<Tensor> inputs, const CallArgs& args) {
  std::vector<Tensor> fitted = standardize(inputs);
  for (std::size_t i = 0; i < fitted.size() && i < args.mask.size(); ++i) {
    if (!args.mask[i].defined() || args.mask[i].is(fitted[i].mask())) continue;
    fitted[i] = ops::reshape(fitted[i], fitted[i].shape());
    fitted[i].set_mask(args.mask[i]);
  }
  return graph()->run(fitted, args.training);
}

StepLogs ModelBase::train_step(const StepInputs& data) {
  return trainer_->default_train_step(data);
}
StepLogs ModelBase::test_step(const StepInputs& data) { return trainer_->default_test_step(data); }
std::vector<Tensor> ModelBase::predict_step(const StepInputs& data) {
  return trainer_->default_predict_step(data);
}
Tensor ModelBase::compute_loss(const StepInputs& data, const std::vector<Tensor>& y_pred, bool) {
  return trainer_->default_compute_loss(data, y_pred);
}
std::vector<IndexedSlices> ModelBase::process_gradients(std::vector<IndexedSlices> gradients,
                                                        const std::vector<Variable>&) {
  return gradients;
}
void ModelBase::build_optimizers(const std::vector<Variable>& trainable) {
  if (!trainable.empty()) trainer_->optimizer().build(trainable);
}
void ModelBase::reset_metrics() {
  for (const metrics::Metric& metric : own_metrics_) metric.reset_state();
}

std::vector<Variable> ModelBase::metric_variables() const {
  std::vector<Variable> all;
  for (const metrics::Metric& metric : own_metrics_)
    all.insert(all.end(), metric.variables().begin(), metric.variables().end());
  return all;
}

SubclassedModel::SubclassedModel(const ModelArgs& args) {
  start("Model", args.name, args.dtype, args.trainable.value_or(true));
}

std::vector<std::shared_ptr<BaseLayer>> SubclassedModel::layers() const {
  std::vector<std::shared_ptr<BaseLayer>> layers;
  for (const auto& child : children()) {
    if (auto layer = std::dynamic_pointer_cast<BaseLayer>(child)) layers.push_back(layer);
  }
  return layers;
}

Config SubclassedModel::get_config() const {
  throw UnsupportedError(label() + " has no get_config of its own, which a subclassed model needs");
}

Tensor SubclassedModel::operator()(const Tensor& x, const CallArgs& args) {
  std::vector<Tensor> outputs = apply(Inputs<Tensor>(&x, 1), args);
  if (outputs.size() == 1) return std::move(outputs[0]);
  throw StateError(label() + " has " + std::to_string(outputs.size()) + " outputs; use apply");
}

const optimizers::Optimizer& SubclassedModel::optimizer() const { return trainer().optimizer(); }

FunctionalModel::FunctionalModel(const SymbolTree& inputs,
                                 const SymbolTree& outputs,
                                 const ModelArgs& args)
    : graph_(inputs, outputs) {
  start("Functional", args.name, args.dtype, args.trainable.value_or(true));
  built_ = true;
  for (const Symbol& input : graph_.inputs().symbols()) build_shapes_.push_back(input.shape());
}

std::vector<std::shared_ptr<BaseLayer>> FunctionalModel::layers() const {
  std::vector<std::shared_ptr<BaseLayer>> layers;
  for (const auto& layer : graph_.operations()) {
    if (!layer->is_operation()) layers.push_back(layer);
  }
  return layers;
}

std::vector<Module::Child> ModelBase::layer_list(
    const std::vector<std::shared_ptr<BaseLayer>>& layers) {
  std::vector<Child> children;
  for (const auto& layer : layers) children.push_back({layer, "layers", true});
  return children;
}

std::vector<Module::Child> FunctionalModel::named_children() const { return layer_list(layers()); }

std::vector<std::shared_ptr<Module>> FunctionalModel::children() const {
  return {graph_.operations().begin(), graph_.operations().end()};
}

}  // namespace nyala
