#include <limits>

#include <nyala/autograd/control_flow/branch.hpp>
#include <nyala/autograd/control_flow/scan.hpp>
#include <nyala/autograd/graph/body.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala::detail {
namespace {

using graph::Body;

// Inputs: the values, then what the condition and the body read beside them. Outputs: the values in
// the end.
struct While {
  static constexpr std::string_view name = "while";
  static constexpr std::string_view doc = "A loop that goes on while a condition holds.";
  using NoGradient = void;
  static constexpr bool moves = true;  // of any dtype: the bodies' ops see to theirs

  std::shared_ptr<const Body> condition = nullptr;
  std::shared_ptr<const Body> body = nullptr;
  std::int64_t condition_id = 0;
  std::int64_t body_id = 0;
  std::int64_t most = 0;

  static constexpr auto fields() {
    return std::tuple{Field{"condition", &While::condition_id, "Which condition."},
                      Field{"body", &While::body_id, "Which body."},
                      Field{"maximum_iterations", &While::most, "How many steps at most."}};
  }

  std::size_t num_values() const { return body->outputs().size(); }

  Specs infer(Inputs<Spec> in) const {
    const std::size_t wanted = condition->inputs().size() + body->inputs().size() - num_values();
    if (in.size() != wanted) {
      throw ValueError("while: received " + std::to_string(in.size()) + " inputs, expected " +
                       std::to_string(wanted));
    }
    const auto expect = [&](std::size_t i, const Spec& spec) {
      ops::expect_spec(name, in[i], spec.shape, spec.dtype);
    };
    for (std::size_t i = 0; i < condition->inputs().size(); ++i) expect(i, condition->inputs()[i]);
    for (std::size_t i = num_values(), at = condition->inputs().size(); at < in.size(); ++i, ++at)
      expect(at, body->inputs()[i]);
    Specs out;
    for (const Spec& spec : body->outputs()) out.push_back(spec);
    return out;
  }
  void forward(Inputs<Tensor> in, std::span<Tensor> out) const {
    const std::size_t count = num_values(), split = condition->inputs().size();
    Tensors asked(split), given(body->inputs().size()), made;
    for (std::size_t i = count; i < split; ++i) asked[i] = in[i];
    for (std::size_t i = count; i < given.size(); ++i) given[i] = in[split + i - count];
    for (std::size_t i = 0; i < count; ++i) given[i] = in[i];
    for (std::int64_t step = 0; step < most; ++step) {
      for (std::size_t i = 0; i < count; ++i) asked[i] = given[i];
      made.clear();
      condition->program().replay({asked.data(), asked.size()}, made);
      if (!made[0].item<bool>()) break;
      made.clear();
      body->program().replay({given.data(), given.size()}, made);
      for (std::size_t i = 0; i < count; ++i) given[i] = std::move(made[i]);
    }
    for (std::size_t i = 0; i < count; ++i) graph::copy_to(out[i].mutable_data(), given[i]);
  }
  static std::vector<SampleOf<While>> samples() { return {}; }
};

graph::BoundBody bound_body(const TensorsFunction& f, const std::vector<Tensor>& values) {
  std::vector<Spec> specs;
  std::vector<std::size_t> varying;
  for (const Tensor& value : values) {
    varying.push_back(specs.size());
    specs.push_back(value.spec());
  }
  const graph::Closure closure = graph::trace_closure(f, specs);
  if (!closure.assigned.empty())
    throw UnsupportedError("while_loop: its function assigns a variable in a traced function");
  std::vector<Tensor> inputs = values;
  inputs.insert(inputs.end(), closure.captured.begin(), closure.captured.end());
  return graph::bind_closure(closure, varying, inputs, closure.tape.outputs);
}

}  // namespace

std::vector<Tensor> while_as_op(const WhileCondition& condition,
                                const TensorsFunction& body,
                                const std::vector<Tensor>& values,
                                std::optional<std::int64_t> maximum_iterations) {
  const auto goes_on = [&](const std::vector<Tensor>& at) {
    return std::vector<Tensor>{ops::cast(ops::reshape(condition(at), {}), DType::bool_)};
  };
  const auto step = [&](const std::vector<Tensor>& at) {
    std::vector<Tensor> next = body(at);
    check_carry("while_loop", at, next);
    return next;
  };
  graph::BoundBody asked = bound_body(goes_on, values), made = bound_body(step, values);
  std::vector<Tensor> inputs = values;
  for (const auto* fixed : {&asked.fixed, &made.fixed})
    inputs.insert(inputs.end(), fixed->begin(), fixed->end());
  While op{.condition = asked.body, .body = made.body};
  op.condition_id = asked.body->id();
  op.body_id = made.body->id();
  op.most = maximum_iterations.value_or(std::numeric_limits<std::int64_t>::max());
  const Tensors outputs = run_multi(op, inputs);
  return {outputs.begin(), outputs.end()};
}

}  // namespace nyala::detail
