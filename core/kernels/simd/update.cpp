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
  else
    return hn::Sub(in[0], hn::Div(hn::Mul(in[1], in[3]), hn::Add(hn::Sqrt(in[2]), in[4])));
}

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
  const std::int64_t step = lanes(d);
  std::int64_t i = 0;
  for (; i + step <= n; i += step) {
    for (std::size_t k = 0; k < arrays; ++k) in[k] = hn::LoadU(d, from[k] + i);
    hn::StoreU(apply<op>(in), d, out + i);
  }
  if (i == n) return;
  for (std::size_t k = 0; k < arrays; ++k) in[k] = load_first(d, from[k] + i, n - i);
  store_first(d, apply<op>(in), out + i, n - i);
}

template <class T>
UpdateLoop find(Update op) {
  switch (op) {
    case Update::lerp: return run<Update::lerp, T>;
    case Update::lerp_square: return run<Update::lerp_square, T>;
    default: return run<Update::root_step, T>;
  }
}

UpdateLoop find_update(Update op, DType dtype) {
  return dtype == DType::float32 ? find<float>(op) : find<double>(op);
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_update);

UpdateLoop update_loop(Update op, DType dtype) {
  if (!is_floating(dtype)) {
    throw TypeError("update: received dtype " + std::string(name_of(dtype)) +
                    ", expected float32 or float64");
  }
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
