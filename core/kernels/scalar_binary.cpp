#include <nyala/core/kernels/loops.hpp>

namespace nyala::kernels {
namespace {

// What the loops of simd/binary.cpp and simd/plain_binary.cpp leave out.
constexpr bool is_left_out(Binary op) { return traits_of(op).loop == Loop::library; }

template <Binary op, class T>
using Out = decltype(scalar::binary<op>(T{}, T{}));

template <Binary op, class T, int x_step, int y_step>
void run(const void* x_data, const void* y_data, void* out_data, std::int64_t n) {
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  auto* out = static_cast<Out<op, T>*>(out_data);
  const T x0 = n > 0 ? x[0] : T{};
  const T y0 = n > 0 ? y[0] : T{};
  for (std::int64_t i = 0; i < n; ++i) {
    out[i] = scalar::binary<op>(x_step == 0 ? x0 : x[i], y_step == 0 ? y0 : y[i]);
  }
}

template <Binary op, class T>
constexpr BinaryLoops entry() {
  if constexpr (is_left_out(op) && scalar::takes<T>(op))
    return {run<op, T, 1, 1>, run<op, T, 1, 0>, run<op, T, 0, 1>};
  else
    return {nullptr, nullptr, nullptr};
}

template <class T, std::size_t... I>
constexpr std::array<BinaryLoops, kNumBinary> table(std::index_sequence<I...>) {
  return {entry<static_cast<Binary>(I), T>()...};
}

}  // namespace

BinaryLoops scalar_binary_loops(Binary op, DType dtype) {
  return visit_dtype(dtype, [&]<class T>() {
    static constexpr auto loops = table<T>(std::make_index_sequence<kNumBinary>());
    return loops[static_cast<std::size_t>(op)];
  });
}

}  // namespace nyala::kernels
