#pragma once
/// Internal.
#include <nyala/core/error.hpp>
#include <nyala/layers/base_layer.hpp>

namespace nyala::layers::detail {

/// A layer that Keras calls with a list, be it of one input.
class ListLayer {
 public:
  virtual ~ListLayer() = default;
};

inline bool takes_list(const BaseLayer& layer) {
  return dynamic_cast<const ListLayer*>(&layer) != nullptr;
}

/// For a call with a tensor of `shape` that stands in no list.
inline void expect_no_list(const BaseLayer& layer, const Shape& shape) {
  if (!takes_list(layer)) return;
  throw ValueError(layer.label() + " should be called on a list of inputs, received one of shape " +
                   shape.str() + " that is in no list");
}

}  // namespace nyala::layers::detail
