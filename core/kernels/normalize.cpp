#include <nyala/core/kernels/normalize.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/kernels/bytes.hpp>
#include <nyala/core/kernels/normalize_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Elements that a piece of parallel work reads.
constexpr std::int64_t kGrain = 1 << 17;
// Rows side by side that are taken together: as much as a few lines of the cache.
constexpr std::int64_t kSideBySide = 64;

void run(const NormalizedLines& of, const NormalizeData& data) {
  const std::int64_t outer = of.outer, n = of.n, inner = of.inner;
  const DType dtype = of.dtype;
  if (dtype != DType::float32 && dtype != DType::float64) throw_no_kernel(dtype);
  if (outer == 0 || n == 0 || inner == 0) return;
  const NormalizeLoops loops = normalize_loops(dtype);
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  const auto from = [&](std::int64_t element, std::int64_t row) -> NormalizeData {
    return {moved(data.x, element * item),
            moved(data.dy, element * item),
            moved(data.out, element * item),
            moved(data.factors, row * item),
            data.clamp};
  };
  if (inner == 1) {
    parallel_for(
        outer, std::max<std::int64_t>(kGrain / n, 1), [&](std::int64_t begin, std::int64_t end) {
          loops.rows(from(begin * n, begin), end - begin, n);
        });
    return;
  }
  const std::int64_t tiles = (inner - 1) / kSideBySide + 1;
  const std::int64_t work = n * std::min(inner, kSideBySide);
  parallel_for(outer * tiles,
               std::max<std::int64_t>(kGrain / work, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = i % tiles * kSideBySide, line = i / tiles;
                   loops.columns(from(line * n * inner + first, line * inner + first),
                                 std::min(kSideBySide, inner - first),
                                 n,
                                 inner);
                 }
               });
}

void run_dots(
    const NormalizedLines& of, const void* x, const void* y, const void* ddot, void* out) {
  const std::int64_t rows = of.outer, n = of.n;
  const DType dtype = of.dtype;
  if (dtype != DType::float32 && dtype != DType::float64) throw_no_kernel(dtype);
  if (n == 0 && ddot == nullptr)
    std::memset(out, 0, static_cast<std::size_t>(rows) * size_of(dtype));
  if (rows == 0 || n == 0) return;
  const NormalizedDotLoop loop = normalized_dot_loop(dtype);
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  const auto at = [&](const void* data, std::int64_t index) { return moved(data, index * item); };
  const std::int64_t row_out = ddot == nullptr ? 1 : n;
  // Whole groups of the loop, which round by group: the same ones for any number of threads.
  constexpr std::int64_t groups = 64;
  const std::int64_t grain = (kGrain / n + groups) / groups * groups;
  parallel_for(rows, grain, [&](std::int64_t begin, std::int64_t end) {
    loop(at(x, begin * n),
         at(y, begin * n),
         at(ddot, begin),
         static_cast<std::byte*>(out) + begin * row_out * item,
         end - begin,
         n,
         of.clamp);
  });
}

}  // namespace

void normalized_dot(const NormalizedLines& of, const void* x, const void* y, void* dot) {
  run_dots(of, x, y, nullptr, dot);
}

void normalized_dot_grad(
    const NormalizedLines& of, const void* x, const void* y, const void* ddot, void* dx) {
  run_dots(of, x, y, ddot, dx);
}

void l2_normalize(const NormalizedLines& of, const void* x, void* y, void* factors) {
  run(of, {x, nullptr, y, factors, of.clamp});
}

void l2_normalize_grad(const NormalizedLines& of, const void* x, const void* dy, void* dx) {
  run(of, {x, dy, dx, nullptr, of.clamp});
}

void l2_normalize_grad(
    const NormalizedLines& of, const void* x, const void* dy, const void* factors, void* dx) {
  run(of, {x, dy, dx, const_cast<void*>(factors), {}});
}

}  // namespace nyala::kernels
