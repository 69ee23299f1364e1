#pragma once
/// Reductions, running sums and sorting. Results do not depend on the number of threads.
#include <cstdint>
#include <span>

#include <nyala/core/dtype.hpp>
#include <nyala/core/kernels/elementwise.hpp>

namespace nyala::kernels {

enum class Reduce : std::uint8_t { sum, product, max, min, any, all };

/// Reduces the axes whose flag in `reduced` is set; `out` holds the kept axes, contiguous. It has
/// `dtype` (integers wrap), bool for any and all. Of nothing: sum 0, product 1, any false, all
/// true, max and min the lowest and highest value (-inf and inf). NaN wins in max and min.
void reduce(Reduce op,
            DType dtype,
            std::span<const std::int64_t> shape,
            In x,
            const bool* reduced,
            void* out);

/// Index of the first largest (smallest) element along the middle axis of (outer, n, inner); the
/// first NaN counts as the extreme, as in NumPy. `n` must be positive.
void argreduce(bool max,
               DType dtype,
               std::int64_t outer,
               std::int64_t n,
               std::int64_t inner,
               const void* x,
               std::int64_t* out);

/// A running sum or product.
struct Cumulation {
  bool product = false;
  bool reverse = false;    ///< runs from the end
  bool exclusive = false;  ///< leaves the element itself out
};
/// The same along the middle axis of (outer, n, inner), in `dtype`.
void cumulative(const Cumulation& how,
                DType dtype,
                std::int64_t outer,
                std::int64_t n,
                std::int64_t inner,
                const void* x,
                void* out);

/// out[i] = a[i] out[i - 1] + b[i] along the middle axis of (outer, n, inner), out[-1] being 0: for
/// float32 and float64.
void linear_recurrence(DType dtype,
                       std::int64_t outer,
                       std::int64_t n,
                       std::int64_t inner,
                       const void* a,
                       const void* b,
                       void* out);

/// The stable order along the middle axis of (outer, n, inner), NaN last in either direction.
void sort_indices(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* x,
                  std::int64_t* indices,
                  bool descending);

}  // namespace nyala::kernels
