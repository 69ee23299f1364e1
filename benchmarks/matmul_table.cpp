// Times products by BLAS and by the SIMD loops, by turns, on one core: what the table of
// core/kernels/blas_matmul.cpp is made from. Prints the ratio of the medians; above 1 BLAS wins.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

double seconds(const Tensor& a, const Tensor& b, MatmulBackend backend, int count) {
  set_matmul_backend(backend);
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < count; ++i) ops::matmul(a, b);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / count;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(),
                   values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2),
                   values.end());
  return values[values.size() / 2];
}

}  // namespace

int main() {
  set_num_threads(1);
  std::printf("%8s %6s %12s %12s %8s\n", "dtype", "n", "BLAS us", "SIMD us", "ratio");
  for (const DType dtype : {float32, float64}) {
    for (const std::int64_t n :
         {8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024}) {
      const Tensor a = ops::cast(random::uniform({n, n}), dtype);
      const Tensor b = ops::cast(random::uniform({n, n}), dtype);
      const double work = static_cast<double>(n * n * n);
      const int count = std::max(1, static_cast<int>(2e7 / work));
      std::vector<double> blas, simd;
      for (int round = 0; round < 21; ++round) {
        blas.push_back(seconds(a, b, MatmulBackend::blas, count));
        simd.push_back(seconds(a, b, MatmulBackend::simd, count));
      }
      const double x = median(blas) * 1e6, y = median(simd) * 1e6;
      std::printf("%8s %6lld %12.2f %12.2f %8.3f\n",
                  std::string(name_of(dtype)).c_str(),
                  static_cast<long long>(n),
                  x,
                  y,
                  y / x);
    }
  }
}
