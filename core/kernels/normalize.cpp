#include <nyala/core/kernels/normalize.hpp>

#include <algorithm>

#include <nyala/core/kernels/normalize_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Elements that a piece of parallel work reads.
constexpr std::int64_t kGrain = 1 << 17;
// Rows side by side that are taken together: as much as a few lines of the cache.
constexpr std::int64_t kSideBySide = 64;

void run(DType dtype,
         std::int64_t outer,
         std::int64_t n,
         std::int64_t inner,
         const void* x_data,
         const void* dy_data,
         LengthClamp clamp,
         void* out_data) {
  if (dtype != DType::float32 && dtype != DType::float64) throw_no_kernel(dtype);
  if (outer == 0 || n == 0 || inner == 0) return;
  const NormalizeLoops loops = normalize_loops(dtype);
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  const auto* x = static_cast<const std::byte*>(x_data);
  const auto* dy = static_cast<const std::byte*>(dy_data);
  auto* out = static_cast<std::byte*>(out_data);
  const auto gradient_at = [&](std::int64_t offset) { return dy == nullptr ? dy : dy + offset; };
  if (inner == 1) {
    parallel_for(
        outer, std::max<std::int64_t>(kGrain / n, 1), [&](std::int64_t begin, std::int64_t end) {
          const std::int64_t at = begin * n * item;
          loops.rows(x + at, gradient_at(at), out + at, end - begin, n, clamp);
        });
    return;
  }
  const std::int64_t tiles = (inner - 1) / kSideBySide + 1;
  const std::int64_t work = n * std::min(inner, kSideBySide);
  parallel_for(outer * tiles,
               std::max<std::int64_t>(kGrain / work, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = i % tiles * kSideBySide;
                   const std::int64_t at = (i / tiles * n * inner + first) * item;
                   const std::int64_t count = std::min(kSideBySide, inner - first);
                   loops.columns(x + at, gradient_at(at), out + at, count, n, inner, clamp);
                 }
               });
}

}  // namespace

void l2_normalize(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* x,
                  LengthClamp clamp,
                  void* y) {
  run(dtype, outer, n, inner, x, nullptr, clamp, y);
}

void l2_normalize_grad(DType dtype,
                       std::int64_t outer,
                       std::int64_t n,
                       std::int64_t inner,
                       const void* x,
                       const void* dy,
                       LengthClamp clamp,
                       void* dx) {
  run(dtype, outer, n, inner, x, dy, clamp, dx);
}

}  // namespace nyala::kernels
