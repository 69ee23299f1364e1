#include <limits>

#include <nyala/core/kernels/crossentropy.hpp>
#include <nyala/core/kernels/crossentropy_loops.hpp>
#include <nyala/core/kernels/scalar.hpp>
#include <nyala/core/kernels/simd/fewer_targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/crossentropy.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/softmax-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// f(first element, number of elements) for each vector of a row, the last one in part.
template <class D, class F>
HWY_INLINE void each_vector(D d, std::int64_t n, F&& f) {
  std::int64_t i = 0;
  for (; i + lanes(d) <= n; i += lanes(d)) f(i, lanes(d));
  if (i < n) f(i, n - i);
}
template <class D, class V = hn::Vec<D>>
HWY_INLINE V only_first(D d, V v, std::int64_t width) {
  return width == lanes(d) ? v
                           : hn::IfThenElseZero(hn::FirstN(d, static_cast<std::size_t>(width)), v);
}
template <class D, class V = hn::Vec<D>>
HWY_INLINE hn::TFromD<D> total(D d, V v) {
  return hn::GetLane(hn::SumOfLanes(d, v));
}

// ---- labels and probabilities ----

// Rows that are taken together: their quotients and logarithms make vectors.
constexpr std::int64_t kRows = 64;

// A row of at most four elements is not worth a vector.
template <int n, class T>
HWY_INLINE T sum_of_few(const T* p) {
  T sum = scalar::bounded_probability(p[0]);
  for (int k = 1; k < n; ++k) sum += scalar::bounded_probability(p[k]);
  return sum;
}

template <class T>
HWY_INLINE T sum_of_bounded(const T* p, std::int64_t n) {
  switch (n) {
    case 2: return sum_of_few<2>(p);
    case 3: return sum_of_few<3>(p);
    case 4: return sum_of_few<4>(p);
    default: break;
  }
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  each_vector(d, n, [&](std::int64_t i, std::int64_t width) HWY_ATTR {
    sum = hn::Add(sum, only_first(d, bounded(d, load_up_to(d, p + i, width)), width));
  });
  return total(d, sum);
}

// Rows of n = 2, 3 or 4 classes as n vectors, one for each class, and back.
template <int n, class D, class T = hn::TFromD<D>, class V = hn::Vec<D>>
HWY_INLINE void load_classes(D d, const T* p, V (&of)[4]) {
  if constexpr (n == 2) hn::LoadInterleaved2(d, p, of[0], of[1]);
  if constexpr (n == 3) hn::LoadInterleaved3(d, p, of[0], of[1], of[2]);
  if constexpr (n == 4) hn::LoadInterleaved4(d, p, of[0], of[1], of[2], of[3]);
}
template <int n, class D, class T = hn::TFromD<D>, class V = hn::Vec<D>>
HWY_INLINE void store_classes(D d, const V (&of)[4], T* to) {
  if constexpr (n == 2) hn::StoreInterleaved2(of[0], of[1], d, to);
  if constexpr (n == 3) hn::StoreInterleaved3(of[0], of[1], of[2], d, to);
  if constexpr (n == 4) hn::StoreInterleaved4(of[0], of[1], of[2], of[3], d, to);
}

// Labels of few classes, as numbers to compare with.
template <class D, class T = hn::TFromD<D>>
HWY_INLINE hn::Vec<D> load_labels(D d, const std::int64_t* labels) {
  HWY_ALIGN T numbers[hn::MaxLanes(d)];
  for (std::int64_t i = 0; i < lanes(d); ++i) numbers[i] = static_cast<T>(labels[i]);
  return hn::Load(d, numbers);
}

// f(first row, its and the next rows' classes, their labels) for as many rows of n = 2, 3 or 4
// classes as fill vectors. Gives their number.
template <int n, class T, class F>
HWY_INLINE std::int64_t each_vector_of_rows(const T* p,
                                            const std::int64_t* labels,
                                            std::int64_t count,
                                            F&& f) {
  const hn::ScalableTag<T> d;
  std::int64_t i = 0;
  for (; i + lanes(d) <= count; i += lanes(d)) {
    hn::Vec<decltype(d)> of[4];
    load_classes<n>(d, p + i * n, of);
    f(i, of, load_labels(d, labels + i));
  }
  return i;
}

// The sums of the bounded probabilities of rows, and the ones at their labels.
template <int n, class T>
HWY_INLINE std::int64_t look_at_few(
    const T* p, const std::int64_t* labels, std::int64_t count, T* sums, T* at_label) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto look = [&](std::int64_t i, const V(&of)[4], V label) HWY_ATTR {
    V sum = bounded(d, of[0]), at = of[0];
    for (int k = 1; k < n; ++k) {
      sum = hn::Add(sum, bounded(d, of[k]));
      at = hn::IfThenElse(hn::Eq(label, constant(d, k)), of[k], at);
    }
    hn::StoreU(sum, d, sums + i);
    hn::StoreU(at, d, at_label + i);
  };
  return each_vector_of_rows<n>(p, labels, count, look);
}
template <class T>
HWY_INLINE void look_at_rows(const T* p,
                             const std::int64_t* labels,
                             std::int64_t count,
                             std::int64_t n,
                             T* sums,
                             T* at_label) {
  std::int64_t i = 0;
  if (n == 2) i = look_at_few<2>(p, labels, count, sums, at_label);
  if (n == 3) i = look_at_few<3>(p, labels, count, sums, at_label);
  if (n == 4) i = look_at_few<4>(p, labels, count, sums, at_label);
  for (; i < count; ++i) {
    sums[i] = sum_of_bounded(p + i * n, n);
    at_label[i] = p[i * n + labels[i]];
  }
}

// The gradients of rows: `at_label` at the label, elsewhere `shares` where p is within its bounds.
template <int n, class T>
HWY_INLINE std::int64_t put_few(const T* p,
                                const std::int64_t* labels,
                                std::int64_t count,
                                const T* shares,
                                const T* at_label,
                                T* dp) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  const auto put = [&](std::int64_t i, V(&of)[4], V label) HWY_ATTR {
    const V share = hn::LoadU(d, shares + i), at = hn::LoadU(d, at_label + i);
    for (int k = 0; k < n; ++k) {
      const V other = hn::IfThenElseZero(is_within_bounds(d, of[k]), share);
      of[k] = hn::IfThenElse(hn::Eq(label, constant(d, k)), at, other);
    }
    store_classes<n>(d, of, dp + i * n);
  };
  return each_vector_of_rows<n>(p, labels, count, put);
}
template <class T>
HWY_INLINE void put_rows(const T* p,
                         const std::int64_t* labels,
                         std::int64_t count,
                         std::int64_t n,
                         const T* shares,
                         const T* at_label,
                         T* dp) {
  const hn::ScalableTag<T> d;
  std::int64_t done = 0;
  if (n == 2) done = put_few<2>(p, labels, count, shares, at_label, dp);
  if (n == 3) done = put_few<3>(p, labels, count, shares, at_label, dp);
  if (n == 4) done = put_few<4>(p, labels, count, shares, at_label, dp);
  // The label is written last, not changed: a part of a vector just stored is slow to load.
  for (std::int64_t i = done; i < count; ++i) {
    T* row = dp + i * n;
    const auto share = hn::Set(d, shares[i]);
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      const auto within = is_within_bounds(d, load_up_to(d, p + i * n + k, width));
      store_up_to(d, hn::IfThenElseZero(within, share), row + k, width);
    });
    row[labels[i]] = at_label[i];
  }
}

template <class T>
void sparse(const void* p_data,
            const void* label_data,
            void* loss_data,
            std::int64_t rows,
            std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto* labels = static_cast<const std::int64_t*>(label_data);
  HWY_ALIGN T sums[kRows];
  HWY_ALIGN T at_label[kRows];
  for (std::int64_t first = 0; first < rows; first += kRows) {
    const T* p = static_cast<const T*>(p_data) + first * n;
    T* loss = static_cast<T*>(loss_data) + first;
    const std::int64_t count = HWY_MIN(kRows, rows - first);
    look_at_rows(p, labels + first, count, n, sums, at_label);
    each_vector(d, count, [&](std::int64_t i, std::int64_t width) HWY_ATTR {
      const auto q = bounded(d, load_up_to(d, at_label + i, width));
      store_up_to(d, log(d, hn::Div(load_up_to(d, sums + i, width), q)), loss + i, width);
    });
  }
}

template <class T>
void sparse_grad(const void* p_data,
                 const void* label_data,
                 const void* dloss_data,
                 void* dp_data,
                 std::int64_t rows,
                 std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto* labels = static_cast<const std::int64_t*>(label_data);
  HWY_ALIGN T shares[kRows];
  HWY_ALIGN T at_label[kRows];
  for (std::int64_t first = 0; first < rows; first += kRows) {
    const T* p = static_cast<const T*>(p_data) + first * n;
    const T* dloss = static_cast<const T*>(dloss_data) + first;
    T* dp = static_cast<T*>(dp_data) + first * n;
    const std::int64_t count = HWY_MIN(kRows, rows - first);
    look_at_rows(p, labels + first, count, n, shares, at_label);
    each_vector(d, count, [&](std::int64_t i, std::int64_t width) HWY_ATTR {
      const auto of_loss = load_up_to(d, dloss + i, width),
                 of_label = load_up_to(d, at_label + i, width);
      const auto share = hn::Div(of_loss, load_up_to(d, shares + i, width));
      const auto slope = hn::Sub(share, hn::Div(of_loss, of_label));
      store_up_to(d, share, shares + i, width);
      store_up_to(d, hn::IfThenElseZero(is_within_bounds(d, of_label), slope), at_label + i, width);
    });
    put_rows(p, labels + first, count, n, shares, at_label, dp);
  }
}

// ---- labels and logits ----

// log(sum(exp(x))) minus the label's x, without forming the former where both are large.
template <class L, class T>
HWY_INLINE void crossentropy_line(const L& line, const T* x, typename L::V label_x, T* out) {
  const auto max = max_of(line, x);
  const auto log_sum = log(line.d, sum_of_exp(line, x, max));
  line.store_result(hn::Sub(log_sum, hn::Sub(label_x, max)), out);
}

template <class T>
void sparse_logits(const void* x_data,
                   const void* label_data,
                   void* out_data,
                   std::int64_t count,
                   std::int64_t n) {
  const auto* labels = static_cast<const std::int64_t*>(label_data);
  const T* x = static_cast<const T*>(x_data);
  T* out = static_cast<T*>(out_data);
  const hn::ScalableTag<T> d;
  for (std::int64_t i = 0; i < count; ++i) out[i] = x[i * n + labels[i]];
  if (is_short<T>(n)) {
    Turned<T> from;
    each_group<T>(count, n, [&](std::int64_t i, const Columns<T>& group) HWY_ATTR {
      from.read(x + i * n, group.width, n);
      const bool whole = group.width == Turned<T>::kStep;
      const auto label_x = whole ? hn::LoadU(d, out + i) : load_first(d, out + i, group.width);
      crossentropy_line(group, from.data, label_x, out + i);
    });
    return;
  }
  for (std::int64_t i = 0; i < count; ++i)
    crossentropy_line(Row<T>{{}, n}, x + i * n, hn::Set(d, out[i]), out + i);
}

template <class T>
void sparse_logits_grad(const void* x_data,
                        const void* label_data,
                        const void* factor_data,
                        void* dx_data,
                        std::int64_t count,
                        std::int64_t n) {
  const auto* labels = static_cast<const std::int64_t*>(label_data);
  const T* x = static_cast<const T*>(x_data);
  const T* factor = static_cast<const T*>(factor_data);
  T* dx = static_cast<T*>(dx_data);
  const hn::ScalableTag<T> d;
  if (is_short<T>(n)) {
    Turned<T> from, to;
    each_group<T>(count, n, [&](std::int64_t i, const Columns<T>& group) HWY_ATTR {
      from.read(x + i * n, group.width, n);
      const bool whole = group.width == Turned<T>::kStep;
      const T* own = factor + i;
      const auto factors = whole ? hn::LoadU(d, own) : load_first(d, own, group.width);
      scaled_softmax(group, from.data, factors, to.data);
      to.write(dx + i * n, group.width, n);
    });
  } else {
    for (std::int64_t i = 0; i < count; ++i)
      scaled_softmax(Row<T>{{}, n}, x + i * n, hn::Set(d, factor[i]), dx + i * n);
  }
  for (std::int64_t i = 0; i < count; ++i) dx[i * n + labels[i]] -= factor[i];
}

// ---- targets and probabilities ----

template <class T>
HWY_INLINE T sum_of(const T* x, std::int64_t n) {
  const hn::ScalableTag<T> d;
  auto sum = hn::Zero(d);
  each_vector(d, n, [&](std::int64_t i, std::int64_t width) HWY_ATTR {
    sum = hn::Add(sum, load_up_to(d, x + i, width));
  });
  return total(d, sum);
}

template <class T>
void categorical(
    const void* p_data, const void* t_data, void* loss_data, std::int64_t rows, std::int64_t n) {
  const hn::ScalableTag<T> d;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* p = static_cast<const T*>(p_data) + i * n;
    const T* t = static_cast<const T*>(t_data) + i * n;
    const auto sum = hn::Set(d, sum_of(p, n));
    auto loss = hn::Zero(d);
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      const auto q = bounded(d, hn::Div(load_up_to(d, p + k, width), sum));
      const auto part = hn::Mul(load_up_to(d, t + k, width), log(d, q));
      loss = hn::Sub(loss, only_first(d, part, width));
    });
    static_cast<T*>(loss_data)[i] = total(d, loss);
  }
}

// With r = p / sum(p) and g = -t / r where r is within its bounds, 0 elsewhere:
// dp = dloss (g - sum(g r)) / sum(p).
template <class T>
void categorical_grad(const void* p_data,
                      const void* t_data,
                      const void* dloss_data,
                      void* dp_data,
                      std::int64_t rows,
                      std::int64_t n) {
  const hn::ScalableTag<T> d;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* p = static_cast<const T*>(p_data) + i * n;
    const T* t = static_cast<const T*>(t_data) + i * n;
    T* dp = static_cast<T*>(dp_data) + i * n;
    const T row_sum = sum_of(p, n);
    const auto sum = hn::Set(d, row_sum);
    auto along = hn::Zero(d);
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      const auto r = hn::Div(load_up_to(d, p + k, width), sum);
      const auto ratio = hn::Div(hn::Neg(load_up_to(d, t + k, width)), r);
      const auto g = only_first(d, hn::IfThenElseZero(is_within_bounds(d, r), ratio), width);
      along = hn::MulAdd(g, r, along);
      store_up_to(d, g, dp + k, width);
    });
    const auto mean = hn::Set(d, total(d, along));
    const auto scale = hn::Set(d, static_cast<const T*>(dloss_data)[i] / row_sum);
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      store_up_to(d, hn::Mul(hn::Sub(load_up_to(d, dp + k, width), mean), scale), dp + k, width);
    });
  }
}

// ---- targets and logits ----

// NaN wins.
template <class T>
HWY_INLINE T max_of(const T* x, std::int64_t n) {
  const hn::ScalableTag<T> d;
  const auto lowest = hn::Neg(infinity(d));
  auto max = lowest;
  auto unknown = hn::FirstN(d, 0);
  each_vector(d, n, [&](std::int64_t i, std::int64_t width) HWY_ATTR {
    auto v = load_up_to(d, x + i, width);
    if (width < lanes(d))
      v = hn::IfThenElse(hn::FirstN(d, static_cast<std::size_t>(width)), v, lowest);
    unknown = hn::Or(unknown, hn::IsNaN(v));
    max = hn::Max(max, v);
  });
  if (!hn::AllFalse(d, unknown)) return std::numeric_limits<T>::quiet_NaN();
  return hn::GetLane(hn::MaxOfLanes(d, max));
}

template <class T>
void logits(
    const void* x_data, const void* t_data, void* loss_data, std::int64_t rows, std::int64_t n) {
  const hn::ScalableTag<T> d;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* x = static_cast<const T*>(x_data) + i * n;
    const T* t = static_cast<const T*>(t_data) + i * n;
    const auto max = hn::Set(d, max_of(x, n));
    auto sum = hn::Zero(d);
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      const auto e = exp_bounded(d, hn::Sub(load_up_to(d, x + k, width), max));
      sum = hn::Add(sum, only_first(d, e, width));
    });
    const auto log_sum = log(d, hn::Set(d, total(d, sum)));
    auto loss = hn::Zero(d);
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      const auto log_q = hn::Sub(hn::Sub(load_up_to(d, x + k, width), max), log_sum);
      const auto part = hn::Mul(load_up_to(d, t + k, width), log_q);
      loss = hn::Sub(loss, only_first(d, part, width));
    });
    static_cast<T*>(loss_data)[i] = total(d, loss);
  }
}

// dx = dloss (softmax(x) sum(t) - t)
template <class T>
void logits_grad(const void* x_data,
                 const void* t_data,
                 const void* dloss_data,
                 void* dx_data,
                 std::int64_t rows,
                 std::int64_t n) {
  const hn::ScalableTag<T> d;
  for (std::int64_t i = 0; i < rows; ++i) {
    const T* x = static_cast<const T*>(x_data) + i * n;
    const T* t = static_cast<const T*>(t_data) + i * n;
    T* dx = static_cast<T*>(dx_data) + i * n;
    const auto max = hn::Set(d, max_of(x, n));
    auto sum = hn::Zero(d), targets = sum;
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      const auto e = exp_bounded(d, hn::Sub(load_up_to(d, x + k, width), max));
      sum = hn::Add(sum, only_first(d, e, width));
      targets = hn::Add(targets, load_up_to(d, t + k, width));
      store_up_to(d, e, dx + k, width);
    });
    const auto share = hn::Set(d, total(d, targets) / total(d, sum));
    const auto dloss = hn::Set(d, static_cast<const T*>(dloss_data)[i]);
    each_vector(d, n, [&](std::int64_t k, std::int64_t width) HWY_ATTR {
      const auto rest =
          hn::Sub(hn::Mul(load_up_to(d, dx + k, width), share), load_up_to(d, t + k, width));
      store_up_to(d, hn::Mul(rest, dloss), dx + k, width);
    });
  }
}

template <class T>
constexpr CrossentropyLoops kLoops = {sparse<T>,
                                      sparse_grad<T>,
                                      sparse_logits<T>,
                                      sparse_logits_grad<T>,
                                      categorical<T>,
                                      categorical_grad<T>,
                                      logits<T>,
                                      logits_grad<T>};

const CrossentropyLoops* find_crossentropy(DType dtype) {
  return &select_float(dtype, kLoops<float>, kLoops<double>);
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_crossentropy);

const CrossentropyLoops& crossentropy_loops(DType dtype) {
  return *HWY_DYNAMIC_DISPATCH(find_crossentropy)(dtype);
}

}  // namespace nyala::kernels
#endif
