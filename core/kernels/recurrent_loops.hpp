#pragma once
/// The passes over the gates of one step, for some rows of the batch.
#include <cstdint>

#include <nyala/core/kernels/recurrent.hpp>

namespace nyala::kernels {

/// Pointers to the first row of a step.
struct RecurrentStep {
  const RecurrentPlan* plan;
  std::int64_t rows;
  const bool* mask;  ///< null for none
  const void* x;
  const void* inner;  ///< h R: (rows, width)
  const void* h_before;
  const void* c_before;
  void* h;
  void* c;
  void* saved;

  // Backward only.
  const void* dh_out;  ///< the gradient of h that comes from outside
  const void* dc_out;  ///< null for none
  void* dh;            ///< in: from the step after; out: what passes the product by
  void* dc;            ///< in: from the step after; out: for the step before
  void* dx;
  void* dinner;
};

struct RecurrentLoops {
  void (*forward)(const RecurrentStep& step);
  void (*backward)(const RecurrentStep& step);
};
RecurrentLoops recurrent_loops(DType dtype, RecurrentCell cell);

}  // namespace nyala::kernels
