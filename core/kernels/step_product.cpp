#include <nyala/core/kernels/step_product.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/kernels/bytes.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>

namespace nyala::kernels {
namespace {

// The most rows that are multiplied by an unpacked kernel: a vector of sums for each row and panel
// of a packed one would leave the multipliers idle.
constexpr std::int64_t kFewRows = 2;
// For so few rows a step waits for its weights. Of more bytes than the first cache has, those read
// last are read first in the next step: so many columns at a time, in contiguous strips.
constexpr std::int64_t kNearBytes = 24 << 10;
constexpr std::int64_t kStrip = 64;
constexpr std::int64_t kStepsToCopyFor = 4;

}  // namespace

StepProduct::StepProduct(const RecurrentPlan& plan, std::int64_t n, std::int64_t k, bool accumulate)
    : item_(static_cast<std::int64_t>(size_of(plan.dtype))),
      narrow_(plan.narrow),
      packs_(plan.batch > kFewRows),
      in_strips_(!narrow_ && !packs_ && plan.steps >= kStepsToCopyFor &&
                 n * k * item_ > kNearBytes),
      // Of one row: a plan of one column with more rows is transposed, and its parts with it.
      whole_(plan_matmul({plan.dtype, 1, n, k, {k, 1}, {n, 1}, n, {.accumulate = accumulate}})),
      part_(part_of(whole_, packs_ ? kRows : plan.batch, n, n, packs_)) {
  if (in_strips_) strips_ = {product_of(plan, kStrip), product_of(plan, n % kStrip)};
  if (narrow_) pairs_ = conv_loops(DType::bfloat16);
}

MatmulPlan StepProduct::product_of(const RecurrentPlan& plan, std::int64_t columns) const {
  const std::int64_t n = whole_.n, k = whole_.k;
  return plan_matmul({plan.dtype,
                      plan.batch,
                      columns,
                      k,
                      {k, 1},
                      {columns, 1},
                      n,
                      {.accumulate = whole_.accumulate}});
}

std::int64_t StepProduct::arranged_bytes() const {
  if (narrow_) {
    const std::int64_t columns = (whole_.n + pairs_.lanes - 1) / pairs_.lanes * pairs_.lanes;
    return in_lines((whole_.k + 1) / 2 * columns * item_);
  }
  if (in_strips_) return in_lines(whole_.k * whole_.n * item_);
  return packs_ ? in_lines(packed_size(whole_) * item_) : 0;
}

const void* StepProduct::arrange(const void* b, void* to) const {
  if (narrow_)
    pack_pairs(static_cast<const float*>(b), static_cast<std::byte*>(to));
  else if (packs_)
    pack_columns(whole_, b, to);
  else if (in_strips_)
    copy_strips(b, to);
  else
    return b;
  return to;
}

void StepProduct::copy_strips(const void* b, void* to) const {
  const std::array strides{whole_.n, std::int64_t{1}};
  for (std::int64_t column = 0; column < whole_.n; column += kStrip) {
    const std::array shape{whole_.k, std::min(kStrip, whole_.n - column)};
    copy(whole_.dtype,
         shape,
         {moved(b, column * item_), strides.data()},
         moved(to, column * whole_.k * item_));
  }
}

void StepProduct::pack_pairs(const float* b, std::byte* to) const {
  const std::int64_t n = whole_.n, k = whole_.k, half = 2;
  void* const rounded = matmul_workspace(static_cast<std::size_t>(n * k * half));
  cast_loop(DType::float32, DType::bfloat16)(b, rounded, n * k);
  for (std::int64_t column = 0, count; column < n; column += count) {
    count = pairs_.panel(n - column);
    const std::int64_t row = (count + pairs_.lanes - 1) / pairs_.lanes * pairs_.lanes;
    pairs_.pack(moved(rounded, column * half), 1, n, count, k, to, row);
    to += (k + 1) / 2 * row * item_;
  }
}

void StepProduct::run(std::int64_t t,
                      std::int64_t rows,
                      const void* a,
                      const void* arranged,
                      const void* bias,
                      void* c) const {
  if (narrow_)
    return run_pairs(rows,
                     static_cast<const float*>(a),
                     static_cast<const std::byte*>(arranged),
                     static_cast<const float*>(bias),
                     static_cast<float*>(c));
  if (in_strips_) return run_strips(t, a, arranged, bias, c);
  if (part_.m == rows) return part_.run_tile(part_, a, arranged, bias, c);
  MatmulPlan part = part_;
  part.m = rows;
  part.run_tile(part, a, arranged, bias, c);
}

void StepProduct::run_strips(
    std::int64_t t, const void* a, const void* b, const void* bias, void* c) const {
  const std::int64_t count = (whole_.n - 1) / kStrip + 1;
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t column = (t % 2 == 0 ? i : count - 1 - i) * kStrip;
    const MatmulPlan& strip = strips_[column + kStrip <= whole_.n ? 0 : 1];
    strip.run_tile(strip,
                   a,
                   moved(b, column * whole_.k * item_),
                   moved(bias, column * item_),
                   moved(c, column * item_));
  }
}

void StepProduct::run_pairs(
    std::int64_t rows, const float* a, const std::byte* b, const float* bias, float* c) const {
  const std::int64_t n = whole_.n, k = whole_.k, pairs = (k + 1) / 2;
  std::array<std::int64_t, kRows> left_at{}, out_at{};
  auto* const rounded = static_cast<std::uint16_t*>(
      matmul_workspace(static_cast<std::size_t>(rows * pairs) * sizeof(float)));
  const UnaryLoop round = cast_loop(DType::float32, DType::bfloat16);
  for (std::int64_t i = 0; i < rows; ++i) {
    round(a + i * k, rounded + i * 2 * pairs, k);
    if (k % 2 != 0) rounded[i * 2 * pairs + k] = 0;
    left_at[static_cast<std::size_t>(i)] = i * pairs;
    out_at[static_cast<std::size_t>(i)] = i * n;
  }
  ConvBlock block = one_product(left_at.data(), out_at.data(), rows, pairs, 1);
  block.left = rounded;
  block.accumulate = whole_.accumulate;
  for (std::int64_t column = 0; column < n; column += block.width) {
    block.width = pairs_.panel(n - column);
    block.right_row = (block.width + pairs_.lanes - 1) / pairs_.lanes * pairs_.lanes;
    block.right = b;
    block.out = c + column;
    block.bias = bias == nullptr ? nullptr : bias + column;
    pairs_.sums(block);
    b += pairs * block.right_row * item_;
  }
}

}  // namespace nyala::kernels
