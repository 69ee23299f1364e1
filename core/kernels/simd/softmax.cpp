#include <nyala/core/kernels/simd/fewer_targets.hpp>
#include <nyala/core/kernels/softmax_loops.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/softmax.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/softmax-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// NaN wins.
template <class V>
HWY_INLINE V larger(V x, V y) {
  return hn::IfThenElse(hn::Or(hn::Gt(x, y), hn::IsNaN(x)), x, y);
}

template <class L, class T>
HWY_INLINE void log_softmax_line(const L& line, const T* x, T* out) {
  const auto max = max_of(line, x);
  const auto log_sum = log(line.d, sum_of_exp(line, x, max));
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    part.store(hn::Sub(hn::Sub(part.load(x + at, max), max), log_sum), out + at);
  });
}

template <class L, class T>
HWY_INLINE void softmax_grad_line(const L& line, const T* y, const T* dy, T* dx) {
  const auto zero = hn::Zero(line.d);
  auto sum = zero;
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    sum = hn::MulAdd(part.load(y + at, zero), part.load(dy + at, zero), sum);
  });
  const auto dot = line.all_sum(sum);
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    const auto rest = hn::Sub(part.load(dy + at, zero), dot);
    part.store(hn::Mul(part.load(y + at, zero), rest), dx + at);
  });
}

template <class L, class T>
HWY_INLINE void log_softmax_grad_line(const L& line, const T* y, const T* dy, T* dx) {
  const auto zero = hn::Zero(line.d);
  auto sum = zero;
  line.each([&](auto part, std::int64_t at)
                HWY_ATTR { sum = hn::Add(part.load(dy + at, zero), sum); });
  const auto total = line.all_sum(sum);
  line.each([&](auto part, std::int64_t at) HWY_ATTR {
    const auto weight = exp(line.d, part.load(y + at, zero));
    part.store(hn::NegMulAdd(weight, total, part.load(dy + at, zero)), dx + at);
  });
}

// Here a NaN must be seen beside an infinity.
template <class L, class T>
HWY_INLINE void logsumexp_line(const L& line, const T* x, T* out) {
  const auto lowest = hn::Neg(infinity(line.d));
  auto max = lowest;
  line.each([&](auto part, std::int64_t at)
                HWY_ATTR { max = larger(part.load(x + at, lowest), max); });
  max = line.all_max(max);
  const auto result = hn::Add(max, log(line.d, sum_of_exp(line, x, max)));
  line.store_result(hn::IfThenElse(hn::IsInf(max), max, result), out);
}

template <SoftmaxOp op, class L, class T>
HWY_INLINE void apply(const L& line, const T* x, const T* y, T* out) {
  if constexpr (op == SoftmaxOp::softmax)
    scaled_softmax(line, x, constant(line.d, 1), out);
  else if constexpr (op == SoftmaxOp::log_softmax)
    log_softmax_line(line, x, out);
  else if constexpr (op == SoftmaxOp::softmax_grad)
    softmax_grad_line(line, x, y, out);
  else if constexpr (op == SoftmaxOp::log_softmax_grad)
    log_softmax_grad_line(line, x, y, out);
  else
    logsumexp_line(line, x, out);
}

template <SoftmaxOp op, class T>
void run_rows(
    const void* x_data, const void* y_data, void* out_data, std::int64_t count, std::int64_t n) {
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  T* out = static_cast<T*>(out_data);
  constexpr bool is_gradient = op == SoftmaxOp::softmax_grad || op == SoftmaxOp::log_softmax_grad;
  constexpr bool is_sum = op == SoftmaxOp::logsumexp;
  // Without an exponential, turning pays for the shortest alone.
  if (is_short<T>(op == SoftmaxOp::softmax_grad ? 4 * n : n)) {
    Turned<T> from, beside, to;
    each_group<T>(count, n, [&](std::int64_t i, const Columns<T>& group) HWY_ATTR {
      from.read(x + i * n, group.width, n);
      if (is_gradient) beside.read(y + i * n, group.width, n);
      apply<op>(group, from.data, beside.data, is_sum ? out + i : to.data);
      if (!is_sum) to.write(out + i * n, group.width, n);
    });
    return;
  }
  const Row<T> line{{}, n};
  for (std::int64_t i = 0; i < count; ++i)
    apply<op>(line, x + i * n, y == nullptr ? y : y + i * n, out + (is_sum ? i : i * n));
}

template <SoftmaxOp op, class T>
void run_columns(const void* x_data,
                 const void* y_data,
                 void* out_data,
                 std::int64_t n,
                 std::int64_t stride,
                 std::int64_t count) {
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  T* out = static_cast<T*>(out_data);
  const std::int64_t step = lanes(hn::ScalableTag<T>());
  for (std::int64_t i = 0; i < count; i += step) {
    const Columns<T> line{{}, n, stride, HWY_MIN(step, count - i)};
    apply<op>(line, x + i, y == nullptr ? y : y + i, out + i);
  }
}

template <SoftmaxOp op, class T>
constexpr SoftmaxLoops entry() {
  return {run_rows<op, T>, run_columns<op, T>};
}

template <class T>
const SoftmaxLoops* find(SoftmaxOp op) {
  static constexpr SoftmaxLoops loops[] = {entry<SoftmaxOp::softmax, T>(),
                                           entry<SoftmaxOp::log_softmax, T>(),
                                           entry<SoftmaxOp::softmax_grad, T>(),
                                           entry<SoftmaxOp::log_softmax_grad, T>(),
                                           entry<SoftmaxOp::logsumexp, T>()};
  return &loops[static_cast<std::size_t>(op)];
}

const SoftmaxLoops* find_softmax(SoftmaxOp op, DType dtype) {
  return select_float(dtype, find<float>(op), find<double>(op));
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_softmax);

SoftmaxLoops softmax_loops(SoftmaxOp op, DType dtype) {
  return *HWY_DYNAMIC_DISPATCH(find_softmax)(op, dtype);
}

}  // namespace nyala::kernels
#endif
