#pragma once
/// What the ops over sliding windows share. Not part of the public API.
#include <string>
#include <utility>

#include <nyala/core/kernels/window.hpp>
#include <nyala/core/ops/extents.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala::ops {

/// How windows lie along the spatial axes of (batch, spatial..., channels), each list with a number
/// for each spatial axis. With `same`, padding is what Keras's "same" adds; else `before` and
/// `after`, which may be negative (then elements are left out).
struct Sliding {
  Extents strides, dilation, before, after;
  bool same = false;

  /// The fields of an op that derives from this.
  template <class Self>
  static constexpr auto sliding_fields() {
    return std::tuple{Field{"strides", &Self::strides, "Steps between windows."},
                      Field{"dilation", &Self::dilation, "Steps between a window's elements."},
                      Field{"before", &Self::before, "What is added before each axis."},
                      Field{"after", &Self::after, "What is added after each axis."},
                      Field{"same", &Self::same, "Whether an output for each stride is made."}};
  }

  /// The axis i of windows of `size` over `in` elements; sizes may be None.
  kernels::WindowAxis axis(int i, std::int64_t in, std::int64_t size) const;
  /// This for inputs and outputs that are known, without `same`: what a gradient is given.
  Sliding settled(const Shape& x, const Shape& y, const Extents& sizes) const;
};

/// The numbers of a list for each spatial axis. Throws LimitError for one that does not fit an int.
template <class F>
Extents each_extent(int rank, F&& f) {
  std::array<int, 3> values{};
  for (int i = 0; i < rank; ++i) {
    const std::int64_t value = f(i);
    if (!std::in_range<int>(value))
      throw LimitError("window: received a size of " + std::to_string(value) +
                       ", which is too large");
    values[static_cast<std::size_t>(i)] = static_cast<int>(value);
  }
  return Extents(values.data(), static_cast<std::size_t>(rank));
}
/// The sizes of the spatial axes: `first` is 1 for x, 0 for weights.
Extents spatial_sizes(const Shape& shape, int first, int rank);

/// Throws ValueError unless `padding` is "valid" or "same"; tells whether it is "same".
bool is_same_padding(const std::string& padding, const char* who);
/// Throws ValueError unless it is "channels_last" or "channels_first".
bool is_channels_first(const std::string& data_format, const char* who);
/// The number of spatial axes; throws ShapeError unless 1 to 3.
int spatial_rank(const Tensor& x, const char* who);
/// (batch, channels, spatial...) as (batch, spatial..., channels), and back.
Tensor to_channels_last(const Tensor& x);
Tensor to_channels_first(const Tensor& x);

/// `f(x)` for x in channels_last and of a dtype that windows are computed in, with the result as x
/// was.
template <class F>
Tensor in_channels_last(const Tensor& x, const std::string& data_format, const char* who, F&& f) {
  if (!is_channels_first(data_format, who)) return f(x);
  return to_channels_first(f(to_channels_last(x)));
}
/// float32 for floats of 16 bits and for integers, else what x has.
DType window_dtype(const Tensor& x);

}  // namespace nyala::ops
