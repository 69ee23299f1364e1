#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <nyala/core/kernels/loops.hpp>
#include <nyala/core/kernels/simd/memory_targets.hpp>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "nyala/core/kernels/simd/plain_binary.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace nyala::kernels::HWY_NAMESPACE {
namespace {

// Comparisons and integers: plain loops, which the compiler turns into this instruction set's
// vectors.
template <class T>
constexpr bool has_plain_loop(Binary op) {
  const Loop loop = traits_of(op).loop;
  const bool has_vectors = std::is_floating_point_v<T> && loop == Loop::vectors;
  return scalar::takes<T>(op) && loop != Loop::library && !has_vectors;
}

// The op that gives op(y, x) for (x, y); op itself where it does not matter which is first.
constexpr Binary mirrored(Binary op) {
  switch (op) {
    case Binary::less: return Binary::greater;
    case Binary::less_equal: return Binary::greater_equal;
    case Binary::greater: return Binary::less;
    case Binary::greater_equal: return Binary::less_equal;
    default: return op;
  }
}
constexpr bool has_mirror(Binary op) { return op != Binary::subtract && op != Binary::relu_grad; }

template <Binary op, class T, int x_step, int y_step>
HWY_NOINLINE void run(const void* x_data, const void* y_data, void* out_data, std::int64_t n) {
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  auto* out = static_cast<decltype(scalar::binary<op>(T{}, T{}))*>(out_data);
  const T x0 = *x, y0 = *y;
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = scalar::binary<op>(x_step == 0 ? x0 : x[i], y_step == 0 ? y0 : y[i]);
  }
}

// One number with each of an array.
template <Binary op, class T>
void run_first_is_one(const void* x, const void* y, void* out, std::int64_t n) {
  if constexpr (has_mirror(op))
    run<mirrored(op), T, 1, 0>(y, x, out, n);
  else
    run<op, T, 0, 1>(x, y, out, n);
}

template <Binary op, class T>
constexpr BinaryLoops entry() {
  if constexpr (!has_plain_loop<T>(op))
    return {nullptr, nullptr, nullptr};
  else if constexpr (std::is_same_v<T, bool> && is_predicate(op))
    return entry<op, std::uint8_t>();  // false and true compare as 0 and 1 do
  else
    return {run<op, T, 1, 1>, run<op, T, 1, 0>, run_first_is_one<op, T>};
}

template <class T, std::size_t... I>
constexpr std::array<BinaryLoops, kNumBinary> table(std::index_sequence<I...>) {
  return {entry<static_cast<Binary>(I), T>()...};
}

const BinaryLoops* find_plain(Binary op, DType dtype) {
  return visit_dtype(dtype, [op]<class T>() {
    static constexpr auto loops = table<T>(std::make_index_sequence<kNumBinary>());
    return &loops[static_cast<std::size_t>(op)];
  });
}

}  // namespace
}  // namespace nyala::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace nyala::kernels {

HWY_EXPORT(find_plain);

BinaryLoops plain_binary_loops(Binary op, DType dtype) {
  return *HWY_DYNAMIC_DISPATCH(find_plain)(op, dtype);
}

}  // namespace nyala::kernels
#endif
