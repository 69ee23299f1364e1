#pragma once
/// Internal.

namespace nyala::layers::detail {

/// A layer that Keras calls with a list, be it of one input.
class ListLayer {
 public:
  virtual ~ListLayer() = default;
};

}  // namespace nyala::layers::detail
