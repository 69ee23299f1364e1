#include <algorithm>
#include <atomic>
#include <unordered_map>
#include <utility>

#include <nyala/autograd/graph/body.hpp>
#include <nyala/autograd/graph/tape_ir.hpp>

namespace nyala::graph {

static thread_local Closure* t_closure = nullptr;

void note_custom_gradient() {
  if (t_closure != nullptr) t_closure->has_custom_gradient = true;
}

// Listens while a function runs on abstract tensors. With a closure, what the function reads from
// around it becomes an input.
class Tracer final : public Listener, public detail::VariableListener {
 public:
  explicit Tracer(Tape& tape, Closure* closure = nullptr) : tape_(tape), closure_(closure) {
    static std::atomic<std::uint64_t> traces{0};
    id_ = traces.fetch_add(1, std::memory_order_relaxed) + 1;
    saved_ = detail::listeners();
    saved_variables_ = detail::variable_listener();
    detail::listeners().tracer = this;
    detail::listeners().trace = id_;
    detail::variable_listener() = this;
    outer_closure_ = std::exchange(t_closure, closure);
  }
  ~Tracer() {
    t_closure = outer_closure_;
    detail::listeners().tracer = saved_.tracer;
    detail::listeners().trace = saved_.trace;
    detail::variable_listener() = saved_variables_;
  }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  Tensor add_input(const Spec& spec) {
    return new_abstract({.kind = Value::Kind::input, .spec = spec, .input = num_inputs_++});
  }

  ValueId value_of(const Tensor& tensor) {
    const detail::TensorImpl& impl = *tensor.impl();
    if (impl.trace == id_) return static_cast<ValueId>(impl.traced);
    if (is_captured(tensor)) return capture(tensor);
    if (tensor.is_abstract()) {
      throw StateError("a function was traced with an abstract tensor of shape " +
                       tensor.shape().str() + " from outside; give it as an argument");
    }
    const auto [place, is_new] = constants_.try_emplace(&impl, next_value());
    if (is_new) {
      tape_.values.push_back(
          {.kind = Value::Kind::constant, .spec = tensor.spec(), .constant = tensor.contiguous()});
      kept_.push_back(tensor);
    }
    return place->second;
  }

  void on_op(const OpDef& def,
             const void* options,
             Inputs<Tensor> inputs,
             std::span<Tensor> outputs) override {
    const bool is_own = std::any_of(inputs.begin(), inputs.end(), [&](const Tensor& input) {
      return input.impl()->trace == id_ || (closure_ != nullptr && is_captured(input));
    });
    if (!is_own) return;
    Step step{AnyOp(def, options), {}, {}};
    for (const Tensor& input : inputs) step.inputs.push_back(value_of(input));
    for (const Tensor& output : outputs) {
      step.outputs.push_back(number(output, {.spec = output.spec()}));
    }
    tape_.steps.push_back(std::move(step));
  }

  Tensor on_read(const Variable& variable) override {
    const auto found = variables_.find(variable.id());
    if (found != variables_.end()) return found->second;
    if (closure_ != nullptr) variable_inputs_.emplace(variable.id(), num_inputs_);
    Tensor value = closure_ == nullptr ? new_abstract({.kind = Value::Kind::variable,
                                                       .spec = {variable.shape(), variable.dtype()},
                                                       .variable = variable})
                                       : new_input(outer_value(variable));
    detail::mark_value(value, variable);
    variables_.emplace(variable.id(), value);
    return value;
  }

  void on_assign(const Variable& variable, const Tensor& value) override {
    if (closure_ != nullptr) on_read(variable);
    const ValueId place = value_of(value);
    // A tensor of its own: it is the variable's value, which `value` itself is not.
    const Tensor now = Tensor::abstract(value.shape(), value.dtype());
    now.impl()->trace = id_;
    now.impl()->traced = place;
    detail::mark_value(now, variable);
    variables_[variable.id()] = now;
    const auto [found, is_new] = assigned_.try_emplace(variable.id(), tape_.assigned.size());
    if (is_new)
      tape_.assigned.emplace_back(variable, place);
    else
      tape_.assigned[found->second].second = place;
  }

  // Moves what the function assigned from the tape to the closure.
  void close() {
    for (const auto& [variable, value] : tape_.assigned)
      closure_->assigned.push_back({variable, variable_inputs_.at(variable.id()), value});
    tape_.assigned.clear();
  }

 private:
  bool is_captured(const Tensor& tensor) const {
    if (closure_ == nullptr || tensor.impl()->trace == id_) return false;
    // Without a trace it is known by its shape alone: nothing outside can compute it.
    return tensor.is_abstract() ? tensor.impl()->trace != 0
                                : detail::is_watched(detail::listeners(), tensor);
  }
  ValueId capture(const Tensor& tensor) {
    const auto [place, is_new] = constants_.try_emplace(tensor.impl(), next_value());
    if (is_new) {
      new_input(tensor);
      kept_.push_back(tensor);
    }
    return place->second;
  }
  // An input that stands for a tensor from outside.
  Tensor new_input(const Tensor& outer) {
    closure_->captured.push_back(outer);
    return add_input(outer.spec());
  }
  // What a variable is where the function is called.
  Tensor outer_value(const Variable& variable) const {
    const detail::AutocastScope none(std::nullopt);
    detail::VariableListener* const own =
        std::exchange(detail::variable_listener(), saved_variables_);
    Tensor value = variable.value();
    detail::variable_listener() = own;
    return value;
  }

  ValueId next_value() const { return static_cast<ValueId>(tape_.values.size()); }
  ValueId number(const Tensor& tensor, Value value_of_tensor) {
    const ValueId value = next_value();
    tensor.impl()->trace = id_;
    tensor.impl()->traced = value;
    tape_.values.push_back(std::move(value_of_tensor));
    return value;
  }
  Tensor new_abstract(Value value) {
    Tensor tensor = Tensor::abstract(value.spec.shape, value.spec.dtype);
    number(tensor, std::move(value));
    return tensor;
  }

  Tape& tape_;
  Closure* closure_;
  Closure* outer_closure_;
  std::uint64_t id_;
  detail::Listeners saved_;
  detail::VariableListener* saved_variables_;
  std::size_t num_inputs_ = 0;
  std::unordered_map<const detail::TensorImpl*, ValueId> constants_;
  std::vector<Tensor> kept_;  // so that no later tensor has the address of one of these
  std::unordered_map<std::uint64_t, Tensor> variables_;
  std::unordered_map<std::uint64_t, std::size_t> variable_inputs_;  // of a closure, by variable
  std::unordered_map<std::uint64_t, std::size_t> assigned_;  // by variable: where in tape_.assigned
};

namespace {

void trace_into(Tracer& tracer,
                Tape& tape,
                const TensorFunction& f,
                const std::vector<Spec>& inputs) {
  std::vector<Tensor> arguments;
  for (const Spec& spec : inputs) {
    if (!spec.shape.is_known()) {
      throw ShapeError("function: received shape " + spec.shape.str() + ", expected known sizes");
    }
    arguments.push_back(tracer.add_input(spec));
  }
  std::size_t position = 0;
  for (const Tensor& output : f(arguments)) {
    if (output.defined())
      tape.outputs.push_back(tracer.value_of(output));
    else
      tape.undefined_outputs.push_back(position);
    ++position;
  }
}

}  // namespace

Tape trace(const TensorFunction& f, const std::vector<Spec>& inputs) {
  Tape tape;
  Tracer tracer(tape);
  trace_into(tracer, tape, f, inputs);
  return tape;
}

Closure trace_closure(const TensorFunction& f, const std::vector<Spec>& inputs) {
  Closure closure;
  Tracer tracer(closure.tape, &closure);
  trace_into(tracer, closure.tape, f, inputs);
  tracer.close();
  return closure;
}

}  // namespace nyala::graph
