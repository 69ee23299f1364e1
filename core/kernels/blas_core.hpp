#pragma once

namespace nyala::kernels {

/// Chooses OpenBLAS's kernels for this CPU, once; to be called before any function of cblas.h
/// and of LAPACK.
void prepare_blas();

}  // namespace nyala::kernels
