#include <nyala/core/kernels/reduce.hpp>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>

#include <nyala/core/kernels/layout.hpp>
#include <nyala/core/kernels/reduce_loops.hpp>
#include <nyala/core/parallel.hpp>
#include <nyala/core/small_vector.hpp>

namespace nyala::kernels {
namespace {

// Elements a piece of parallel work reads; a sum over more is a sum of the pieces' sums.
constexpr std::int64_t kGrain = 65536;

// The value that changes nothing.
template <class T>
T neutral(Reduce op) {
  using Limits = std::numeric_limits<T>;
  switch (op) {
    case Reduce::sum: return T{0};
    case Reduce::product: return T{1};
    case Reduce::max:
      return Limits::has_infinity ? static_cast<T>(-Limits::infinity()) : Limits::lowest();
    default: return Limits::has_infinity ? Limits::infinity() : Limits::max();
  }
}

struct Plan {
  Layout<1> kept;     // output elements, outermost first
  Layout<1> reduced;  // what is combined for each
};

// Folds the reduced axes into one output element, or one row of them.
struct Reducer {
  ReduceLoops loops;
  std::size_t item;
  const std::byte* x;

  const std::byte* at(std::int64_t offset) const {
    return x + offset * static_cast<std::int64_t>(item);
  }

  // Where the last reduced axis is a run of stride 1.
  void rows(const Layout<1>& reduced, std::int64_t base, void* out) const {
    const std::int64_t run = reduced.back_size();
    const std::int64_t num_rows = reduced.size() / run;
    if (num_rows == 1) return loops.row(at(base), run, out);
    alignas(8) std::byte part[8];
    Odometer<1> row(reduced, reduced.rank - 1, 0);
    for (std::int64_t i = 0; i < num_rows; ++i, row.next()) {
      loops.row(at(base + row.offset(0)), run, part);
      loops.fold(part, 1, out);
    }
  }

  // Where n elements along a kept axis of stride 1 are reduced together.
  void columns(const Layout<1>& reduced, std::int64_t base, std::int64_t n, void* out) const {
    const std::int64_t run = reduced.back_size();
    const std::int64_t num_outer = reduced.size() / run;
    Odometer<1> outer(reduced, reduced.rank - 1, 0);
    for (std::int64_t i = 0; i < num_outer; ++i, outer.next()) {
      loops.columns(at(base + outer.offset(0)), run, reduced.back_stride(0), n, out);
    }
  }
};

// One long run to one element: in pieces, whose results make another run.
void reduce_run(const Reducer& reducer, std::int64_t n, void* out) {
  const std::int64_t num_pieces = (n - 1) / kGrain + 1;
  if (num_pieces == 1) return reducer.loops.row(reducer.x, n, out);
  SmallVector<std::uint64_t, 256> parts(static_cast<std::size_t>(num_pieces));  // holds any dtype
  auto* to = reinterpret_cast<std::byte*>(parts.data());
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    reducer.loops.row(reducer.at(begin),
                      end - begin,
                      to + static_cast<std::size_t>(begin / kGrain) * reducer.item);
  });
  reducer.loops.row(to, num_pieces, out);
}

// The last axis of `reduced` is a run of stride 1.
void reduce_rows(const Reducer& reducer, const Plan& plan, void* out) {
  const std::int64_t num_out = plan.kept.size();
  const std::int64_t size = plan.reduced.size();
  if (num_out == 1 && plan.reduced.rank == 1) return reduce_run(reducer, size, out);
  auto* to = static_cast<std::byte*>(out);
  const std::int64_t grain = std::max<std::int64_t>(kGrain / size, 1);
  parallel_for(num_out, grain, [&](std::int64_t begin, std::int64_t end) {
    Odometer<1> kept(plan.kept, plan.kept.rank, begin);
    for (std::int64_t i = begin; i < end; ++i, kept.next()) {
      reducer.rows(plan.reduced, kept.offset(0), to + static_cast<std::size_t>(i) * reducer.item);
    }
  });
}

// The last axis of `kept` has stride 1.
void reduce_columns(const Reducer& reducer, const Plan& plan, void* out) {
  const std::int64_t width = plan.kept.back_size();
  const std::int64_t tiles = (width - 1) / kColumns + 1;
  const std::int64_t num_outer = plan.kept.size() / width;
  auto* to = static_cast<std::byte*>(out);
  const std::int64_t piece = std::min(width, kColumns) * plan.reduced.size();
  parallel_for(num_outer * tiles,
               std::max<std::int64_t>(kGrain / piece, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const Odometer<1> outer(plan.kept, plan.kept.rank - 1, i / tiles);
                   const std::int64_t first = i % tiles * kColumns;
                   reducer.columns(
                       plan.reduced,
                       outer.offset(0) + first,
                       std::min(kColumns, width - first),
                       to + static_cast<std::size_t>(i / tiles * width + first) * reducer.item);
                 }
               });
}

Plan make_plan(std::span<const std::int64_t> shape,
               const std::int64_t* strides,
               const bool* reduced) {
  Plan plan;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    (reduced[axis] ? plan.reduced : plan.kept).push(shape[axis], {strides[axis]});
  }
  if (plan.kept.rank == 0) plan.kept.push_new(1, {1});
  if (plan.reduced.rank == 0) plan.reduced.push_new(1, {1});
  return plan;
}

bool has_unit_stride(const Layout<1>& layout) { return layout.back_stride(0) == 1; }

void run_plan(const Reducer& reducer, const Plan& plan, void* out) {
  if (has_unit_stride(plan.reduced)) return reduce_rows(reducer, plan, out);
  reduce_columns(reducer, plan, out);
}

void reduce_typed(Reduce op,
                  DType dtype,
                  std::span<const std::int64_t> shape,
                  In x,
                  const bool* reduced,
                  void* out) {
  check_rank(shape);
  std::int64_t num_out = 1;
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (!reduced[axis]) num_out *= shape[axis];
  }
  if (num_out == 0) return;
  const std::int64_t size = product(shape);
  if (size == num_out) return copy(dtype, shape, x, out);
  fill_neutral(op, dtype, num_out, out);
  if (size == 0) return;
  const Plan plan = make_plan(shape, x.strides, reduced);
  Reducer reducer{reduce_loops(op, dtype), size_of(dtype), static_cast<const std::byte*>(x.data)};
  if (has_unit_stride(plan.reduced) || has_unit_stride(plan.kept)) {
    return run_plan(reducer, plan, out);
  }
  // No axis of stride 1 where it is wanted: work on a contiguous copy.
  const auto copied =
      std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(size) * size_of(dtype));
  copy(dtype, shape, x, copied.get());
  const auto strides = contiguous_strides(shape);
  reducer.x = copied.get();
  run_plan(reducer, make_plan(shape, strides.data(), reduced), out);
}

// any and all of what is not bool: of its truth values.
void reduce_truth(Reduce op,
                  DType dtype,
                  std::span<const std::int64_t> shape,
                  In x,
                  const bool* reduced,
                  void* out) {
  const auto truth =
      std::make_unique_for_overwrite<bool[]>(static_cast<std::size_t>(product(shape)));
  cast(dtype, bool_, shape, x, truth.get());
  const auto strides = contiguous_strides(shape);
  reduce(op, bool_, shape, {truth.get(), strides.data()}, reduced, out);
}

}  // namespace

void fill_neutral(Reduce op, DType dtype, std::int64_t n, void* out) {
  if (op == Reduce::sum) {
    std::memset(out, 0, static_cast<std::size_t>(n) * size_of(dtype));
    return;
  }
  visit_dtype(dtype, [&]<class T>() {
    const T value = neutral<T>(op);
    fill(dtype, n, &value, out);
  });
}

void reduce(Reduce op,
            DType dtype,
            std::span<const std::int64_t> shape,
            In x,
            const bool* reduced,
            void* out) {
  const bool truth = op == Reduce::any || op == Reduce::all;
  if (truth && dtype != bool_) return reduce_truth(op, dtype, shape, x, reduced, out);
  if (truth) op = op == Reduce::any ? Reduce::max : Reduce::min;
  reduce_typed(op, dtype, shape, x, reduced, out);
}

}  // namespace nyala::kernels
