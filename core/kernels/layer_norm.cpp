#include <nyala/core/kernels/layer_norm.hpp>

#include <algorithm>
#include <array>
#include <cstddef>

#include <nyala/core/kernels/layer_norm_loops.hpp>
#include <nyala/core/kernels/reduce.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Elements that a piece of parallel work reads.
constexpr std::int64_t kGrain = 32768;

std::int64_t rows_of_work(std::int64_t n) {
  return std::max<std::int64_t>(kGrain / std::max<std::int64_t>(n, 1), 1);
}

void check_floating(DType dtype) {
  if (dtype != DType::float32 && dtype != DType::float64) throw_no_kernel(dtype);
}

const std::byte* bytes(const void* data) { return static_cast<const std::byte*>(data); }
std::byte* bytes(void* data) { return static_cast<std::byte*>(data); }

// f(loops, at, count) for pieces of the rows: `count` rows that begin at byte `at`.
template <class F>
void each_piece(const LayerNormRows& of, F&& f) {
  check_floating(of.dtype);
  const LayerNormLoops loops = layer_norm_loops(of.dtype);
  const std::int64_t row = of.n * static_cast<std::int64_t>(size_of(of.dtype));
  parallel_for(of.rows, rows_of_work(of.n), [&](std::int64_t begin, std::int64_t end) {
    f(loops, begin * row, end - begin);
  });
}

}  // namespace

void layer_norm(
    const LayerNormRows& of, const void* x, const void* gamma, const void* beta, void* y) {
  each_piece(of, [&](const LayerNormLoops& loops, std::int64_t at, std::int64_t count) {
    loops.forward(bytes(x) + at, gamma, beta, of.epsilon, bytes(y) + at, count, of.n);
  });
}

void layer_norm_grad(
    const LayerNormRows& of, const void* x, const void* gamma, const void* dy, void* dx) {
  each_piece(of, [&](const LayerNormLoops& loops, std::int64_t at, std::int64_t count) {
    loops.grad(bytes(x) + at, gamma, bytes(dy) + at, of.epsilon, bytes(dx) + at, count, of.n);
  });
}

void layer_norm_scale_grad(const LayerNormRows& of, const void* x, const void* dy, void* dgamma) {
  const DType dtype = of.dtype;
  const std::int64_t n = of.n;
  check_floating(dtype);
  const auto item = static_cast<std::int64_t>(size_of(dtype));
  if (of.rows == 0) std::fill_n(bytes(dgamma), n * item, std::byte{0});
  if (of.rows == 0 || n == 0) return;
  const LayerNormLoops loops = layer_norm_loops(dtype);
  // A sum for each piece, and then theirs. A piece is no longer than rounding errors allow.
  const std::int64_t grain = std::min<std::int64_t>(rows_of_work(n), 256);
  const std::int64_t pieces = (of.rows - 1) / grain + 1;
  const std::int64_t row = n * item;
  std::byte* sums = bytes(dgamma);
  if (pieces > 1)
    sums = static_cast<std::byte*>(matmul_workspace(static_cast<std::size_t>(pieces * row)));
  parallel_for(of.rows, grain, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t at = begin * row;
    std::byte* sum = sums + begin / grain * row;
    loops.scale_grad(bytes(x) + at, bytes(dy) + at, of.epsilon, sum, end - begin, n);
  });
  if (pieces == 1) return;
  const std::array<std::int64_t, 2> shape = {pieces, n}, strides = {n, 1};
  constexpr std::array<bool, 2> reduced = {true, false};
  reduce(Reduce::sum, dtype, shape, {sums, strides.data()}, reduced.data(), dgamma);
}

}  // namespace nyala::kernels
