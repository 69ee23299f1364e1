#include <algorithm>

#include <nyala/core/kernels/nn.hpp>
#include <nyala/core/kernels/softmax_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Elements that a piece of parallel work reads.
constexpr std::int64_t kGrain = 32768;

std::int64_t rows_of_work(std::int64_t n) {
  return std::max<std::int64_t>(kGrain / std::max<std::int64_t>(n, 1), 1);
}

// An array (outer, n, inner).
struct Axes {
  std::int64_t outer, n, inner;
};

void run(SoftmaxOp op,
         DType dtype,
         const Axes& size,
         const void* x_data,
         const void* y_data,
         void* out_data) {
  const std::int64_t outer = size.outer, n = size.n, inner = size.inner;
  if (dtype != float32 && dtype != float64) throw_no_kernel(dtype);
  if (outer == 0 || inner == 0) return;
  const SoftmaxLoops loops = softmax_loops(op, dtype);
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  const auto* x = static_cast<const std::byte*>(x_data);
  const auto* y = static_cast<const std::byte*>(y_data);
  auto* out = static_cast<std::byte*>(out_data);
  const std::int64_t out_n = op == SoftmaxOp::logsumexp ? 1 : n;
  const auto at = [](const std::byte* data, std::int64_t offset) {
    return data == nullptr ? nullptr : data + offset;
  };
  if (inner == 1) {
    parallel_for(outer, rows_of_work(n), [&](std::int64_t begin, std::int64_t end) {
      const std::int64_t from = begin * n * item;
      loops.rows(at(x, from), at(y, from), out + begin * out_n * item, end - begin, n);
    });
    return;
  }
  constexpr std::int64_t tile = 64;
  const std::int64_t tiles = (inner - 1) / tile + 1;
  const std::int64_t work = std::max<std::int64_t>(n * std::min(inner, tile), 1);
  parallel_for(outer * tiles,
               std::max<std::int64_t>(kGrain / work, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const std::int64_t first = i % tiles * tile;
                   const std::int64_t from = (i / tiles * n * inner + first) * item;
                   loops.columns(at(x, from),
                                 at(y, from),
                                 out + (i / tiles * out_n * inner + first) * item,
                                 n,
                                 inner,
                                 std::min(tile, inner - first));
                 }
               });
}

}  // namespace

void softmax(
    DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner, const void* x, void* y) {
  run(SoftmaxOp::softmax, dtype, {outer, n, inner}, x, nullptr, y);
}

void log_softmax(
    DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner, const void* x, void* y) {
  run(SoftmaxOp::log_softmax, dtype, {outer, n, inner}, x, nullptr, y);
}

void softmax_grad(DType dtype,
                  std::int64_t outer,
                  std::int64_t n,
                  std::int64_t inner,
                  const void* y,
                  const void* dy,
                  void* dx) {
  run(SoftmaxOp::softmax_grad, dtype, {outer, n, inner}, y, dy, dx);
}

void log_softmax_grad(DType dtype,
                      std::int64_t outer,
                      std::int64_t n,
                      std::int64_t inner,
                      const void* y,
                      const void* dy,
                      void* dx) {
  run(SoftmaxOp::log_softmax_grad, dtype, {outer, n, inner}, y, dy, dx);
}

void logsumexp(
    DType dtype, std::int64_t outer, std::int64_t n, std::int64_t inner, const void* x, void* out) {
  run(SoftmaxOp::logsumexp, dtype, {outer, n, inner}, x, nullptr, out);
}

}  // namespace nyala::kernels
