// How steps would run beside others: how a pointwise step reads its inputs, what a reduction
// leaves, which products are made tile by tile.
#include <algorithm>

#include <nyala/autograd/graph/plan.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/kernels/reduce_loops.hpp>

namespace nyala::graph {
namespace {

Shape strides_within(const Shape& own, const Shape& strides, const Shape& shape) {
  Shape result = Shape::filled(shape.rank(), 0);
  const int extra = shape.rank() - own.rank();
  for (int i = 0; i < own.rank(); ++i) {
    if (own[i] != 1) result[i + extra] = strides[i];
  }
  return result;
}

// How strides over a shape read; `columns` is set for rows and columns.
std::optional<Reading> reading_of(const Shape& shape, const Shape& strides, std::int64_t& columns) {
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
  if (axis == 0) return Reading::full;
  if (expected > 1) {
    columns = expected;
    take_zeros();
    return axis == 0 ? std::optional(Reading::row) : std::nullopt;
  }
  take_zeros();
  if (axis == 0) return Reading::scalar;
  columns = trailing_zeros;
  take_dense();
  return axis == 0 && trailing_zeros > 1 ? std::optional(Reading::column) : std::nullopt;
}

// Whether there are loops for inputs read in these ways.
bool has_loop(Pointwise::Kind kind, const SmallVector<Reading, 5>& readings) {
  switch (kind) {
    case Pointwise::Kind::binary: return !is_one_a_row(readings[0]) || !is_one_a_row(readings[1]);
    case Pointwise::Kind::update:
      return std::all_of(readings.begin(), readings.end(), [](Reading reading) {
        return reading == Reading::full || reading == Reading::scalar;
      });
    default: return !is_one_a_row(readings[0]);
  }
}

}  // namespace

std::int64_t Unit::num_parts(Reducing reducing) const {
  switch (reducing) {
    case Reducing::to_one: return tiles_across() * tiles_down();
    case Reducing::to_column: return tiles_across();
    case Reducing::to_row: return tiles_down();
    default: return 1;
  }
}

namespace {

// A reduction of the first axes or the last ones of an array without gaps.
std::optional<Pass> pass_of_reduction(const Tape& tape, const Plan& plan, const Step& step) {
  const ValueId id = step.inputs[0];
  const Spec& in = tape[id].spec;
  std::int64_t ignored = 0;
  if (!is_floating(in.dtype) || in.shape.num_elements() == 0) return {};
  if (reading_of(in.shape, plan.view(id).strides, ignored) != Reading::full) return {};
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
  Pass pass{in.shape.num_elements(), 0, {Reading::full}, Reducing::to_one, kind};
  if (runs.size() > 2 || (runs.size() == 1 && !runs[0].first)) return {};
  if (runs.size() < 2) return pass;
  pass.columns = runs[1].second;
  pass.reducing = runs[0].first ? Reducing::to_row : Reducing::to_column;
  return pass;
}

// A large product whose operands are read as they lie: made tile by tile it takes no longer.
std::optional<Pass> pass_of_product(const Tape& tape, const Plan& plan, const Step& step) {
  constexpr std::int64_t deepest = 256;
  constexpr std::int64_t narrowest = 16;
  const ValueId made = step.outputs[0];
  const auto product_of = step.op.def().product;
  if (product_of == nullptr || plan.root(made) != made) return {};
  const Tensors inputs = bare_tensors(tape, plan, step.inputs);
  const auto product = product_of(step.op.options(), {inputs.data(), inputs.size()});
  if (!product || !is_floating(product->dtype) || product->turned || product->b.column != 1)
    return {};
  if (product->k == 0 || product->k > deepest || product->n < narrowest) return {};
  Pass pass;
  pass.size = product->m * product->n;
  pass.columns = product->n;
  pass.product = product;
  return pass.is_small() ? std::nullopt : std::optional(pass);
}

}  // namespace

std::optional<Pass> pass_of(const Tape& tape, const Plan& plan, const Step& step) {
  const OpDef& def = step.op.def();
  if (def.reduction != nullptr) return pass_of_reduction(tape, plan, step);
  if (def.pointwise.kind == Pointwise::Kind::no) return pass_of_product(tape, plan, step);
  const Shape& shape = tape[step.outputs[0]].spec.shape;
  Pass pass;
  pass.size = shape.num_elements();
  if (pass.size == 0) return {};
  for (ValueId id : step.inputs) {
    std::int64_t columns = 0;
    const Shape strides = strides_within(tape[id].spec.shape, plan.view(id).strides, shape);
    const std::optional<Reading> reading = reading_of(shape, strides, columns);
    if (!reading) return {};
    if (columns != 0 && pass.columns != 0 && columns != pass.columns) return {};
    if (columns != 0) pass.columns = columns;
    pass.readings.push_back(*reading);
  }
  if (!has_loop(def.pointwise.kind, pass.readings)) return {};
  return pass;
}

Tensors bare_tensors(const Tape& tape, const Plan& plan, const std::vector<ValueId>& ids) {
  Tensors tensors;
  for (ValueId id : ids)
    tensors.push_back(detail::bare_tensor(tape[id].spec, plan.view(id).strides, nullptr));
  return tensors;
}

}  // namespace nyala::graph
