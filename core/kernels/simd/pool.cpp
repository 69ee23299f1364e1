#include <nyala/core/kernels/pool_loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/pool.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <limits>

#include <nyala/core/kernels/simd/gemm-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// f(distance from the window's beginning, number of the tap)
template <class F>
HWY_INLINE void each_tap(const PoolRun& run, F&& f) {
  std::int64_t tap = 0;
  for (std::int64_t a = 0; a < run.taps[0]; ++a) {
    for (std::int64_t b = 0; b < run.taps[1]; ++b) {
      std::int64_t at = a * run.tap_step[0] + b * run.tap_step[1];
      for (std::int64_t c = 0; c < run.taps[2]; ++c, at += run.tap_step[2], ++tap) f(at, tap);
    }
  }
}

// Some vectors of channels side by side; of one alone `count` lanes where it is not whole.
template <class D, int size>
struct Lanes {
  D d;
  std::int64_t count;
  using T = hn::TFromD<D>;
  using V = hn::Vec<D>;
  static constexpr int vectors = size;

  HWY_INLINE V load(const T* from, int v) const {
    if constexpr (size == 1) return load_up_to(d, from, count);
    return hn::LoadU(d, from + v * lanes(d));
  }
  HWY_INLINE void store(V x, T* to, int v) const {
    if constexpr (size == 1) return store_up_to(d, x, to, count);
    hn::StoreU(x, d, to + v * lanes(d));
  }
};

// f(how to read and write, input, output) for each window and each part of its channels.
template <class T, class F>
HWY_INLINE void each_window(const PoolRun& run, F&& f) {
  const hn::ScalableTag<T> d;
  using D = hn::ScalableTag<T>;
  const std::int64_t step = lanes(d);
  std::int64_t x = run.x, y = run.y;
  for (std::int64_t i = 0; i < run.count; ++i, x += run.x_step, y += run.channels) {
    std::int64_t c = 0;
    for (; c + 4 * step <= run.channels; c += 4 * step) f(Lanes<D, 4>{d, 0}, x + c, y + c);
    for (; c < run.channels; c += step)
      f(Lanes<D, 1>{d, HWY_MIN(step, run.channels - c)}, x + c, y + c);
  }
}

template <class T>
void max_of(const PoolRun& run, const void* x_data, void* y_data) {
  const T* x = static_cast<const T*>(x_data);
  T* y = static_cast<T*>(y_data);
  each_window<T>(run, [&](auto part, std::int64_t from, std::int64_t to) HWY_ATTR {
    using P = decltype(part);
    typename P::V best[P::vectors];
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v)
      best[v] = hn::Set(part.d, -std::numeric_limits<T>::infinity());
    each_tap(run, [&](std::int64_t at, std::int64_t) HWY_ATTR {
      NYALA_UNROLL
      for (int v = 0; v < P::vectors; ++v) {
        const auto value = part.load(x + from + at, v);
        const auto take = hn::Or(hn::Gt(value, best[v]), hn::IsNaN(value));
        best[v] = hn::IfThenElse(take, value, best[v]);
      }
    });
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v) part.store(best[v], y + to, v);
  });
}

// The number of the tap that is largest, for each channel: of equal ones the first, of NaNs too.
template <class P>
struct Largest {
  typename P::V tap[P::vectors];

  HWY_INLINE Largest(const P& part, const PoolRun& run, const typename P::T* x) {
    typename P::V best[P::vectors];
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v) {
      best[v] = part.load(x, v);
      tap[v] = hn::Zero(part.d);
    }
    each_tap(run, [&](std::int64_t at, std::int64_t number) HWY_ATTR {
      const auto here = hn::Set(part.d, static_cast<typename P::T>(number));
      NYALA_UNROLL
      for (int v = 0; v < P::vectors; ++v) {
        const auto value = part.load(x + at, v);
        const auto nan = hn::AndNot(hn::IsNaN(best[v]), hn::IsNaN(value));
        const auto take = hn::Or(hn::Gt(value, best[v]), nan);
        best[v] = hn::IfThenElse(take, value, best[v]);
        tap[v] = hn::IfThenElse(take, here, tap[v]);
      }
    });
  }
};

template <class T>
void pick(const PoolRun& run, const void* x_data, const void* from_data, void* y_data) {
  const T* x = static_cast<const T*>(x_data);
  const T* source = static_cast<const T*>(from_data);
  T* y = static_cast<T*>(y_data);
  each_window<T>(run, [&](auto part, std::int64_t from, std::int64_t to) HWY_ATTR {
    using P = decltype(part);
    const Largest<P> largest(part, run, x + from);
    typename P::V sum[P::vectors];
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v) sum[v] = hn::Zero(part.d);
    each_tap(run, [&](std::int64_t at, std::int64_t number) HWY_ATTR {
      const auto here = hn::Set(part.d, static_cast<T>(number));
      NYALA_UNROLL
      for (int v = 0; v < P::vectors; ++v)
        sum[v] =
            hn::IfThenElse(hn::Eq(largest.tap[v], here), part.load(source + from + at, v), sum[v]);
    });
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v) part.store(sum[v], y + to, v);
  });
}

// share(v, number of the tap) goes to each element of a window.
template <class P, class F>
HWY_INLINE void spread(const P& part, const PoolRun& run, typename P::T* to, F&& share) {
  each_tap(run, [&](std::int64_t at, std::int64_t number) HWY_ATTR {
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v) {
      const auto own = share(v, number);
      part.store(run.apart ? own : hn::Add(part.load(to + at, v), own), to + at, v);
    }
  });
}

template <class T>
void spread_max(const PoolRun& run, const void* x_data, const void* dy_data, void* dx_data) {
  const T* x = static_cast<const T*>(x_data);
  const T* dy = static_cast<const T*>(dy_data);
  T* dx = static_cast<T*>(dx_data);
  each_window<T>(run, [&](auto part, std::int64_t from, std::int64_t to) HWY_ATTR {
    using P = decltype(part);
    const Largest<P> largest(part, run, x + from);
    typename P::V own[P::vectors];
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v) own[v] = part.load(dy + to, v);
    spread(part, run, dx + from, [&](int v, std::int64_t number) HWY_ATTR {
      const auto here = hn::Set(part.d, static_cast<T>(number));
      return hn::IfThenElseZero(hn::Eq(largest.tap[v], here), own[v]);
    });
  });
}

template <class T>
void average(const PoolRun& run, const void* x_data, void* y_data) {
  const T* x = static_cast<const T*>(x_data);
  T* y = static_cast<T*>(y_data);
  const T divisor = static_cast<T>(HWY_MAX(run.elements(), 1));
  each_window<T>(run, [&](auto part, std::int64_t from, std::int64_t to) HWY_ATTR {
    using P = decltype(part);
    typename P::V sum[P::vectors];
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v) sum[v] = hn::Zero(part.d);
    each_tap(run, [&](std::int64_t at, std::int64_t) HWY_ATTR {
      NYALA_UNROLL
      for (int v = 0; v < P::vectors; ++v) sum[v] = hn::Add(sum[v], part.load(x + from + at, v));
    });
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v)
      part.store(hn::Div(sum[v], hn::Set(part.d, divisor)), y + to, v);
  });
}

template <class T>
void spread_average(const PoolRun& run, const void* dy_data, void* dx_data) {
  const T* dy = static_cast<const T*>(dy_data);
  T* dx = static_cast<T*>(dx_data);
  const T divisor = static_cast<T>(HWY_MAX(run.elements(), 1));
  each_window<T>(run, [&](auto part, std::int64_t from, std::int64_t to) HWY_ATTR {
    using P = decltype(part);
    typename P::V own[P::vectors];
    NYALA_UNROLL
    for (int v = 0; v < P::vectors; ++v)
      own[v] = hn::Div(part.load(dy + to, v), hn::Set(part.d, divisor));
    spread(part, run, dx + from, [&](int v, std::int64_t) HWY_ATTR { return own[v]; });
  });
}

template <class T>
PoolLoops loops_of() {
  return {max_of<T>, pick<T>, spread_max<T>, average<T>, spread_average<T>};
}

PoolLoops find_pool(DType dtype) {
  return select_float(dtype, loops_of<float>(), loops_of<double>());
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_pool);

PoolLoops pool_loops(DType dtype) { return HWY_DYNAMIC_DISPATCH(find_pool)(dtype); }

}  // namespace nyala::kernels
#endif
