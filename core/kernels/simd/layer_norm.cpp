#include <nyala/core/kernels/layer_norm_loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/layer_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// The sum of all lanes that f(how to read, where, sum) adds up, in four vectors side by side.
template <class D, class F>
HWY_INLINE hn::Vec<D> sum_of(D d, std::int64_t n, F&& f) {
  const std::int64_t step = lanes(d);
  auto s0 = hn::Zero(d), s1 = s0, s2 = s0, s3 = s0;
  std::int64_t at = 0;
  for (; at + 4 * step <= n; at += 4 * step) {
    s0 = f(Whole<D>{d}, at, s0);
    s1 = f(Whole<D>{d}, at + step, s1);
    s2 = f(Whole<D>{d}, at + 2 * step, s2);
    s3 = f(Whole<D>{d}, at + 3 * step, s3);
  }
  for (; at + step <= n; at += step) s0 = f(Whole<D>{d}, at, s0);
  if (at < n) s1 = f(Part<D>{d, n - at}, at, s1);
  return hn::SumOfLanes(d, hn::Add(hn::Add(s0, s1), hn::Add(s2, s3)));
}

// What a row is normalised with: h = (x - mean) factor.
template <class D>
struct Normal {
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  V inverse_n, mean, factor;

  HWY_INLINE Normal(D d, const T* x, std::int64_t n, double epsilon)
      : inverse_n(hn::Set(d, static_cast<T>(1 / static_cast<double>(n)))) {
    const V sum = sum_of(d, n, [&](auto part, std::int64_t at, V s) HWY_ATTR {
      return hn::Add(s, part.load(x + at, hn::Zero(d)));
    });
    const V average = hn::Mul(sum, inverse_n);
    const V squares = sum_of(d, n, [&](auto part, std::int64_t at, V s) HWY_ATTR {
      const V distance = hn::Sub(part.load(x + at, average), average);
      return hn::MulAdd(distance, distance, s);
    });
    const V variance = hn::MulAdd(squares, inverse_n, hn::Set(d, static_cast<T>(epsilon)));
    mean = average;
    factor = hn::Div(hn::Set(d, T{1}), hn::Sqrt(variance));
  }
  HWY_INLINE V of(V x) const { return hn::Mul(hn::Sub(x, mean), factor); }
};

template <class T>
void forward(const void* x_data,
             const void* gamma_data,
             const void* beta_data,
             double epsilon,
             void* y_data,
             std::int64_t count,
             std::int64_t n) {
  const hn::ScalableTag<T> d;
  const T* x = static_cast<const T*>(x_data);
  const T* gamma = static_cast<const T*>(gamma_data);
  const T* beta = static_cast<const T*>(beta_data);
  T* y = static_cast<T*>(y_data);
  for (; count > 0; --count, x += n, y += n) {
    const Normal normal(d, x, n, epsilon);
    const auto zero = hn::Zero(d);
    each_part(d, n, [&](auto part, std::int64_t at) HWY_ATTR {
      const auto h = normal.of(part.load(x + at, zero));
      part.store(hn::MulAdd(h, part.load(gamma + at, zero), part.load(beta + at, zero)), y + at);
    });
  }
}

// factor (g - mean(g) - h mean(g h)) for g = dy gamma.
template <class T>
void grad(const void* x_data,
          const void* gamma_data,
          const void* dy_data,
          double epsilon,
          void* dx_data,
          std::int64_t count,
          std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const T* x = static_cast<const T*>(x_data);
  const T* gamma = static_cast<const T*>(gamma_data);
  const T* dy = static_cast<const T*>(dy_data);
  T* dx = static_cast<T*>(dx_data);
  const V zero = hn::Zero(d);
  for (; count > 0; --count, x += n, dy += n, dx += n) {
    const Normal normal(d, x, n, epsilon);
    const auto g = [&](auto part, std::int64_t at) HWY_ATTR {
      return hn::Mul(part.load(dy + at, zero), part.load(gamma + at, zero));
    };
    // Both sums in one pass; what is beyond the row's end counts 0 in either.
    V g_sum = zero, gh_sum = zero;
    each_part(d, n, [&](auto part, std::int64_t at) HWY_ATTR {
      const V own = g(part, at);
      g_sum = hn::Add(g_sum, own);
      gh_sum = hn::MulAdd(own, normal.of(part.load(x + at, zero)), gh_sum);
    });
    const V g_mean = hn::Mul(hn::SumOfLanes(d, g_sum), normal.inverse_n);
    const V gh_mean = hn::Mul(hn::SumOfLanes(d, gh_sum), normal.inverse_n);
    each_part(d, n, [&](auto part, std::int64_t at) HWY_ATTR {
      const V h = normal.of(part.load(x + at, zero));
      const V rest = hn::NegMulAdd(h, gh_mean, hn::Sub(g(part, at), g_mean));
      part.store(hn::Mul(rest, normal.factor), dx + at);
    });
  }
}

template <class T>
void scale_grad(const void* x_data,
                const void* dy_data,
                double epsilon,
                void* dgamma_data,
                std::int64_t count,
                std::int64_t n) {
  const hn::ScalableTag<T> d;
  const T* x = static_cast<const T*>(x_data);
  const T* dy = static_cast<const T*>(dy_data);
  T* dgamma = static_cast<T*>(dgamma_data);
  const auto zero = hn::Zero(d);
  for (std::int64_t i = 0; i < n; ++i) dgamma[i] = T{0};
  for (; count > 0; --count, x += n, dy += n) {
    const Normal normal(d, x, n, epsilon);
    each_part(d, n, [&](auto part, std::int64_t at) HWY_ATTR {
      const auto h = normal.of(part.load(x + at, zero));
      const auto sum = part.load(dgamma + at, zero);
      part.store(hn::MulAdd(part.load(dy + at, zero), h, sum), dgamma + at);
    });
  }
}

LayerNormLoops find_layer_norm(DType dtype) {
  return select_float(dtype,
                      LayerNormLoops{forward<float>, grad<float>, scale_grad<float>},
                      LayerNormLoops{forward<double>, grad<double>, scale_grad<double>});
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_layer_norm);

LayerNormLoops layer_norm_loops(DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_layer_norm)(dtype);
}

}  // namespace nyala::kernels
#endif
