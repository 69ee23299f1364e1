#pragma once
/// Which code multiplies matrices of float32 and float64.
#include <cstdint>

#pragma GCC visibility push(default)

namespace nyala {

enum class MatmulBackend : std::uint8_t {
  automatic,  ///< the faster one for the CPU and the size, by a measured table
  blas,       ///< BLAS wherever the strides are such as BLAS takes
  simd,       ///< Nyala's own loops, always
};

/// What `set_matmul_backend` chose, else the environment variable NYALA_MATMUL (`auto`, `blas` or
/// `simd`), else automatic. Throws ValueError for another value of the variable.
MatmulBackend matmul_backend();
/// Takes effect on the next product; a compiled program keeps what it was compiled with. The
/// backends differ in rounding. Either one gives the same bits for every number of threads.
void set_matmul_backend(MatmulBackend backend);

}  // namespace nyala

#pragma GCC visibility pop
