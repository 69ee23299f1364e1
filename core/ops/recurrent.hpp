#pragma once
/// A sequence through a recurrent cell as one op, what SimpleRNN, LSTM and GRU run. Not part of
/// `keras.ops`.
#include <optional>
#include <string_view>

#include <nyala/core/recurrent.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala::ops {

struct RecurrentArgs {
  kernels::RecurrentCell cell = kernels::RecurrentCell::simple;
  kernels::Gate activation = kernels::Gate::tanh;
  kernels::Gate recurrent_activation = kernels::Gate::sigmoid;
};

/// What stands before the first step and is added in each one.
struct RecurrentInputs {
  Tensor x;          ///< (steps, batch, width): products of the inputs, with their biases
  Tensor h;          ///< (batch, units)
  Tensor kernel;     ///< (units, width); width is units times 1 (simple), 4 (LSTM) or 3 (GRU)
  Tensor c = {};     ///< LSTM: (batch, units)
  Tensor bias = {};  ///< GRU: (width), added to the product of the state; undefined for none
  Tensor mask = {};  ///< (steps, batch), bool: where false, a step changes nothing; or undefined
};

/// The states before the first step and after each one: (steps + 1, batch, units).
struct RecurrentStates {
  Tensor h;
  Tensor c;  ///< LSTM
};

/// All steps of a cell. Floating dtypes of one kind, of which those of 16 bits are computed in
/// float32: states are rounded in the end, and operands of a step's product stay bfloat16 where the
/// CPU multiplies that. Throws ShapeError, TypeError for inputs that do not fit each other.
RecurrentStates recurrent(const RecurrentInputs& inputs, const RecurrentArgs& args);

/// The gate of an activation's name, where `recurrent` has it.
std::optional<kernels::Gate> gate_named(std::string_view name);

}  // namespace nyala::ops
