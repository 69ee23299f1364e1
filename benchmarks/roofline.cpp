// What one core of this machine can do at most: "fma" is the time of a thousand million float
// operations in a loop of fused multiply-adds, "triad_BYTES" that of a = b + s * c over arrays of
// so many bytes together.
#include <memory>

#include "measure.hpp"

namespace {

#if defined(__AVX512F__)
constexpr int kLanes = 16;
#elif defined(__AVX__)
constexpr int kLanes = 8;
#else
constexpr int kLanes = 4;
#endif
using Vector = float __attribute__((vector_size(kLanes * sizeof(float))));
constexpr int kChains = 12;  // enough to hide the latency of each

bench::Measured fma() {
  constexpr int kLoops = 100000;
  constexpr double kFlops = 2.0 * kLoops * kChains * kLanes;
  return {[] {
            Vector sums[kChains] = {};
            for (Vector& sum : sums) asm volatile("" : "+x"(sum));  // no two are known to be equal
            Vector factor = Vector{} + 0.999f;
            asm volatile("" : "+x"(factor));
            for (int i = 0; i < kLoops; ++i) {
#pragma GCC unroll 12
              for (int k = 0; k < kChains; ++k) sums[k] = sums[k] * factor + factor;
            }
            for (Vector& sum : sums) asm volatile("" : : "x"(sum));
          },
          kFlops * 1e-9};
}

bench::Measured triad(std::int64_t bytes) {
  const auto count = static_cast<std::size_t>(bytes) / (3 * sizeof(float));
  struct Arrays {
    std::vector<float> a, b, c;
  };
  const auto arrays = std::make_shared<Arrays>();
  arrays->a.assign(count, 0);
  arrays->b.assign(count, 1);
  arrays->c.assign(count, 2);
  return {[arrays, count] {
    float* __restrict a = arrays->a.data();
    const float* __restrict b = arrays->b.data();
    const float* __restrict c = arrays->c.data();
    for (std::size_t i = 0; i < count; ++i) a[i] = b[i] + 0.5f * c[i];
    asm volatile("" : : "r"(a) : "memory");
  }};
}

bench::Maker find(const std::string& name) {
  if (name == "fma") return fma;
  if (name.rfind("triad_", 0) != 0) return {};
  return [bytes = std::stoll(name.substr(6))] { return triad(bytes); };
}

}  // namespace

int main() {
  std::cout << "ready" << std::endl;
  bench::serve(find);
}
