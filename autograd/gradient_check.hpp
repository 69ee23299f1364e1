#pragma once
/// Gradients against finite differences.
#include <functional>
#include <vector>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct GradientCheckArgs {
  double step = 1e-5;  ///< central differences: their own error is about step^2
  int order = 1;       ///< 2 also checks the gradient of the gradient
};

/// The largest difference between the tape's gradient and central differences of `f`, in float64,
/// relative to the larger of 1 and the gradient's size. The result of `f` is weighted with fixed
/// numbers, so that no element's gradient hides another's. Inputs that are not floating stay as
/// they are.
double gradient_error(const std::function<Tensor(const std::vector<Tensor>&)>& f,
                      const std::vector<Tensor>& inputs,
                      const GradientCheckArgs& args = {});

}  // namespace nyala

#pragma GCC visibility pop
