#pragma once
/// What the ops of rows scaled to length one share. Not for users.
#include <utility>

#include <nyala/core/fields.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala {
namespace kernels {
struct LengthClamp;
}

namespace ops {

/// Where a row's length stops to count.
struct LengthOptions {
  double epsilon = 1e-7;
  bool legacy = false;
  static constexpr auto fields() {
    return std::tuple{
        Field{"epsilon",
              &LengthOptions::epsilon,
              "The least length that is divided by.",
              Range::positive()},
        Field{"legacy", &LengthOptions::legacy, "Whether it clamps as tf.keras 2.x did."}};
  }
  kernels::LengthClamp clamp() const;
};

/// The gradient of l2_normalize by x.
Tensor l2_normalize_grad(const Tensor& x, const Tensor& dy, int axis, const LengthOptions& options);

/// The gradients of that by x and dy, for the gradient d of its result.
std::pair<Tensor, Tensor> differentiate_l2_normalize_grad(
    const Tensor& x, const Tensor& dy, const Tensor& d, int axis, const LengthOptions& options);

}  // namespace ops
}  // namespace nyala
