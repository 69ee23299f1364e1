#pragma once
/// Sequences through recurrent cells, all steps in one call: a product with the recurrent kernel
/// and a pass over the gates for each step, on rows of the batch that do not wait for each other.
/// Arrays are contiguous and time-major. `units` is the size of a state, the gates of a sample lie
/// side by side: i, f, g, o (LSTM) or z, r, h (GRU). Blocks of rows depend on sizes only, and with
/// them the results.
#include <cstdint>

#include <nyala/core/dtype.hpp>
#include <nyala/core/recurrent.hpp>

namespace nyala::kernels {

struct RecurrentPlan {
  DType dtype;  ///< float32 or float64; float32 where `narrow`, which the CPU must multiply
  RecurrentCell cell;
  Gate activation;
  Gate recurrent_activation;
  std::int64_t steps, batch, units;
  bool narrow = false;  ///< operands of a step's product are rounded to bfloat16, its sums are not

  /// Elements of x for a sample and step.
  std::int64_t width() const {
    return units * (cell == RecurrentCell::simple ? 1 : cell == RecurrentCell::lstm ? 4 : 3);
  }
  /// Elements that the gradient needs beside the states: the gates, and for GRU what the reset gate
  /// is multiplied with. 0 for a simple cell.
  std::int64_t saved_width() const { return cell == RecurrentCell::simple ? 0 : 4 * units; }
};

struct RecurrentForward {
  const void* x;       ///< (steps, batch, width): products of the inputs, biases added
  const void* kernel;  ///< (units, width)
  const void* bias;    ///< GRU: (width), added to the product of the state; null for none
  const bool* mask;    ///< (steps, batch): where false, a step changes nothing; null for none
  void* h;             ///< (steps + 1, batch, units), the first step given
  void* c;             ///< LSTM: the same of the cell state
  void* saved;         ///< (steps, batch, saved_width)
};

struct RecurrentBackward {
  const void* kernel;
  const bool* mask;
  const void* h;
  const void* c;
  const void* saved;
  const void* dh;  ///< as h
  const void* dc;  ///< as c; null for zeros
  void* dx;        ///< as x
  void* dinner;    ///< GRU: as x, the gradient of the product of the state
  void* dh0;       ///< (batch, units)
  void* dc0;       ///< LSTM
};

/// Bytes of workspace, aligned to 64.
std::int64_t recurrent_workspace(const RecurrentPlan& plan, bool backward);
void recurrent_forward(const RecurrentPlan& plan, const RecurrentForward& arrays, void* workspace);
void recurrent_backward(const RecurrentPlan& plan,
                        const RecurrentBackward& arrays,
                        void* workspace);

}  // namespace nyala::kernels
