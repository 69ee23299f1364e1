#include <nyala/core/kernels/batch_norm_loops.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/batch_norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

template <class T>
const T* as(const void* data) {
  return static_cast<const T*>(data);
}
template <class T>
T* as(void* data) {
  return static_cast<T*>(data);
}

// Reads what each channel has one number of: a vector of channels that lie side by side, or one
// channel in every lane.
template <class P>
struct SideBySide {
  P part;
  std::int64_t at;
  HWY_INLINE auto of(const typename P::T* array) const {
    return part.load(array + at, hn::Zero(part.d));
  }
};
template <class D>
struct Single {
  D d;
  std::int64_t at;
  HWY_INLINE auto of(const hn::TFromD<D>* array) const { return hn::Set(d, array[at]); }
};

// Writes y = f(p, part, where) everywhere, for p = params(channel). Of channels that lie side by
// side four rows at once: none is read after one is written that may lie 4 KiB from it, which
// processors take for the same place.
template <class D, class T = hn::TFromD<D>, class Params, class F>
HWY_INLINE void map(D d, const ChannelBlock& block, T* y, Params&& params, F&& f) {
  if (block.inner > 1) {
    for (std::int64_t row = 0; row < block.outer; ++row) {
      for (std::int64_t c = 0; c < block.channels; ++c) {
        const auto p = params(Single<D>{d, c});
        const std::int64_t start = row * block.stride + c * block.inner;
        each_part(d, block.inner, [&](auto part, std::int64_t at) HWY_ATTR {
          part.store(f(p, part, start + at), y + start + at);
        });
      }
    }
    return;
  }
  std::int64_t row = 0;
  for (; row + 4 <= block.outer; row += 4) {
    each_part(d, block.channels, [&](auto part, std::int64_t at) HWY_ATTR {
      const auto p = params(SideBySide<decltype(part)>{part, at});
      const std::int64_t at0 = row * block.stride + at, at1 = at0 + block.stride;
      const std::int64_t at2 = at1 + block.stride, at3 = at2 + block.stride;
      const auto y0 = f(p, part, at0), y1 = f(p, part, at1);
      const auto y2 = f(p, part, at2), y3 = f(p, part, at3);
      part.store(y0, y + at0);
      part.store(y1, y + at1);
      part.store(y2, y + at2);
      part.store(y3, y + at3);
    });
  }
  for (; row < block.outer; ++row) {
    each_part(d, block.channels, [&](auto part, std::int64_t at) HWY_ATTR {
      const auto p = params(SideBySide<decltype(part)>{part, at});
      const std::int64_t there = row * block.stride + at;
      part.store(f(p, part, there), y + there);
    });
  }
}

// Adds up two sums of each channel, add(p, part, where, first, second), for p = params(channel).
template <class D, class T = hn::TFromD<D>, class Params, class F>
HWY_INLINE void sums_side_by_side(
    D d, const ChannelBlock& block, T* first, T* second, Params&& params, F&& add) {
  for (std::int64_t row = 0; row < block.outer;) {
    const bool four = row + 4 <= block.outer;
    each_part(d, block.channels, [&](auto part, std::int64_t at) HWY_ATTR {
      const auto zero = hn::Zero(d);
      const auto p = params(SideBySide<decltype(part)>{part, at});
      auto a = row == 0 ? zero : part.load(first + at, zero);
      auto b = row == 0 ? zero : part.load(second + at, zero);
      const std::int64_t at0 = row * block.stride + at, at1 = at0 + block.stride;
      add(p, part, at0, a, b);
      if (four) {
        add(p, part, at1, a, b);
        add(p, part, at1 + block.stride, a, b);
        add(p, part, at1 + 2 * block.stride, a, b);
      }
      part.store(a, first + at);
      part.store(b, second + at);
    });
    row += four ? 4 : 1;
  }
}
// The same of channel c, in every lane of a and b.
template <class D, class V = hn::Vec<D>, class P, class F>
HWY_INLINE void sums_of_channel(
    D d, const ChannelBlock& block, std::int64_t c, const P& p, F&& add, V& a, V& b) {
  const std::int64_t step = lanes(d);
  V a0 = hn::Zero(d), a1 = a0, b0 = a0, b1 = a0;
  for (std::int64_t row = 0; row < block.outer; ++row) {
    std::int64_t at = row * block.stride + c * block.inner;
    const std::int64_t end = at + block.inner;
    for (; at + 2 * step <= end; at += 2 * step) {
      add(p, Whole<D>{d}, at, a0, b0);
      add(p, Whole<D>{d}, at + step, a1, b1);
    }
    for (; at + step <= end; at += step) add(p, Whole<D>{d}, at, a0, b0);
    if (at < end) add(p, Part<D>{d, end - at}, at, a1, b1);
  }
  a = hn::SumOfLanes(d, hn::Add(a0, a1));
  b = hn::SumOfLanes(d, hn::Add(b0, b1));
}

// The mean and the sum of squared distances from it.
template <class V>
struct Spread {
  V mean, squares;
};
// Of some elements and others together.
template <class D, class V = hn::Vec<D>>
HWY_INLINE void join(
    D d, Spread<V>& all, const Spread<V>& own, double all_elements, double own_elements) {
  using T = hn::TFromD<D>;
  const V distance = hn::Sub(own.mean, all.mean);
  const V share = hn::Set(d, static_cast<T>(own_elements / (all_elements + own_elements)));
  const V step = hn::Mul(distance, share);
  const V between = hn::Mul(step, hn::Set(d, static_cast<T>(all_elements)));
  all.mean = hn::Add(all.mean, step);
  all.squares = hn::MulAdd(distance, between, hn::Add(all.squares, own.squares));
}

// What 8 rows or one add to means and squares of the rows before them, for channels side by side.
template <bool kEight, class D, class T = hn::TFromD<D>>
HWY_INLINE void join_rows(
    D d, const ChannelBlock& block, const T* x, std::int64_t row, T* means, T* squares) {
  using V = hn::Vec<D>;
  each_part(d, block.channels, [&](auto part, std::int64_t at) HWY_ATTR {
    const V zero = hn::Zero(d);
    const auto read = [&](std::int64_t i)
                          HWY_ATTR { return part.load(x + (row + i) * block.stride + at, zero); };
    const V x0 = read(0);
    Spread<V> own = {x0, zero};
    if constexpr (kEight) {
      const V x1 = read(1), x2 = read(2), x3 = read(3);
      const V x4 = read(4), x5 = read(5), x6 = read(6), x7 = read(7);
      const V sum = hn::Add(hn::Add(hn::Add(x0, x1), hn::Add(x2, x3)),
                            hn::Add(hn::Add(x4, x5), hn::Add(x6, x7)));
      own.mean = hn::Mul(sum, hn::Set(d, static_cast<T>(0.125)));
      V other = zero;
      const auto add = [&](V value, V& to) HWY_ATTR {
        const V distance = hn::Sub(value, own.mean);
        to = hn::MulAdd(distance, distance, to);
      };
      add(x0, own.squares), add(x1, other), add(x2, own.squares), add(x3, other);
      add(x4, own.squares), add(x5, other), add(x6, own.squares), add(x7, other);
      own.squares = hn::Add(own.squares, other);
    }
    if (row > 0) {
      Spread<V> all = {part.load(means + at, zero), part.load(squares + at, zero)};
      join(d, all, own, static_cast<double>(row), kEight ? 8 : 1);
      own = all;
    }
    part.store(own.mean, means + at);
    part.store(own.squares, squares + at);
  });
}

template <class T>
void moments(const ChannelBlock& block, const void* x_data, void* mean_data, void* square_data) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const T* x = as<T>(x_data);
  T *means = as<T>(mean_data), *squares = as<T>(square_data);
  if (block.inner == 1) {
    std::int64_t row = 0;
    for (; row + 8 <= block.outer; row += 8) join_rows<true>(d, block, x, row, means, squares);
    for (; row < block.outer; ++row) join_rows<false>(d, block, x, row, means, squares);
    return;
  }
  const auto count = static_cast<double>(block.outer * block.inner);
  const V inverse = hn::Set(d, static_cast<T>(1 / count)), zero = hn::Zero(d);
  for (std::int64_t c = 0; c < block.channels; ++c) {
    V sum, unused, rest, square;
    const auto add = [&](V, auto part, std::int64_t at, V& a, V&)
                         HWY_ATTR { a = hn::Add(a, part.load(x + at, zero)); };
    sums_of_channel(d, block, c, zero, add, sum, unused);
    const V mean = hn::Mul(sum, inverse);
    const auto add_square = [&](V center, auto part, std::int64_t at, V& a, V& b) HWY_ATTR {
      const V distance = hn::Sub(part.load(x + at, center), center);
      a = hn::Add(a, distance);
      b = hn::MulAdd(distance, distance, b);
    };
    sums_of_channel(d, block, c, mean, add_square, rest, square);
    // What the mean rounds off the distances tell.
    means[c] = hn::GetLane(hn::MulAdd(rest, inverse, mean));
    squares[c] = hn::GetLane(square);
  }
}

template <class T>
void merge_moments(const ChannelParts& parts,
                   const void* mean_data,
                   const void* square_data,
                   void* mean_out,
                   void* variance_out) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  each_part(d, parts.channels, [&](auto part, std::int64_t at) HWY_ATTR {
    const V zero = hn::Zero(d);
    Spread<V> all = {hn::NaN(d), hn::NaN(d)};
    double total = 0;
    for (std::int64_t i = 0; i < parts.count; ++i) {
      const std::int64_t where = i * parts.channels + at;
      const Spread<V> own = {part.load(as<T>(mean_data) + where, zero),
                             part.load(as<T>(square_data) + where, zero)};
      const double elements = i + 1 < parts.count ? parts.elements : parts.last_elements;
      if (i == 0)
        all = own;
      else
        join(d, all, own, total, elements);
      total += elements;
    }
    part.store(all.mean, as<T>(mean_out) + at);
    const V inverse = hn::Set(d, static_cast<T>(1 / total));
    part.store(hn::Mul(all.squares, inverse), as<T>(variance_out) + at);
  });
}

// 1 / sqrt(variance + epsilon)
template <class D, class V = hn::Vec<D>>
HWY_INLINE V factor(D d, V variance, double epsilon) {
  using T = hn::TFromD<D>;
  const V root = hn::Sqrt(hn::Add(variance, hn::Set(d, static_cast<T>(epsilon))));
  return hn::Div(hn::Set(d, T{1}), root);
}

template <class T>
void scale(std::int64_t channels,
           const void* variance,
           const void* gamma,
           double epsilon,
           void* scale_out) {
  const hn::ScalableTag<T> d;
  each_part(d, channels, [&](auto part, std::int64_t at) HWY_ATTR {
    const auto zero = hn::Zero(d);
    const auto own = factor(d, part.load(as<T>(variance) + at, zero), epsilon);
    part.store(hn::Mul(own, part.load(as<T>(gamma) + at, zero)), as<T>(scale_out) + at);
  });
}

template <class V>
struct Line {
  V mean, scale, offset;
};

template <class T>
void normalize(const ChannelBlock& block,
               const void* x,
               const void* mean,
               const void* scale_data,
               const void* beta,
               void* y) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  map(
      d,
      block,
      as<T>(y),
      [&](auto channel) HWY_ATTR {
        return Line<V>{
            channel.of(as<T>(mean)), channel.of(as<T>(scale_data)), channel.of(as<T>(beta))};
      },
      [&](const Line<V>& line, auto part, std::int64_t at) HWY_ATTR {
        const V distance = hn::Sub(part.load(as<T>(x) + at, hn::Zero(d)), line.mean);
        return hn::MulAdd(distance, line.scale, line.offset);
      });
}

template <class T>
void grad_sums(const ChannelBlock& block,
               const void* x,
               const void* mean_data,
               const void* dy,
               void* sum_data,
               void* product_data) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  T *sums = as<T>(sum_data), *products = as<T>(product_data);
  const auto mean = [&](auto channel) HWY_ATTR { return channel.of(as<T>(mean_data)); };
  const auto add = [&](V center, auto part, std::int64_t at, V& a, V& b) HWY_ATTR {
    const V slope = part.load(as<T>(dy) + at, hn::Zero(d));
    a = hn::Add(a, slope);
    b = hn::MulAdd(slope, hn::Sub(part.load(as<T>(x) + at, center), center), b);
  };
  if (block.inner == 1) return sums_side_by_side(d, block, sums, products, mean, add);
  for (std::int64_t c = 0; c < block.channels; ++c) {
    V a, b;
    sums_of_channel(d, block, c, mean(Single<decltype(d)>{d, c}), add, a, b);
    sums[c] = hn::GetLane(a);
    products[c] = hn::GetLane(b);
  }
}

template <class T>
void merge_grad(const ChannelParts& parts,
                const void* sums,
                const void* products,
                const BatchNormGradArrays& arrays,
                double epsilon,
                const GradLines& lines) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const double full = static_cast<double>(parts.count - 1) * parts.elements;
  const V inverse = hn::Set(d, static_cast<T>(1 / (full + parts.last_elements)));
  each_part(d, parts.channels, [&](auto part, std::int64_t at) HWY_ATTR {
    const V zero = hn::Zero(d);
    const auto read = [&](const void* from) HWY_ATTR { return part.load(as<T>(from) + at, zero); };
    const auto write = [&](V value, void* to) HWY_ATTR { part.store(value, as<T>(to) + at); };
    V sum = zero, product = zero;
    for (std::int64_t i = 0; i < parts.count; ++i) {
      sum = hn::Add(sum, part.load(as<T>(sums) + i * parts.channels + at, zero));
      product = hn::Add(product, part.load(as<T>(products) + i * parts.channels + at, zero));
    }
    const V own = factor(d, read(arrays.variance), epsilon);
    const V dgamma = hn::Mul(product, own), scaled = hn::Mul(own, read(arrays.gamma));
    write(dgamma, arrays.dgamma);
    write(sum, arrays.dbeta);
    write(scaled, lines.scale);
    write(hn::Mul(hn::NegMulAdd(scaled, sum, read(arrays.dmean)), inverse), lines.offset);
    const V dvariance = read(arrays.dvariance);
    const V of_h = hn::NegMulAdd(hn::Mul(scaled, own), dgamma, hn::Add(dvariance, dvariance));
    write(hn::Mul(of_h, inverse), lines.slope);
  });
}

template <class V>
struct GradLine {
  V mean, scale, offset, slope;
};

template <class T>
void grad(const ChannelBlock& block,
          const void* x,
          const void* mean,
          const void* dy,
          const GradLines& lines,
          void* dx) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  map(
      d,
      block,
      as<T>(dx),
      [&](auto channel) HWY_ATTR {
        return GradLine<V>{channel.of(as<T>(mean)),
                           channel.of(as<T>(lines.scale)),
                           channel.of(as<T>(lines.offset)),
                           channel.of(as<T>(lines.slope))};
      },
      [&](const GradLine<V>& line, auto part, std::int64_t at) HWY_ATTR {
        const V zero = hn::Zero(d);
        const V distance = hn::Sub(part.load(as<T>(x) + at, zero), line.mean);
        const V rest = hn::MulAdd(line.slope, distance, line.offset);
        return hn::MulAdd(line.scale, part.load(as<T>(dy) + at, zero), rest);
      });
}

template <class T>
constexpr BatchNormLoops loops_of() {
  return {
      moments<T>, merge_moments<T>, scale<T>, normalize<T>, grad_sums<T>, merge_grad<T>, grad<T>};
}

BatchNormLoops find_batch_norm(DType dtype) {
  return select_float(dtype, loops_of<float>(), loops_of<double>());
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_batch_norm);

BatchNormLoops batch_norm_loops(DType dtype) {
  return HWY_DYNAMIC_DISPATCH(find_batch_norm)(dtype);
}

}  // namespace nyala::kernels
#endif
