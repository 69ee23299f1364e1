#pragma once
/// Loops over tensors as keras.ops has them. In a compiled program a scan is one op that holds its
/// body once, however many steps it makes; outside of one the body runs step by step.
#include <cstdint>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

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
struct WhileLoopArgs {
  std::optional<std::int64_t> maximum_iterations = {};
};
struct AssociativeScanArgs {
  bool reverse = false;  ///< whether it goes from the last element to the first
  int axis = 0;
};
/// Tensors made of tensors.
using TensorsFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;
/// Whether a loop goes on: a scalar made of its values.
using WhileCondition = std::function<Tensor(const std::vector<Tensor>&)>;
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

/// f of each x along the first axis of all `xs`, stacked: `keras.ops.map`, a scan that carries
/// nothing.
std::vector<Tensor> map(const TensorsFunction& f, const std::vector<Tensor>& xs);
template <class F>
requires std::is_invocable_r_v<Tensor, const F&, const Tensor&> Tensor map(const F& f,
                                                                           const Tensor& xs) {
  const auto each = [&](const std::vector<Tensor>& x) { return std::vector<Tensor>{f(x[0])}; };
  return map(TensorsFunction(each), std::vector<Tensor>{xs})[0];
}
/// As `map`: the elements come one after the other.
template <class F, class Elements>
auto vectorized_map(const F& f, const Elements& elements) {
  return map(f, elements);
}

/// values = body(i, values) for i from `lower` to `upper` - 1 (int32): `keras.ops.fori_loop`.
/// Throws what scan throws.
std::vector<Tensor> fori_loop(
    std::int64_t lower,
    std::int64_t upper,
    const std::function<std::vector<Tensor>(const Tensor& i, const std::vector<Tensor>& values)>&
        body,
    const std::vector<Tensor>& init);
template <class F>
requires std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Tensor&> Tensor
fori_loop(std::int64_t lower, std::int64_t upper, const F& body, const Tensor& init) {
  const auto step = [&](const Tensor& i, const std::vector<Tensor>& values) {
    return std::vector<Tensor>{body(i, values[0])};
  };
  return fori_loop(lower, upper, step, std::vector<Tensor>{init})[0];
}

/// What `true_fn` gives where `pred`, a scalar, holds, else what `false_fn` gives:
/// `keras.ops.cond`. Only that function is called. In a compiled program that decides from tensors,
/// both are traced and one op runs one of them; they then give tensors of the same shapes and
/// dtypes (ValueError) and assign no variables (UnsupportedError).
std::vector<Tensor> cond(const Tensor& pred,
                         const std::function<std::vector<Tensor>()>& true_fn,
                         const std::function<std::vector<Tensor>()>& false_fn);
template <class F, class G>
requires std::is_invocable_r_v<Tensor, const F&> && std::is_invocable_r_v<Tensor, const G&> Tensor
cond(const Tensor& pred, const F& true_fn, const G& false_fn) {
  using Branch = std::function<std::vector<Tensor>()>;
  return cond(pred, Branch([&] { return std::vector<Tensor>{true_fn()}; }), Branch([&] {
                return std::vector<Tensor>{false_fn()};
              }))[0];
}
/// What the branch of that number gives of the operands: `keras.ops.switch`. A number that is too
/// small or too large stands for the first or the last. Otherwise as `cond`.
std::vector<Tensor> switch_case(const Tensor& index,
                                const std::vector<TensorsFunction>& branches,
                                const std::vector<Tensor>& operands = {});

/// values = body(values) as long as `condition(values)` holds: `keras.ops.while_loop`. Where a
/// traced function makes the values it is one op of the program. That one has no gradient, for it
/// is not known how many steps it makes: `fori_loop` and `scan` have. Throws ValueError for an
/// empty function, ValueError, ShapeError or TypeError where the body gives values that are not
/// like those before, and UnsupportedError in a traced function where it assigns a variable.
std::vector<Tensor> while_loop(const WhileCondition& condition,
                               const TensorsFunction& body,
                               const std::vector<Tensor>& values,
                               const WhileLoopArgs& args = {});

/// Running results of an associative function of two lists of tensors, in a number of calls that
/// grows with the logarithm of the axis: `keras.ops.associative_scan`. `f` is called on slices
/// along the axis and works element by element of it. Throws ValueError for an empty function, for
/// no tensors and where `f` gives another number of them, ShapeError for different sizes of the
/// axis.
std::vector<Tensor> associative_scan(
    const std::function<std::vector<Tensor>(const std::vector<Tensor>&,
                                            const std::vector<Tensor>&)>& f,
    const std::vector<Tensor>& elems,
    const AssociativeScanArgs& args = {});
template <class F>
requires std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Tensor&> Tensor
associative_scan(const F& f, const Tensor& elems, const AssociativeScanArgs& args = {}) {
  const auto pairs = [&](const std::vector<Tensor>& a, const std::vector<Tensor>& b) {
    return std::vector<Tensor>{f(a[0], b[0])};
  };
  return associative_scan(pairs, std::vector<Tensor>{elems}, args)[0];
}

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
