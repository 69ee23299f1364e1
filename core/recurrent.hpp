#pragma once
/// Which recurrent cells and activations have kernels for whole sequences.
#include <cstdint>

namespace nyala::kernels {

enum class RecurrentCell : std::uint8_t {
  simple,  ///< h = activation(x + h R)
  lstm,    ///< Hochreiter and Schmidhuber's, with a forget gate
  gru      ///< Cho's, the reset gate applied after the product
};

/// Activations whose derivative follows from their value.
enum class Gate : std::uint8_t { linear, relu, tanh, sigmoid, hard_sigmoid };

}  // namespace nyala::kernels
