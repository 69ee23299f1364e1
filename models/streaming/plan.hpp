#pragma once
/// What a Session runs: a model's calls in order, each with what it keeps between blocks. Not part
/// of the public API.
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/layers/streaming.hpp>
#include <nyala/models/graph.hpp>

namespace nyala::streaming {

/// Which steps of the input a value's steps are complete at: `first`, `first + stride`, ...
struct Timing {
  std::int64_t first = 0;
  std::int64_t stride = 1;

  bool operator==(const Timing&) const = default;
  /// How many of its steps are complete when `steps` of the input have come.
  std::int64_t complete(std::int64_t steps) const {
    return steps <= first ? 0 : (steps - first - 1) / stride + 1;
  }
};

/// A value of the model.
struct Slot {
  Timing timing;
  bool has_steps = true;  ///< else what is true now: (batch, ...)
  bool is_fixed = false;  ///< the same for a whole sequence, known before its first step

  bool operator==(const Slot&) const = default;
};

/// One call of a layer.
struct Call {
  std::shared_ptr<GraphNode> node;
  std::shared_ptr<BaseLayer> layer;  ///< that of the node, or what it is a shell of in inference
  std::vector<std::size_t> inputs;
  std::size_t output = 0;  ///< the first of its slots
  // At most one of these; without one, the layer is called on a block as it is.
  const WindowedLayer* windowed = nullptr;
  const SteppedLayer* stepped = nullptr;
  StreamWindow window = {};
  std::vector<std::size_t> initial = {};  ///< slots of the states before the first step
  std::optional<std::size_t> mask = {};   ///< the slot of a mask that is given by name
  std::vector<Variable> states = {};      ///< of a windowed layer: (history, batch, ...), a ring
  Variable oldest = {};  ///< index of the ring's oldest step; undefined without a ring
};

struct Plan {
  std::vector<Slot> slots;
  std::vector<Call> calls;
  std::vector<std::size_t> inputs;
  std::vector<std::size_t> outputs;
};

/// Throws UnsupportedError, naming the layer, for a call that cannot be run block by block.
Plan plan_of(const Graph& graph, std::int64_t batch);

/// Throws UnsupportedError, naming the layer.
[[noreturn]] void refuse(const BaseLayer& layer, const std::string& why);
/// Throws UnsupportedError unless the call's output at a step depends on its inputs at that step
/// alone. `layer` stands for the node's.
void expect_pointwise(const GraphNode& node, const BaseLayer& layer);
/// The same for a call of an operation.
void expect_pointwise_operation(const GraphNode& node);
/// Whether an option `axis`, a number or a list, names the batch or the steps.
bool names_first_axes(const Config& axis, int rank);

}  // namespace nyala::streaming
