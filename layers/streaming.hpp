#pragma once
/// What a layer says of itself so that a Session can run it block by block along the steps, axis 1
/// of (batch, steps, ...).
#include <cstdint>
#include <vector>

#include <nyala/core/tensor.hpp>

namespace nyala {

/// A layer whose output at a step depends on its inputs at that step alone.
class PointwiseLayer {
 public:
  virtual ~PointwiseLayer() = default;
  /// Whether it does so for inputs of that rank, as it is set.
  virtual bool is_pointwise(int /*rank*/) const { return true; }
};

/// Which steps an output is made of: `size` of them, `dilation` apart. Windows begin `stride`
/// apart.
struct StreamWindow {
  std::int64_t size = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  bool causal = false;  ///< whether zeros stand before the first step, so that it ends a window

  /// How many steps before the last one are looked at.
  std::int64_t history() const { return (size - 1) * dilation; }
};

/// A layer whose outputs are made of windows of its input: Conv1D, MaxPooling1D.
class WindowedLayer {
 public:
  virtual ~WindowedLayer() = default;
  /// Throws UnsupportedError where an output depends on later steps, for windows along several axes
  /// and for channels_first.
  virtual StreamWindow stream_window() const = 0;
  /// The outputs of all windows within x, with a stride and a dilation in place of the layer's.
  virtual Tensor call_windows(const Tensor& x, int stride, int dilation) const = 0;
};

/// What a block gives.
struct StreamResult {
  std::vector<Tensor> outputs;
  std::vector<Tensor> states;
};

/// A layer that carries states from step to step: LSTM.
class SteppedLayer {
 public:
  virtual ~SteppedLayer() = default;
  /// The states for a batch, all zeros at first. Throws UnsupportedError for a layer that starts at
  /// the last step.
  virtual std::vector<Spec> stream_states(std::int64_t batch) const = 0;
  /// Where `reads_masks`, the mask of x says which steps change nothing. The states may be others
  /// than zeros before the first block (`initial_state`); those beyond them start as zeros.
  virtual StreamResult call_block(const Tensor& x, const std::vector<Tensor>& states) const = 0;
  virtual bool reads_masks() const { return false; }
  /// Whether the first output has steps. It is the last step's otherwise, as the others are.
  virtual bool gives_steps() const = 0;
};

}  // namespace nyala
