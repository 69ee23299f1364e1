// A scan's body as a tape, and the call of the op.
#include <algorithm>

#include <nyala/autograd/control_flow/scan_op.hpp>

namespace nyala::detail {

std::optional<ScanResult> scan_as_op(const FixedBody& f, const ScanInputs& in) {
  const std::size_t num_carries = in.carry.size(), num_xs = in.xs.size();
  std::vector<Spec> specs;
  for (const Tensor& carry : in.carry) specs.push_back(carry.spec());
  for (const Tensor& x : in.xs) {
    Shape step = x.shape();
    step.erase(0);
    specs.push_back({step, x.dtype()});
  }
  for (const Tensor& fixed : in.fixed) specs.push_back(fixed.spec());
  std::size_t num_results = 0;
  const auto step = [&](const std::vector<Tensor>& given) {
    const auto x = given.begin() + static_cast<std::ptrdiff_t>(num_carries);
    const auto fixed = x + static_cast<std::ptrdiff_t>(num_xs);
    const std::vector<Tensor> before(given.begin(), x);
    ScanResult made = f(before, {x, fixed}, {fixed, given.end()});
    check_carry("scan", before, made.carry);
    num_results = made.results.size();
    made.carry.insert(made.carry.end(), made.results.begin(), made.results.end());
    return made.carry;
  };
  const graph::Closure closure = graph::trace_closure(step, specs);
  if (closure.has_custom_gradient) return {};

  // Variables that the body assigns are carried behind its own carry.
  std::vector<Tensor> outer = in.carry;
  outer.insert(outer.end(), in.xs.begin(), in.xs.end());
  outer.insert(outer.end(), in.fixed.begin(), in.fixed.end());
  outer.insert(outer.end(), closure.captured.begin(), closure.captured.end());
  std::vector<std::size_t> varying;
  std::vector<graph::ValueId> made = closure.tape.outputs;
  auto behind_carry = made.begin() + static_cast<std::ptrdiff_t>(num_carries);
  for (std::size_t i = 0; i < num_carries; ++i) varying.push_back(i);
  for (const graph::Closure::Assigned& assigned : closure.assigned) {
    varying.push_back(assigned.input);
    behind_carry = made.insert(behind_carry, assigned.value) + 1;
  }
  for (std::size_t i = 0; i < num_xs; ++i) varying.push_back(num_carries + i);
  graph::BoundBody bound = graph::bind_closure(closure, varying, outer, made);

  ScanInputs all{.length = in.length, .reverse = in.reverse};
  const std::size_t num_all = num_carries + closure.assigned.size();
  for (std::size_t i = 0; i < varying.size(); ++i)
    (i < num_all ? all.carry : all.xs).push_back(outer[varying[i]]);
  all.fixed = std::move(bound.fixed);
  const Tensors outputs = run_scan(bound.body, all);
  const Tensor* const assigned = outputs.begin() + num_carries;
  for (std::size_t i = 0; i < closure.assigned.size(); ++i)
    closure.assigned[i].variable.assign(assigned[i]);
  const Tensor* const results = outputs.begin() + num_all;
  return ScanResult{{outputs.begin(), assigned}, {results, results + num_results}};
}

Tensors run_scan(const std::shared_ptr<const graph::Body>& body, const ScanInputs& in) {
  std::vector<Tensor> inputs = in.carry;
  inputs.insert(inputs.end(), in.xs.begin(), in.xs.end());
  inputs.insert(inputs.end(), in.fixed.begin(), in.fixed.end());
  Scan op{.body = body,
          .num_carries = static_cast<std::int64_t>(in.carry.size()),
          .num_xs = static_cast<std::int64_t>(in.xs.size()),
          .length = in.length,
          .reverse = in.reverse};
  const Listeners& to = listeners();
  std::vector<bool> wants;
  for (const Tensor& input : inputs) wants.push_back(to.tape != nullptr && is_watched(to, input));
  if (std::find(wants.begin(), wants.end(), true) != wants.end()) {
    PreparedScan prepared = prepare_scan(*body, in.carry.size(), in.xs.size(), wants);
    op.body = std::move(prepared.body);
    op.backward = std::move(prepared.backward);
  }
  op.body_id = op.body->id();
  Tensors outputs = run_multi(op, {inputs.data(), inputs.size()});
  outputs.resize(body->outputs().size());
  return outputs;
}

}  // namespace nyala::detail
