#include <nyala/core/kernels/pool.hpp>

#include <algorithm>
#include <limits>

#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Channels that are worked on at a time: their running results lie in the first cache.
constexpr std::int64_t kChannels = 256;

// f(input pixel) for each input of the window of output (o0, o1, o2) that exists.
template <class F>
void each_input(const Window& window, std::int64_t o0, std::int64_t o1, std::int64_t o2, F&& f) {
  const WindowAxis &d = window.axes[0], &h = window.axes[1], &w = window.axes[2];
  for (std::int64_t t0 = 0; t0 < d.size; ++t0) {
    const std::int64_t i0 = d.input_of(o0, t0);
    if (!d.is_inside(i0)) continue;
    for (std::int64_t t1 = 0; t1 < h.size; ++t1) {
      const std::int64_t i1 = h.input_of(o1, t1);
      if (!h.is_inside(i1)) continue;
      for (std::int64_t t2 = 0; t2 < w.size; ++t2) {
        const std::int64_t i2 = w.input_of(o2, t2);
        if (w.is_inside(i2)) f((i0 * h.in + i1) * w.in + i2);
      }
    }
  }
}

// f(image, output pixel, its three indices), the outputs of an image on one thread.
template <class F>
void each_output(const Window& window, F&& f) {
  const WindowAxis &d = window.axes[0], &h = window.axes[1], &w = window.axes[2];
  parallel_for(window.batch, 1, [&](std::int64_t image, std::int64_t) {
    std::int64_t pixel = 0;
    for (std::int64_t o0 = 0; o0 < d.out; ++o0) {
      for (std::int64_t o1 = 0; o1 < h.out; ++o1) {
        for (std::int64_t o2 = 0; o2 < w.out; ++o2) f(image, pixel++, o0, o1, o2);
      }
    }
  });
}

// f(first channel, count) for parts of the channels.
template <class F>
void each_part(std::int64_t channels, F&& f) {
  for (std::int64_t c = 0; c < channels; c += kChannels) f(c, std::min(kChannels, channels - c));
}

template <class T>
bool is_larger(T value, T best) {
  return value > best || (value != value && best == best);
}

template <class T>
void max_of(const PoolShape& shape, const T* x, T* y) {
  const Window& window = shape.window;
  const std::int64_t channels = shape.channels;
  each_output(window, [&](std::int64_t image, std::int64_t pixel, auto... o) {
    const T* from = x + image * window.inputs() * channels;
    T* to = y + (image * window.outputs() + pixel) * channels;
    std::fill(to, to + channels, -std::numeric_limits<T>::infinity());
    each_input(window, o..., [&](std::int64_t input) {
      const T* values = from + input * channels;
      for (std::int64_t c = 0; c < channels; ++c)
        to[c] = values[c] > to[c] || values[c] != values[c] ? values[c] : to[c];
    });
  });
}

// use(image, output pixel, first channel, count, the input pixel of each channel's maximum, or -1)
template <class T, class Use>
void each_maximum(const PoolShape& shape, const T* x, Use&& use) {
  const Window& window = shape.window;
  const std::int64_t channels = shape.channels;
  each_output(window, [&](std::int64_t image, std::int64_t pixel, auto... o) {
    const T* from = x + image * window.inputs() * channels;
    each_part(channels, [&](std::int64_t first, std::int64_t count) {
      T best[kChannels];
      std::int64_t at[kChannels];
      std::fill(at, at + count, -1);
      each_input(window, o..., [&](std::int64_t input) {
        const T* values = from + input * channels + first;
        for (std::int64_t c = 0; c < count; ++c) {
          const bool take = at[c] < 0 || is_larger(values[c], best[c]);
          best[c] = take ? values[c] : best[c];
          at[c] = take ? input : at[c];
        }
      });
      use(image, pixel, first, count, static_cast<const std::int64_t*>(at));
    });
  });
}

template <class T>
void pick(const PoolShape& shape, const T* x, const T* from, T* y) {
  const std::int64_t channels = shape.channels;
  each_maximum(
      shape,
      x,
      [&](std::int64_t image, std::int64_t pixel, std::int64_t c0, std::int64_t n, auto* at) {
        const T* source = from + image * shape.window.inputs() * channels + c0;
        T* to = y + (image * shape.window.outputs() + pixel) * channels + c0;
        for (std::int64_t c = 0; c < n; ++c)
          to[c] = at[c] < 0 ? T{0} : source[at[c] * channels + c];
      });
}

template <class T>
void spread_maximum(const PoolShape& shape, const T* x, const T* dy, T* dx) {
  const std::int64_t channels = shape.channels;
  std::fill(dx, dx + shape.window.batch * shape.window.inputs() * channels, T{0});
  each_maximum(
      shape,
      x,
      [&](std::int64_t image, std::int64_t pixel, std::int64_t c0, std::int64_t n, auto* at) {
        const T* source = dy + (image * shape.window.outputs() + pixel) * channels + c0;
        T* to = dx + image * shape.window.inputs() * channels + c0;
        for (std::int64_t c = 0; c < n; ++c) {
          if (at[c] >= 0) to[at[c] * channels + c] += source[c];
        }
      });
}

template <class... O>
std::int64_t count_inputs(const Window& window, O... o) {
  std::int64_t count = 0;
  each_input(window, o..., [&](std::int64_t) { ++count; });
  return count;
}

template <class T>
void average(const PoolShape& shape, const T* x, T* y) {
  const Window& window = shape.window;
  const std::int64_t channels = shape.channels;
  each_output(window, [&](std::int64_t image, std::int64_t pixel, auto... o) {
    const T* from = x + image * window.inputs() * channels;
    T* to = y + (image * window.outputs() + pixel) * channels;
    std::fill(to, to + channels, T{0});
    each_input(window, o..., [&](std::int64_t input) {
      const T* values = from + input * channels;
      for (std::int64_t c = 0; c < channels; ++c) to[c] += values[c];
    });
    const std::int64_t count = count_inputs(window, o...);
    if (count < 2) return;
    const T divisor = static_cast<T>(count);
    for (std::int64_t c = 0; c < channels; ++c) to[c] /= divisor;
  });
}

template <class T>
void spread_average(const PoolShape& shape, const T* dy, T* dx) {
  const Window& window = shape.window;
  const std::int64_t channels = shape.channels;
  std::fill(dx, dx + window.batch * window.inputs() * channels, T{0});
  each_output(window, [&](std::int64_t image, std::int64_t pixel, auto... o) {
    const T* from = dy + (image * window.outputs() + pixel) * channels;
    T* to = dx + image * window.inputs() * channels;
    const std::int64_t count = count_inputs(window, o...);
    const T divisor = static_cast<T>(std::max<std::int64_t>(count, 1));
    each_input(window, o..., [&](std::int64_t input) {
      T* values = to + input * channels;
      for (std::int64_t c = 0; c < channels; ++c) values[c] += from[c] / divisor;
    });
  });
}

}  // namespace

void max_pool(DType dtype, const PoolShape& shape, const void* x, void* y) {
  visit_float(dtype,
              [&]<class T>() { max_of(shape, static_cast<const T*>(x), static_cast<T*>(y)); });
}
void max_pool_pick(DType dtype, const PoolShape& shape, const void* x, const void* from, void* y) {
  visit_float(dtype, [&]<class T>() {
    pick(shape, static_cast<const T*>(x), static_cast<const T*>(from), static_cast<T*>(y));
  });
}
void max_pool_spread(DType dtype, const PoolShape& shape, const void* x, const void* dy, void* dx) {
  visit_float(dtype, [&]<class T>() {
    spread_maximum(shape, static_cast<const T*>(x), static_cast<const T*>(dy), static_cast<T*>(dx));
  });
}
void average_pool(DType dtype, const PoolShape& shape, const void* x, void* y) {
  visit_float(dtype,
              [&]<class T>() { average(shape, static_cast<const T*>(x), static_cast<T*>(y)); });
}
void average_pool_spread(DType dtype, const PoolShape& shape, const void* dy, void* dx) {
  visit_float(dtype, [&]<class T>() {
    spread_average(shape, static_cast<const T*>(dy), static_cast<T*>(dx));
  });
}

}  // namespace nyala::kernels
