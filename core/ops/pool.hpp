#pragma once
/// Pooling over one to three spatial axes of (batch, spatial..., channels), or of (batch, channels,
/// spatial...) with "channels_first", with Keras's names of options.
#include <string>

#include <nyala/core/ops/extents.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct PoolArgs {
  Extents strides = {};  ///< pool_size without them
  std::string padding = "valid";
  std::string data_format = "channels_last";
};
struct AdaptivePoolArgs {
  std::string data_format = "channels_last";
};

namespace ops {

/// The largest element of each window. The gradient goes to the first of equal ones.
Tensor max_pool(const Tensor& inputs, const Extents& pool_size, const PoolArgs& args = {});
/// The mean of each window; what "same" adds is not counted.
Tensor average_pool(const Tensor& inputs, const Extents& pool_size, const PoolArgs& args = {});
/// Pooling into `output_size` windows for each axis: window i of n covers [floor(i * size / n),
/// ceil((i + 1) * size / n)). Throws ShapeError where a spatial size is not known.
Tensor adaptive_average_pool(const Tensor& inputs,
                             const Extents& output_size,
                             const AdaptivePoolArgs& args = {});
Tensor adaptive_max_pool(const Tensor& inputs,
                         const Extents& output_size,
                         const AdaptivePoolArgs& args = {});

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
