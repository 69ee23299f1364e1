#include <nyala/layers/layer.hpp>

#include <algorithm>
#include <mutex>
#include <ostream>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/checked.hpp>
#include <nyala/core/log.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/core/op.hpp>

namespace nyala {
namespace {

// What the layer around this one runs with.
thread_local std::optional<bool> t_training;
thread_local int t_depth = 0;
thread_local LossCollector* t_collector = nullptr;

class CallScope {
 public:
  explicit CallScope(std::optional<bool> training) : saved_(t_training) {
    t_training = training;
    ++t_depth;
  }
  ~CallScope() {
    t_training = saved_;
    --t_depth;
  }
  CallScope(const CallScope&) = delete;
  CallScope& operator=(const CallScope&) = delete;

 private:
  std::optional<bool> saved_;
};

// Building makes variables, whatever is being recorded or traced around it.
class QuietScope {
 public:
  QuietScope() : variables_(std::exchange(detail::variable_listener(), nullptr)) {}
  ~QuietScope() { detail::variable_listener() = variables_; }
  QuietScope(const QuietScope&) = delete;
  QuietScope& operator=(const QuietScope&) = delete;

 private:
  GradientTape::Pause pause_;
  detail::VariableListener* variables_;
};

}  // namespace

LossCollector::LossCollector() : outer_(std::exchange(t_collector, this)) {}
LossCollector::~LossCollector() { t_collector = outer_; }

void BaseLayer::start(std::string class_name,
                      const std::string& name,
                      const DTypePolicy& policy,
                      bool trainable) {
  class_name_ = std::move(class_name);
  if (name.find('/') != std::string::npos) {
    throw ValueError(class_name_ + ": received name \"" + name.substr(0, 200) +
                     "\", expected one without a slash");
  }
  name_ = name.empty() ? unique_name(class_name_) : name;
  policy_ = policy.is_set() ? policy : nyala::dtype_policy();
  trainable_ = trainable;
  const std::string outer = NameScope::current();
  scope_ = outer.empty() ? name_ : outer + "/" + name_;
}

Tensor BaseLayer::call(Inputs<Tensor>, const CallArgs&) {
  throw UnsupportedError(label() + " has no `call`");
}

void BaseLayer::reset_state() { throw StateError(label() + " keeps no state between batches"); }

void BaseLayer::expect_inputs(std::size_t received, std::size_t count) const {
  if (received == count) return;
  throw ValueError(label() + " received " + std::to_string(received) + " inputs, expected " +
                   std::to_string(count));
}

void BaseLayer::expect_no_list(const Shape& shape) const {
  if (!traits().takes_list) return;
  throw ValueError(label() + " should be called on a list of inputs, received one of shape " +
                   shape.str() + " that is in no list");
}

void BaseLayer::expect_rank(const Shape& shape, int rank) const {
  if (shape.rank() == rank) return;
  throw ShapeError(label() + " received shape " + shape.str() + ", expected rank " +
                   std::to_string(rank));
}

void BaseLayer::expect_min_rank(const Shape& shape, int rank) const {
  if (shape.rank() >= rank) return;
  throw ShapeError(label() + " received shape " + shape.str() + ", expected rank " +
                   std::to_string(rank) + " or more");
}

void BaseLayer::expect_size(const Shape& shape, int axis, std::int64_t size) const {
  const std::int64_t received = shape[axis];
  if (received == None || size == None || received == size) return;
  throw ShapeError(label() + " received shape " + shape.str() + ", expected axis " +
                   std::to_string(axis) + " of size " + std::to_string(size));
}

int BaseLayer::expect_axis(const Shape& shape, int axis) const {
  if (axis >= -shape.rank() && axis < shape.rank()) return axis < 0 ? axis + shape.rank() : axis;
  throw IndexError(label() + ": axis " + std::to_string(axis) + " is out of bounds for shape " +
                   shape.str());
}

void BaseLayer::build_for(Inputs<Shape> shapes) {
  if (built_) return;
  check(shapes);
  const QuietScope quiet;
  const NameScope scope(name_);
  scope_ = NameScope::current();
  const Mark before = mark();
  const std::size_t weights_before = weights_.size();
  try {
    build(shapes);
  } catch (...) {
    weights_.resize(weights_before);
    go_back_to(before);
    throw;
  }
  build_shapes_.assign(shapes.begin(), shapes.end());
  built_ = true;
}

Variable BaseLayer::add_weight(const WeightArgs& args) {
  if (!args.shape.is_known()) {
    throw ShapeError(label() + " needs a weight \"" + args.name + "\" of shape " +
                     args.shape.str() + ": a size of the input that must be known is not");
  }
  const DType dtype = args.dtype ? args.dtype->value : variable_dtype();
  const initializers::Initializer initializer =
      args.initializer
          ? args.initializer
          : initializers::Initializer(args.name == "bias" ? "zeros" : "glorot_uniform");
  const QuietScope quiet;
  Variable variable = naming(label(), [&] {
    const std::int64_t bytes =
        checked_multiply(args.shape.num_elements(), static_cast<std::int64_t>(size_of(dtype)), "");
    detail::charge_memory(static_cast<std::uint64_t>(bytes), ("weight " + args.name).c_str());
    return Variable((*initializer)(args.shape, dtype),
                    {.trainable = args.trainable, .name = args.name, .autocast = args.autocast});
  });
  variable.set_path(scope_ + "/" + args.name);
  if (args.constraint) {
    variable.set_constraint(
        [constraint = args.constraint](const Tensor& value) { return (*constraint)(value); });
  }
  weights_.push_back({variable, args.regularizer});
  add_variable(variable);
  return variable;
}

Tensor BaseLayer::cast_input(const Tensor& input) const {
  if (!is_floating(input.dtype()) || input.dtype() == compute_dtype()) return input;
  Tensor cast = ops::cast(input, compute_dtype());
  cast.set_mask(input.mask());
  return cast;
}

void BaseLayer::cast_inputs(BoundCall& call) const {
  if (!casts_inputs() || !is_floating(compute_dtype())) return;
  for (Tensor& input : call.inputs) input = cast_input(input);
  const auto cast = [&](CallValue& value, const auto& self) -> void {
    if (value.is_tensor()) value = cast_input(value.tensor());
    if (!value.is_list()) return;
    for (CallValue& item : value.items()) self(item, self);
  };
  for (auto& [name, value] : call.args.named) cast(value, cast);
}

void BaseLayer::expect_defined(Inputs<Tensor> inputs) const {
  if (inputs.empty()) throw ValueError(label() + " was called without an input");
  for (const Tensor& input : inputs) {
    if (!input.defined())
      throw ValueError(label() + " received an undefined tensor, expected one with values");
  }
}

std::vector<Tensor> BaseLayer::apply(Inputs<Tensor> inputs, const CallArgs& args) {
  return run({{inputs.begin(), inputs.end()}, args});
}

std::vector<Tensor> BaseLayer::apply(const Arguments& arguments,
                                     Inputs<Tensor> tensors,
                                     std::optional<bool> training) {
  if (is_operation()) return run({{tensors.begin(), tensors.end()}, {.training = training}});
  BoundCall call = bind_call(arguments, tensors);
  complete_call(call_signature(), label(), call);
  if (training) call.args.training = training;
  return run(std::move(call));
}

std::vector<Tensor> BaseLayer::run(BoundCall call) {
  complete_call(call_signature(), label(), call);
  expect_defined(call.inputs);
  cast_inputs(call);
  SmallVector<Shape, 3> shapes;
  for (const Tensor& input : call.inputs) shapes.push_back(input.shape());
  const Inputs<Shape> input_shapes(shapes.data(), shapes.size());
  if (built_)
    check(input_shapes);
  else
    build_for(input_shapes);
  CallArgs& args = call.args;
  if (!args.training) args.training = t_training;
  std::vector<Tensor> masks = args.mask;
  if (masks.empty()) {
    for (const Tensor& input : call.inputs) masks.push_back(input.mask());
    // As Keras: where other tensors come by name, implicit masks are not passed to `call`.
    const bool others = std::any_of(args.named.begin(), args.named.end(), [](const auto& entry) {
      return entry.second.holds_tensor();
    });
    args.mask =
        others && call_signature().inputs.size() < 2 ? std::vector<Tensor>(masks.size()) : masks;
  } else if (masks.size() != call.inputs.size()) {
    throw ValueError(label() + " received " + std::to_string(masks.size()) + " masks for " +
                     std::to_string(call.inputs.size()) + " inputs");
  }
  const CallScope scope(args.training);
  const bool is_mixed = casts_inputs() && compute_dtype() != variable_dtype();
  const detail::AutocastScope autocast(is_mixed ? std::optional(compute_dtype()) : std::nullopt);
  if (t_depth == 1 && t_collector == nullptr) clear_call_losses();
  std::vector<Tensor> outputs = is_container()
                                    ? call_all(call.inputs, args)
                                    : naming(label(), [&] { return call_all(call.inputs, args); });
  for (Tensor& output : outputs) {
    // An input given back as it is: a tensor of its own, so that a mask set on it is not the
    // input's.
    for (const Tensor& input : call.inputs) {
      if (output.is(input)) output = ops::reshape(output, output.shape());
    }
  }
  keep_masks(call.inputs, masks, outputs);
  if (const auto* regularizer = activity_regularizer();
      regularizer != nullptr && regularizer->defined()) {
    for (const Tensor& output : outputs) {
      const std::int64_t batch = output.rank() > 0 && output.shape()[0] > 0 ? output.shape()[0] : 1;
      add_loss((**regularizer)(output) / static_cast<double>(batch));
    }
  }
  return outputs;
}

void BaseLayer::keep_masks(Inputs<Tensor> inputs,
                           const std::vector<Tensor>& masks,
                           std::vector<Tensor>& outputs) {
  const bool has_masks = std::all_of(
      outputs.begin(), outputs.end(), [](const Tensor& t) { return t.mask().defined(); });
  if (supports_masking()) {
    if (has_masks) return;
    const std::vector<Tensor> computed = compute_mask(inputs, masks);
    for (std::size_t i = 0; i < outputs.size() && i < computed.size(); ++i) {
      if (computed[i].defined()) outputs[i].set_mask(computed[i]);
    }
  } else if (log_enabled(LogLevel::debug) &&
             std::any_of(masks.begin(), masks.end(), [](const Tensor& m) { return m.defined(); })) {
    log_debug(label() + " does not understand masks: the mask of its input ends here");
  }
}

std::vector<Tensor> BaseLayer::compute_mask(Inputs<Tensor>, const std::vector<Tensor>& masks) {
  return {masks.empty() ? Tensor() : masks[0]};
}

std::int64_t BaseLayer::count_params() const {
  std::int64_t count = 0;
  for (const Variable& variable : weights()) count += variable.size();
  return count;
}

std::vector<Tensor> BaseLayer::get_weights() const {
  std::vector<Tensor> values;
  for (const Variable& variable : weights()) values.push_back(variable.value().clone());
  return values;
}

void BaseLayer::set_weights(const std::vector<Tensor>& values) {
  const std::vector<Variable> variables = weights();
  if (values.size() != variables.size()) {
    throw ValueError(label() + " has " + std::to_string(variables.size()) +
                     " weights and was given " + std::to_string(values.size()));
  }
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i].shape() == variables[i].shape()) continue;
    throw ShapeError(label() + ": weight " + std::to_string(i) + " (\"" + variables[i].path() +
                     "\") has shape " + variables[i].shape().str() +
                     " and was given one of shape " + values[i].shape().str());
  }
  for (std::size_t i = 0; i < values.size(); ++i) variables[i].assign(values[i].clone());
}

bool BaseLayer::holds_coupled_samples() const {
  const auto inside = submodules();
  return std::any_of(inside.begin(), inside.end(), [](const auto& module) {
    const auto* layer = dynamic_cast<const BaseLayer*>(module.get());
    return layer != nullptr && layer->traits().couples_samples;
  });
}

std::vector<Tensor> BaseLayer::losses() const {
  std::vector<Tensor> all;
  append_call_losses(all);
  for (const auto& child : submodules()) {
    if (const auto* layer = dynamic_cast<const BaseLayer*>(child.get()))
      layer->append_call_losses(all);
  }
  for (const Tensor& penalty : regularization_losses()) all.push_back(penalty);
  return all;
}

std::vector<Tensor> BaseLayer::regularization_losses() const {
  const std::vector<Variable> trained = trainable_variables();
  std::vector<Tensor> penalties;
  const auto add = [&](const BaseLayer& layer) {
    for (const Weight& weight : layer.weights_) {
      if (weight.regularizer && contains(trained, weight.variable))
        penalties.push_back((*weight.regularizer)(weight.variable));
    }
  };
  add(*this);
  for (const auto& child : submodules()) {
    if (const auto* layer = dynamic_cast<const BaseLayer*>(child.get())) add(*layer);
  }
  return penalties;
}

void BaseLayer::append_call_losses(std::vector<Tensor>& to) const {
  const std::lock_guard lock(call_losses_mutex_);
  to.insert(to.end(), call_losses_.begin(), call_losses_.end());
}

// Few layers have any: the others are passed without a lock.
void BaseLayer::clear_call_losses() {
  if (has_call_losses_.load(std::memory_order_relaxed)) {
    const std::lock_guard lock(call_losses_mutex_);
    call_losses_.clear();
    has_call_losses_.store(false, std::memory_order_relaxed);
  }
  for (const auto& child : children()) {
    if (auto* layer = dynamic_cast<BaseLayer*>(child.get())) layer->clear_call_losses();
  }
}

void BaseLayer::add_loss(const Tensor& loss) {
  if (t_collector != nullptr) {
    t_collector->losses_.push_back(loss);
    return;
  }
  const std::lock_guard lock(call_losses_mutex_);
  call_losses_.push_back(loss);
  has_call_losses_.store(true, std::memory_order_relaxed);
}

}  // namespace nyala
