#include <algorithm>
#include <numeric>

#include <nyala/autograd/control_flow/branch.hpp>
#include <nyala/autograd/graph/body.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala::detail {
namespace {

using graph::Body;
using Bodies = std::vector<std::shared_ptr<const Body>>;

// Inputs: the index, then those of each body. Outputs: those of the body that runs.
struct ChooseBranch {
  static constexpr std::string_view name = "branch";
  static constexpr std::string_view doc = "The outputs of one of several bodies.";
  static constexpr Saves saves = Saves::inputs;
  static constexpr bool partial_gradients = true;
  static constexpr bool moves = true;  // of any dtype: the bodies' ops see to theirs

  std::shared_ptr<const Bodies> bodies = nullptr;
  std::string ids = {};

  static constexpr auto fields() {
    return std::tuple{Field{"bodies", &ChooseBranch::ids, "Which bodies."}};
  }
  static ChooseBranch of(Bodies bodies) {
    ChooseBranch op;
    for (const auto& body : bodies)
      op.ids += (op.ids.empty() ? "" : " ") + std::to_string(body->id());
    op.bodies = std::make_shared<const Bodies>(std::move(bodies));
    return op;
  }

  // The first of a body's inputs.
  std::size_t first_of(std::size_t which) const {
    std::size_t first = 1;
    for (std::size_t i = 0; i < which; ++i) first += (*bodies)[i]->inputs().size();
    return first;
  }
  Specs infer(Inputs<Spec> in) const {
    if (in.size() != first_of(bodies->size()))
      throw ValueError("branch: received " + std::to_string(in.size()) + " inputs, expected " +
                       std::to_string(first_of(bodies->size())));
    ops::expect_spec(name, in[0], {}, DType::int32);
    std::size_t next = 1;
    for (const auto& body : *bodies) {
      for (const Spec& spec : body->inputs())
        ops::expect_spec(name, in[next++], spec.shape, spec.dtype);
    }
    Specs out;
    for (const Spec& spec : (*bodies)[0]->outputs()) out.push_back(spec);
    return out;
  }
  void forward(Inputs<Tensor> in, std::span<Tensor> out) const {
    const auto last = static_cast<std::int32_t>(bodies->size()) - 1;
    const auto which = static_cast<std::size_t>(std::clamp(in[0].item<std::int32_t>(), 0, last));
    const Body& body = *(*bodies)[which];
    Tensors made;
    body.program().replay({in.begin() + first_of(which), body.inputs().size()}, made);
    for (std::size_t i = 0; i < made.size(); ++i) graph::copy_to(out[i].mutable_data(), made[i]);
  }
  Grads vjp(const Saved& saved, Inputs<Tensor> dys) const;
  static std::vector<SampleOf<ChooseBranch>> samples() { return {}; }
};

// A branch again, of the gradients of each: zeros by the inputs of the others.
Grads ChooseBranch::vjp(const Saved& saved, Inputs<Tensor> dys) const {
  std::vector<std::size_t> wanted;
  for (std::size_t i = 1; i < saved.num_inputs(); ++i) {
    if (is_floating(saved.dtype(i)) && saved.wants(i)) wanted.push_back(i);
  }
  std::vector<Branch> branches;
  for (std::size_t which = 0; which < bodies->size(); ++which) {
    branches.emplace_back([&, which] {
      const Body& body = *(*bodies)[which];
      const std::size_t first = first_of(which), end = first + body.inputs().size();
      std::vector<Tensor> inputs, targets;
      GradientArgs flow{.unconnected_gradients = UnconnectedGradients::zero};
      GradientTape tape;
      // Tensors of their own: those from outside belong to other tapes.
      for (std::size_t i = first; i < end; ++i)
        inputs.push_back(ops::reshape(saved.input(i), saved.shape(i)));
      std::vector<Tensor> sources;
      for (const std::size_t i : wanted) {
        if (i < first || i >= end) continue;
        sources.push_back(inputs[i - first]);
        tape.watch(sources.back());
      }
      const std::vector<Tensor> outputs = graph::replay_tape(body.tape(), inputs);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (!dys[i].defined()) continue;
        targets.push_back(outputs[i]);
        flow.output_gradients.push_back(dys[i]);
      }
      const std::vector<Tensor> own = tape.gradient(targets, sources, flow);
      std::vector<Tensor> grads;
      std::size_t next = 0;
      for (const std::size_t i : wanted) {
        const bool is_own = i >= first && i < end;
        grads.push_back(is_own ? own[next++] : ops::zeros(saved.shape(i), {saved.dtype(i)}));
      }
      return grads;
    });
  }
  const std::vector<Tensor> made = branch_as_op(saved.input(0), branches);
  Grads grads(saved.num_inputs());
  for (std::size_t k = 0; k < wanted.size(); ++k) grads[wanted[k]] = made[k];
  return grads;
}

void check_alike(const std::vector<Spec>& first, const std::vector<Spec>& other) {
  if (first.size() != other.size()) {
    throw ValueError("cond: its branches returned " + std::to_string(first.size()) + " and " +
                     std::to_string(other.size()) + " tensors, expected as many");
  }
  for (std::size_t i = 0; i < first.size(); ++i) {
    if (first[i] == other[i]) continue;
    throw ValueError("cond: its branches returned as tensor " + std::to_string(i) + " shapes " +
                     first[i].shape.str() + " and " + other[i].shape.str() + " of dtypes " +
                     std::string(name_of(first[i].dtype)) + " and " +
                     std::string(name_of(other[i].dtype)) + ", expected the same");
  }
}

}  // namespace

std::vector<Tensor> branch_as_op(const Tensor& index, const std::vector<Branch>& branches) {
  std::vector<Tensor> inputs = {ops::cast(index, DType::int32)};
  Bodies bodies;
  for (const Branch& branch : branches) {
    const graph::Closure closure =
        graph::trace_closure([&](const std::vector<Tensor>&) { return branch(); }, {});
    if (!closure.assigned.empty() || closure.has_custom_gradient) {
      throw UnsupportedError(
          "cond: a branch in a traced function assigns a variable or calls custom_gradient, which "
          "one op can not");
    }
    if (!closure.tape.undefined_outputs.empty())
      throw ValueError("cond: a branch returned an undefined tensor");
    std::vector<std::size_t> all(closure.captured.size());
    std::iota(all.begin(), all.end(), std::size_t{0});  // nothing is computed before the branch
    graph::BoundBody bound =
        graph::bind_closure(closure, all, closure.captured, closure.tape.outputs);
    inputs.insert(inputs.end(), closure.captured.begin(), closure.captured.end());
    inputs.insert(inputs.end(), bound.fixed.begin(), bound.fixed.end());
    bodies.push_back(std::move(bound.body));
    check_alike(bodies[0]->outputs(), bodies.back()->outputs());
  }
  const Tensors outputs = run_multi(ChooseBranch::of(std::move(bodies)), inputs);
  return {outputs.begin(), outputs.end()};
}

}  // namespace nyala::detail
