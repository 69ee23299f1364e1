#include <atomic>
#include <unordered_map>

#include <nyala/autograd/graph/program.hpp>

namespace nyala::graph {

// Listens while a function runs on abstract tensors.
class Tracer final : public Listener, public detail::VariableListener {
 public:
  explicit Tracer(Program& program) : program_(program) {
    static std::atomic<std::uint64_t> traces{0};
    id_ = traces.fetch_add(1, std::memory_order_relaxed) + 1;
    saved_ = detail::listeners();
    saved_variables_ = detail::variable_listener();
    detail::listeners().tracer = this;
    detail::listeners().trace = id_;
    detail::variable_listener() = this;
  }
  ~Tracer() {
    detail::listeners().tracer = saved_.tracer;
    detail::listeners().trace = saved_.trace;
    detail::variable_listener() = saved_variables_;
  }
  Tracer(const Tracer&) = delete;
  Tracer& operator=(const Tracer&) = delete;

  Tensor add_input(const Spec& spec) {
    return new_abstract(spec, {Source::Kind::input, num_inputs_++, {}, {}});
  }

  std::int32_t value_of(const Tensor& tensor) {
    const detail::TensorImpl& impl = *tensor.impl();
    if (impl.trace == id_) return static_cast<std::int32_t>(impl.traced);
    if (tensor.is_abstract()) {
      throw StateError("a function was traced with an abstract tensor of shape " +
                       tensor.shape().str() + " from outside; give it as an argument");
    }
    const auto [place, is_new] = constants_.try_emplace(&impl, next_value());
    if (is_new) program_.values_.push_back({Source::Kind::constant, 0, tensor, {}});
    return place->second;
  }

  void on_op(const OpDef& def,
             const void* options,
             Inputs<Tensor> inputs,
             std::span<Tensor> outputs) override {
    Step step{AnyOp(def, options), {}, {}, {}, {}};
    for (const Tensor& input : inputs) step.inputs.push_back(value_of(input));
    for (const Tensor& output : outputs) {
      step.outputs.push_back(number(output, {}));
      step.specs.push_back(output.spec());
    }
    program_.steps_.push_back(std::move(step));
  }

  Tensor on_read(const Variable& variable) override {
    const auto found = variables_.find(variable.id());
    if (found != variables_.end()) return found->second;
    const Tensor value = new_abstract({variable.shape(), variable.dtype()},
                                      {Source::Kind::variable, 0, {}, variable});
    detail::mark_value(value, variable);
    variables_.emplace(variable.id(), value);
    return value;
  }

  void on_assign(const Variable& variable, const Tensor& value) override {
    const std::int32_t place = value_of(value);
    // A tensor of its own: it is the variable's value, which `value` itself is not.
    const Tensor now = Tensor::abstract(value.shape(), value.dtype());
    now.impl()->trace = id_;
    now.impl()->traced = place;
    detail::mark_value(now, variable);
    variables_[variable.id()] = now;
    for (auto& [assigned, assigned_place] : program_.assigned_) {
      if (!assigned.is(variable)) continue;
      assigned_place = place;
      return;
    }
    program_.assigned_.emplace_back(variable, place);
  }

 private:
  std::int32_t next_value() const { return static_cast<std::int32_t>(program_.values_.size()); }
  std::int32_t number(const Tensor& tensor, Source source) {
    const std::int32_t value = next_value();
    tensor.impl()->trace = id_;
    tensor.impl()->traced = value;
    program_.values_.push_back(std::move(source));
    return value;
  }
  Tensor new_abstract(const Spec& spec, Source source) {
    Tensor tensor = Tensor::abstract(spec.shape, spec.dtype);
    number(tensor, std::move(source));
    return tensor;
  }

  Program& program_;
  std::uint64_t id_;
  detail::Listeners saved_;
  detail::VariableListener* saved_variables_;
  std::size_t num_inputs_ = 0;
  std::unordered_map<const detail::TensorImpl*, std::int32_t> constants_;
  std::unordered_map<std::uint64_t, Tensor> variables_;
};

std::shared_ptr<const Program> Program::trace(const TensorFunction& f,
                                              const std::vector<Spec>& inputs) {
  auto program = std::make_shared<Program>();
  Tracer tracer(*program);
  std::vector<Tensor> arguments;
  for (const Spec& spec : inputs) {
    if (!spec.shape.is_known()) {
      throw ShapeError("function: received shape " + spec.shape.str() + ", expected known sizes");
    }
    arguments.push_back(tracer.add_input(spec));
  }
  for (const Tensor& output : f(arguments)) {
    program->outputs_.push_back(tracer.value_of(output));
  }
  program->drop_dead_steps();
  program->find_last_uses();
  return program;
}

}  // namespace nyala::graph
