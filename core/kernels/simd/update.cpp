#include <nyala/core/kernels/update.hpp>

#include <array>
#include <string>

#include <nyala/core/kernels/driver.hpp>
#include <nyala/core/kernels/simd/targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/update.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include <nyala/core/kernels/simd/vector-inl.hpp>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

template <Update op, class V>
HWY_INLINE V apply(const std::array<V, 5>& in) {
  if constexpr (op == Update::lerp)
    return hn::Add(in[0], hn::Mul(hn::Sub(in[1], in[0]), in[2]));
  else if constexpr (op == Update::lerp_square)
    return hn::Add(in[0], hn::Mul(hn::Sub(hn::Mul(in[1], in[1]), in[0]), in[2]));
  else if constexpr (op == Update::descend)
    return hn::Sub(in[0], hn::Mul(in[1], in[2]));
  else
    return hn::Sub(in[0], hn::Div(hn::Mul(in[1], in[3]), hn::Add(hn::Sqrt(in[2]), in[4])));
}

// x - m r / (sqrt(v) + e), where a root and a quotient take longer than all else: both are
// approximated, and each is put right by one step of Newton's.
template <Update op, class D>
struct Step {
  using V = hn::Vec<D>;
  D d;
  static constexpr bool kQuick =
      HWY_TARGET <= HWY_AVX3 && op == Update::root_step && sizeof(hn::TFromD<D>) == 4;
  bool usual = false;  // whether e is of a usual size
  V least, most;       // of v: so little that beside e its root is rounded away; what is not inf

  HWY_INLINE Step(D d_, const std::array<V, 5>& in) : d(d_), least(hn::Zero(d)), most(least) {
    if constexpr (kQuick) {
      const float epsilon = hn::GetLane(in[4]), floor = epsilon * 0x1p-27F;
      usual = epsilon > 1e-10F && epsilon < 1e10F;
      least = hn::Set(d, floor * floor);
      most = hn::Set(d, 1e30F);
    }
  }

  HWY_INLINE V operator()(const std::array<V, 5>& in) const {
    if constexpr (kQuick) {
      // As bits, a negative number or a NaN is larger still.
      const hn::RebindToUnsigned<D> bits;
      const auto in_range = hn::Lt(hn::BitCast(bits, in[2]), hn::BitCast(bits, most));
      if (HWY_LIKELY(usual && hn::AllTrue(bits, in_range))) return quick(in);
    }
    return apply<op>(in);
  }

 private:
  HWY_INLINE V quick(const std::array<V, 5>& in) const {
    const V half = hn::Set(d, 0.5F), one = hn::Set(d, 1.0F);
    const V v = hn::Max(in[2], least);
    const V guess = hn::ApproximateReciprocalSqrt(v);
    const V near = hn::Mul(v, guess);
    const V root = hn::MulAdd(near, hn::NegMulAdd(near, hn::Mul(half, guess), half), near);
    const V sum = hn::Add(root, in[4]);
    const V inverse = hn::ApproximateReciprocal(sum);
    const V exact = hn::MulAdd(inverse, hn::NegMulAdd(sum, inverse, one), inverse);
    return hn::NegMulAdd(hn::Mul(in[1], in[3]), exact, in[0]);
  }
};

template <Update op, class T>
void run(const void* const* inputs, void* out_data, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  constexpr std::size_t arrays = num_arrays(op);
  constexpr std::size_t all = num_inputs(op);
  std::array<const T*, 5> from{};
  std::array<V, 5> in{hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  for (std::size_t k = 0; k < all; ++k) from[k] = static_cast<const T*>(inputs[k]);
  for (std::size_t k = arrays; k < all; ++k) in[k] = hn::Set(d, *from[k]);
  T* out = static_cast<T*>(out_data);
  const Step<op, hn::ScalableTag<T>> next(d, in);
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) {
    for (std::size_t k = 0; k < arrays; ++k) in[k] = hn::LoadU(d, from[k] + i);
    hn::StoreU(next(in), d, out + i);
  }
  if (i == n) return;
  for (std::size_t k = 0; k < arrays; ++k) in[k] = load_first(d, from[k] + i, n - i);
  store_first(d, next(in), out + i, n - i);
}

template <class T, Update second>
void run_adam(void* const* arrays, std::int64_t n) {
  const hn::ScalableTag<T> d;
  using V = hn::Vec<decltype(d)>;
  std::array<T*, kFusedArrays> at;
  for (std::size_t k = 0; k < kFusedArrays; ++k) at[k] = static_cast<T*>(arrays[k]);
  const auto same = [&](std::size_t k) { return hn::Set(d, *at[k]); };
  const V zero = hn::Zero(d), weight_1 = same(2), weight_2 = same(5), rate = same(7), e = same(8);
  const Step<Update::root_step, hn::ScalableTag<T>> next(d, {zero, zero, zero, rate, e});
  const auto step = [&](std::int64_t i, const auto& lanes_of) HWY_ATTR {
    const auto load = [&](std::size_t k) HWY_ATTR { return lanes_of.load(at[k] + i, zero); };
    const V m = apply<Update::lerp, V>({load(0), load(1), weight_1, zero, zero});
    const V v = apply<second, V>({load(3), load(4), weight_2, zero, zero});
    const V x = next({load(6), m, v, rate, e});
    lanes_of.store(m, at[9] + i);
    lanes_of.store(v, at[10] + i);
    lanes_of.store(x, at[11] + i);
  };
  const std::int64_t width = lanes(d);
  std::int64_t i = 0;
  for (; i + width <= n; i += width) step(i, Whole<decltype(d)>{d});
  if (i < n) step(i, Part<decltype(d)>{d, n - i});
}

FusedUpdateLoop find_adam(DType dtype, bool squares) {
  constexpr Update square = Update::lerp_square, plain = Update::lerp;
  if (squares) return select_float(dtype, &run_adam<float, square>, &run_adam<double, square>);
  return select_float(dtype, &run_adam<float, plain>, &run_adam<double, plain>);
}

template <class T>
UpdateLoop find(Update op) {
  switch (op) {
    case Update::lerp: return run<Update::lerp, T>;
    case Update::lerp_square: return run<Update::lerp_square, T>;
    case Update::descend: return run<Update::descend, T>;
    default: return run<Update::root_step, T>;
  }
}

UpdateLoop find_update(Update op, DType dtype) {
  return select_float(dtype, find<float>(op), find<double>(op));
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_update);
HWY_EXPORT(find_adam);

namespace {

void need_floats(DType dtype) {
  if (is_floating(dtype) && has_kernels(dtype)) return;
  throw TypeError("update: received dtype " + std::string(name_of(dtype)) +
                  ", expected float32 or float64");
}

}  // namespace

FusedUpdateLoop adam_loop(DType dtype, bool squares) {
  need_floats(dtype);
  return HWY_DYNAMIC_DISPATCH(find_adam)(dtype, squares);
}

UpdateLoop update_loop(Update op, DType dtype) {
  need_floats(dtype);
  return HWY_DYNAMIC_DISPATCH(find_update)(op, dtype);
}

void update(Update op, DType dtype, std::int64_t n, const void* const* inputs, void* out) {
  const UpdateLoop loop = update_loop(op, dtype);
  const std::size_t item = size_of(dtype);
  parallel_for(n, kCheapGrain, [&](std::int64_t begin, std::int64_t end) {
    std::array<const void*, 5> from;
    const std::size_t offset = static_cast<std::size_t>(begin) * item;
    for (std::size_t k = 0; k < num_inputs(op); ++k) {
      const auto* data = static_cast<const std::byte*>(inputs[k]);
      from[k] = data + (k < num_arrays(op) ? offset : 0);
    }
    loop(from.data(), static_cast<std::byte*>(out) + offset, end - begin);
  });
}

}  // namespace nyala::kernels
#endif
