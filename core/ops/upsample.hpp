#pragma once
/// Arrays made larger along an axis by a whole factor.
#include <cstdint>
#include <string>

#include <nyala/core/tensor.hpp>

namespace nyala {

/// How new elements are made from those around them, as `tf.image.resize` makes them.
enum class Interpolation : std::uint8_t { nearest, area, bilinear, bicubic, lanczos3, lanczos5 };

namespace ops {

/// Throws ValueError, naming `who`, for a name that is none of the above.
Interpolation interpolation_named(const std::string& name, const std::string& who);

/// `factor` elements for each one along the axis; element i samples x at the index
/// (i + 0.5) / factor - 0.5. Beyond the ends there is nothing: the weights of the others are made
/// to sum to 1. Other interpolations than nearest and area give floats.
Tensor upsample(const Tensor& x, int axis, std::int64_t factor, Interpolation interpolation);

}  // namespace ops
}  // namespace nyala
