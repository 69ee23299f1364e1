// How steps run in fused loops: how a pointwise step reads its inputs, what a reduction leaves,
// which products are made tile by tile.
#include <algorithm>

#include <nyala/autograd/graph/phases.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/kernels/reduce_loops.hpp>

namespace nyala::graph {
namespace {

// The strides of an array broadcast to `shape`.
Shape strides_within(const Shape& own, const Shape& strides, const Shape& shape) {
  Shape result = Shape::filled(shape.rank(), 0);
  const int extra = shape.rank() - own.rank();
  for (int i = 0; i < own.rank(); ++i) {
    if (own[i] != 1) result[i + extra] = strides[i];
  }
  return result;
}

// How strides over a shape read; `columns` is set for rows and columns.
std::optional<Access> access_of(const Shape& shape, const Shape& strides, std::int64_t& columns) {
  std::int64_t expected = 1, trailing_zeros = 1;
  int axis = shape.rank();
  const auto skip_ones = [&] {
    while (axis > 0 && shape[axis - 1] == 1) --axis;
  };
  const auto take_dense = [&] {
    for (skip_ones(); axis > 0 && strides[axis - 1] == expected; skip_ones())
      expected *= shape[--axis];
  };
  const auto take_zeros = [&] {
    for (skip_ones(); axis > 0 && strides[axis - 1] == 0; skip_ones())
      trailing_zeros *= shape[--axis];
  };
  take_dense();
  if (axis == 0) return Access::full;
  if (expected > 1) {
    columns = expected;
    take_zeros();
    return axis == 0 ? std::optional(Access::row) : std::nullopt;
  }
  take_zeros();
  if (axis == 0) return Access::scalar;
  columns = trailing_zeros;
  take_dense();
  return axis == 0 && trailing_zeros > 1 ? std::optional(Access::column) : std::nullopt;
}

// Whether there are loops for inputs read in these ways.
bool has_loop(Pointwise::Kind kind, const SmallVector<Access, 5>& inputs) {
  switch (kind) {
    case Pointwise::Kind::binary: return !is_one_a_row(inputs[0]) || !is_one_a_row(inputs[1]);
    case Pointwise::Kind::update:
      return std::all_of(inputs.begin(), inputs.end(), [](Access access) {
        return access == Access::full || access == Access::scalar;
      });
    default: return !is_one_a_row(inputs[0]);
  }
}

// A reduction of the first axes or the last ones of an array without gaps.
std::optional<LoopStep> reduction_loop(const Tape& tape, const Views& views, const Step& step) {
  const ValueId id = step.inputs[0];
  const Spec& in = tape[id].spec;
  std::int64_t ignored = 0;
  if (!is_floating(in.dtype) || in.shape.num_elements() == 0) return {};
  if (access_of(in.shape, views.of[static_cast<std::size_t>(id)].strides, ignored) != Access::full)
    return {};
  const auto [kind, reduced] = step.op.def().reduction(step.op.options(), in.shape.rank());
  if (!kernels::has_reduce_loops(kind)) return {};

  // Sizes of the runs of reduced and kept axes; those of size 1 belong to either.
  std::vector<std::pair<bool, std::int64_t>> runs;
  for (int i = 0; i < in.shape.rank(); ++i) {
    const bool is_reduced = reduced[static_cast<std::size_t>(i)];
    if (in.shape[i] == 1) continue;
    if (runs.empty() || runs.back().first != is_reduced) runs.emplace_back(is_reduced, 1);
    runs.back().second *= in.shape[i];
  }
  LoopStep loop{in.shape.num_elements(), 0, {Access::full}, ReductionKind::to_one, kind};
  if (runs.size() > 2 || (runs.size() == 1 && !runs[0].first)) return {};
  if (runs.size() < 2) return loop;
  loop.columns = runs[1].second;
  loop.reduction = runs[0].first ? ReductionKind::to_row : ReductionKind::to_column;
  return loop;
}

// A large product whose operands are read where they are: made tile by tile it takes no longer.
std::optional<LoopStep> product_loop(const Tape& tape, const Views& views, const Step& step) {
  constexpr std::int64_t deepest = 256;
  constexpr std::int64_t narrowest = 16;
  const ValueId made = step.outputs[0];
  const auto product_of = step.op.def().product;
  if (product_of == nullptr || views.root(made) != made) return {};
  const Tensors inputs = bare_tensors(tape, views.of, step.inputs);
  const auto product = product_of(step.op.options(), {inputs.data(), inputs.size()});
  if (!product || !is_floating(product->dtype) || product->turned || product->b.column != 1)
    return {};
  if (product->k == 0 || product->k > deepest || product->n < narrowest) return {};
  LoopStep loop;
  loop.size = product->m * product->n;
  loop.columns = product->n;
  loop.product = product;
  return loop.is_small() ? std::nullopt : std::optional(loop);
}

std::optional<LoopStep> loop_step_of(const Tape& tape, const Views& views, const Step& step) {
  const OpDef& def = step.op.def();
  if (def.effects) return {};
  if (def.reduction != nullptr) return reduction_loop(tape, views, step);
  if (def.pointwise.kind == Pointwise::Kind::no) return product_loop(tape, views, step);
  const Shape& shape = tape[step.outputs[0]].spec.shape;
  LoopStep loop;
  loop.size = shape.num_elements();
  if (loop.size == 0) return {};
  for (ValueId id : step.inputs) {
    std::int64_t columns = 0;
    const Shape strides =
        strides_within(tape[id].spec.shape, views.of[static_cast<std::size_t>(id)].strides, shape);
    const std::optional<Access> access = access_of(shape, strides, columns);
    if (!access) return {};
    if (columns != 0 && loop.columns != 0 && columns != loop.columns) return {};
    if (columns != 0) loop.columns = columns;
    loop.inputs.push_back(*access);
  }
  if (!has_loop(def.pointwise.kind, loop.inputs)) return {};
  return loop;
}

}  // namespace

LoopSteps find_loop_steps(const Tape& tape, const Views& views) {
  LoopSteps loops;
  loops.reserve(tape.steps.size());
  for (const Step& step : tape.steps) loops.push_back(loop_step_of(tape, views, step));
  return loops;
}

}  // namespace nyala::graph
