#pragma once
/// Loops over tensors as keras.ops has them. In a compiled program a scan is one op that holds its
/// body once, however many steps it makes; outside of one the body runs step by step.
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>

namespace nyala {

struct ScanArgs {
  /// The number of steps: needed without `xs`, else that of theirs.
  std::optional<std::int64_t> length = {};
  /// Whether it starts at the last step. Results stay where their inputs are.
  bool reverse = false;
  /// Whether a compiled program holds the steps one by one.
  bool unroll = false;
};
/// What the body of a scan gives, and what the scan gives: the carry, and results of a step (of all
/// steps, along a new first axis).
struct ScanResult {
  std::vector<Tensor> carry;
  std::vector<Tensor> results;
};
using ScanBody =
    std::function<ScanResult(const std::vector<Tensor>& carry, const std::vector<Tensor>& x)>;

namespace ops {

/// carry, y[t] = f(carry, x[t]) for each t along the first axis of all `xs`: `keras.ops.scan`. In a
/// compiled program, variables that `f` assigns are carried along as well.
///
/// Throws ValueError for an empty function, without `xs` and `length`, for a length that `xs` do
/// not have, and where `f` gives another number of tensors than before; ShapeError or TypeError
/// where it gives a carry of another shape or dtype.
ScanResult scan(const ScanBody& f,
                const std::vector<Tensor>& init,
                const std::vector<Tensor>& xs = {},
                const ScanArgs& args = {});
/// The same for one carry and one x: `f(carry, x)` gives a pair of tensors.
template <class F>
requires std::is_invocable_r_v < std::pair<Tensor, Tensor>,
const F&, const Tensor&,
    const Tensor& > std::pair<Tensor, Tensor> scan(const F& f,
                                                   const Tensor& init,
                                                   const Tensor& xs,
                                                   const ScanArgs& args = {}) {
  const auto body = [&](const std::vector<Tensor>& carry, const std::vector<Tensor>& x) {
    auto [next, y] = f(carry[0], x[0]);
    return ScanResult{{std::move(next)}, {std::move(y)}};
  };
  ScanResult all = scan(ScanBody(body), std::vector<Tensor>{init}, std::vector<Tensor>{xs}, args);
  return {std::move(all.carry[0]), std::move(all.results[0])};
}

}  // namespace ops
}  // namespace nyala
