#pragma once
/// The inner loops of reductions, one set for each op and type.
#include <cstdint>

#include <nyala/core/kernels/reduce.hpp>

namespace nyala::kernels {

/// The most columns that `columns` takes at once.
inline constexpr std::int64_t kColumns = 256;

struct ReduceLoops {
  /// Combines a run of n > 0 elements into *out. Sums of floats are made in halves.
  void (*row)(const void* x, std::int64_t n, void* out);
  /// Folds one contiguous array into another: into[i] = into[i] op x[i].
  void (*fold)(const void* x, std::int64_t n, void* into);
  /// Folds `rows` rows of n elements, `stride` apart, into `into`, one element for each column.
  void (*columns)(
      const void* x, std::int64_t rows, std::int64_t stride, std::int64_t n, void* into);
};

/// Writes n times the value that changes nothing.
void fill_neutral(Reduce op, DType dtype, std::int64_t n, void* out);

/// Whether there are such loops: for sum, product, max and min.
constexpr bool has_reduce_loops(Reduce op) {
  return op == Reduce::sum || op == Reduce::product || op == Reduce::max || op == Reduce::min;
}
/// The loops of these.
ReduceLoops reduce_loops(Reduce op, DType dtype);

}  // namespace nyala::kernels
