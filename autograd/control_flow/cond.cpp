// cond, switch_case and while_loop where their condition is known, and where it is not.
#include <algorithm>

#include <nyala/autograd/control_flow.hpp>
#include <nyala/autograd/control_flow/branch.hpp>
#include <nyala/autograd/control_flow/scan.hpp>
#include <nyala/autograd/guard.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::ops {

std::vector<Tensor> cond(const Tensor& pred,
                         const std::function<std::vector<Tensor>()>& true_fn,
                         const std::function<std::vector<Tensor>()>& false_fn) {
  if (!true_fn || !false_fn) throw ValueError("cond: received an empty function");
  if (!pred.defined()) throw ValueError("cond: received an undefined tensor");
  const Tensor holds = cast(cast(pred, DType::bool_), DType::int32);
  return switch_case(
      holds, {[&](const auto&) { return false_fn(); }, [&](const auto&) { return true_fn(); }});
}

std::vector<Tensor> switch_case(const Tensor& index,
                                const std::vector<TensorsFunction>& branches,
                                const std::vector<Tensor>& operands) {
  if (branches.empty()) throw ValueError("switch_case: received no branches");
  for (const TensorsFunction& branch : branches) {
    if (!branch) throw ValueError("switch_case: received an empty function");
  }
  if (!index.defined() || index.size() != 1) {
    throw ShapeError("switch_case: received " +
                     (index.defined() ? "an index of shape " + index.shape().str()
                                      : std::string("an undefined tensor")) +
                     ", expected a scalar");
  }
  return nyala::detail::guard_memory([&] {
    const Tensor number = reshape(cast(index, DType::int32), {});
    if (!index.is_abstract()) {
      const auto last = static_cast<std::int32_t>(branches.size()) - 1;
      return branches[static_cast<std::size_t>(std::clamp(number.item<std::int32_t>(), 0, last))](
          operands);
    }
    if (nyala::detail::listeners().tracer == nullptr) return branches[0](operands);  // its shapes
    std::vector<nyala::detail::Branch> bound;
    for (const TensorsFunction& branch : branches)
      bound.emplace_back([&] { return branch(operands); });
    return nyala::detail::branch_as_op(number, bound);
  });
}

std::vector<Tensor> while_loop(const WhileCondition& condition,
                               const TensorsFunction& body,
                               const std::vector<Tensor>& values,
                               const WhileLoopArgs& args) {
  if (!condition || !body) throw ValueError("while_loop: received an empty function");
  bool is_abstract = false;
  for (const Tensor& value : values) {
    if (!value.defined()) throw ValueError("while_loop: received an undefined tensor");
    is_abstract |= value.is_abstract();
  }
  return nyala::detail::guard_memory([&] {
    std::vector<Tensor> now = values;
    if (is_abstract) {
      if (nyala::detail::listeners().tracer == nullptr) return now;  // its shapes
      return nyala::detail::while_as_op(condition, body, values, args.maximum_iterations);
    }
    for (std::int64_t i = 0; !args.maximum_iterations || i < *args.maximum_iterations; ++i) {
      const Tensor goes_on = condition(now);
      if (goes_on.is_abstract())  // it depends on what is traced
        return nyala::detail::while_as_op(condition, body, values, args.maximum_iterations);
      if (!cast(reshape(goes_on, {}), DType::bool_).item<bool>()) break;
      std::vector<Tensor> next = body(now);
      nyala::detail::check_carry("while_loop", now, next);
      now = std::move(next);
    }
    return now;
  });
}

}  // namespace nyala::ops
