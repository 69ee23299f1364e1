#include <nyala/core/ops/windows/support.hpp>

#include <algorithm>

#include <nyala/core/checked.hpp>

namespace nyala::ops {

kernels::WindowAxis Sliding::axis(int i, std::int64_t in, std::int64_t size) const {
  constexpr const char* who = "window";
  if (strides[i] < 1 || dilation[i] < 1 || (size != None && size < 1)) {
    throw ValueError("window: received strides " + strides.str() + ", dilation " + dilation.str() +
                     " and a size of " + std::to_string(size) + ", expected 1 or more of each");
  }
  kernels::WindowAxis axis{
      .in = in, .out = None, .size = size, .stride = strides[i], .dilation = dilation[i]};
  const std::int64_t span =
      size == None ? 1 : checked_add(checked_multiply(size - 1, axis.dilation, who), 1, who);
  axis.before = same ? 0 : before[i];
  if (in == None || size == None) return axis;
  if (same) {
    axis.out = in / axis.stride + (in % axis.stride != 0 ? 1 : 0);
    axis.before =
        std::max<std::int64_t>(checked_add((axis.out - 1) * axis.stride - in, span, who), 0) / 2;
    return axis;
  }
  const std::int64_t padding = std::int64_t{before[i]} + after[i];
  const std::int64_t room = checked_subtract(checked_add(in, padding, who), span, who);
  axis.out = room >= 0 ? room / axis.stride + 1 : 0;
  return axis;
}

Sliding Sliding::settled(const Shape& x, const Shape& y, const Extents& sizes) const {
  Sliding all = *this;
  all.same = false;
  all.before =
      each_extent(sizes.count(), [&](int i) { return axis(i, x[i + 1], sizes[i]).before; });
  all.after = each_extent(sizes.count(), [&](int i) {
    const std::int64_t span = (sizes[i] - 1) * std::int64_t{dilation[i]} + 1;
    const std::int64_t reach = checked_multiply(y[i + 1] - 1, strides[i], "window");
    return checked_add(reach, span - x[i + 1] - all.before[i], "window");
  });
  return all;
}

Extents spatial_sizes(const Shape& shape, int first, int rank) {
  return each_extent(rank, [&](int i) { return shape[first + i]; });
}

bool is_same_padding(const std::string& padding, const char* who) {
  if (padding == "same") return true;
  if (padding == "valid") return false;
  throw ValueError(std::string(who) + ": received padding \"" + padding +
                   "\", expected \"valid\" or \"same\"");
}

bool is_channels_first(const std::string& data_format, const char* who) {
  if (data_format == "channels_first") return true;
  if (data_format == "channels_last") return false;
  throw ValueError(std::string(who) + ": received data_format \"" + data_format +
                   "\", expected \"channels_last\" or \"channels_first\"");
}

int spatial_rank(const Tensor& x, const char* who) {
  const int rank = x.rank() - 2;
  if (rank >= 1 && rank <= 3) return rank;
  throw ShapeError(std::string(who) + ": received shape " + x.shape().str() +
                   ", expected a batch, 1 to 3 spatial axes and channels");
}

Tensor to_channels_last(const Tensor& x) { return moveaxis(x, 1, -1); }
Tensor to_channels_first(const Tensor& x) { return moveaxis(x, -1, 1); }

DType window_dtype(const Tensor& x) {
  return x.dtype() == DType::float64 ? DType::float64 : DType::float32;
}

}  // namespace nyala::ops
