// Matrix products in OpenBLAS.
#include <cblas.h>

#include <memory>

#include "../measure.hpp"

namespace {

bench::Maker find(const std::string& name) {
  if (name.rfind("gemm_", 0) != 0) return {};
  return [n = std::stoi(name.substr(5))] {
    const std::int64_t size = std::int64_t{n} * n;
    const auto c = std::make_shared<std::vector<float>>(size);
    return bench::Measured{[n, c, a = bench::floats(size, 1), b = bench::floats(size, 2)] {
      cblas_sgemm(CblasRowMajor,
                  CblasNoTrans,
                  CblasNoTrans,
                  n,
                  n,
                  n,
                  1,
                  a.data(),
                  n,
                  b.data(),
                  n,
                  0,
                  c->data(),
                  n);
    }};
  };
}

}  // namespace

int main() {
  std::cout << "ready " << openblas_get_config() << " as " << openblas_get_corename() << std::endl;
  bench::serve(find);
}
