#pragma once
#include <string_view>

namespace nyala::kernels {

/// Chooses OpenBLAS's kernels for this CPU and one thread, once; to be called before any function
/// of BLAS and LAPACK. Does nothing for another BLAS.
void prepare_blas();

/// The name of the OpenBLAS kernels that run ("SkylakeX", "Haswell"); "BLAS" for another BLAS.
std::string_view blas_kernels();

}  // namespace nyala::kernels
