#include <nyala/core/kernels/loops.hpp>

namespace nyala::kernels {
namespace {

template <Unary op, class T>
void run(const void* x_data, void* out_data, std::int64_t n) {
  const T* x = static_cast<const T*>(x_data);
  auto* out = static_cast<decltype(scalar::unary<op>(T{}))*>(out_data);
  for (std::int64_t i = 0; i < n; ++i) out[i] = scalar::unary<op>(x[i]);
}

template <Unary op, class T>
constexpr UnaryLoop entry() {
  if constexpr (scalar::takes<T>(op))
    return run<op, T>;
  else
    return nullptr;
}

template <class T, std::size_t... I>
constexpr std::array<UnaryLoop, kNumUnary> table(std::index_sequence<I...>) {
  return {entry<static_cast<Unary>(I), T>()...};
}

}  // namespace

UnaryLoop scalar_unary_loop(Unary op, DType dtype) {
  return visit_dtype(dtype, [&]<class T>() {
    static constexpr auto loops = table<T>(std::make_index_sequence<kNumUnary>());
    return loops[static_cast<std::size_t>(op)];
  });
}

}  // namespace nyala::kernels
