#pragma once
/// Symbol: what Keras calls a KerasTensor. It stands for a tensor in a model's graph: a shape, a
/// dtype and the call that makes it.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/layers/argument.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class BaseLayer;
class GraphNode;

class Symbol {
 public:
  Symbol() = default;
  Symbol(std::shared_ptr<GraphNode> node, std::size_t index)
      : node_(std::move(node)), index_(index) {}

  bool defined() const { return node_ != nullptr; }
  const Spec& spec() const;
  const Shape& shape() const { return spec().shape; }
  DType dtype() const { return spec().dtype; }
  int rank() const { return shape().rank(); }
  /// Whether Keras's implicit mask comes with it.
  bool has_mask() const;

  /// The call that makes it, and which of that call's outputs it is.
  const std::shared_ptr<GraphNode>& node() const { return node_; }
  std::size_t index() const { return index_; }
  bool is(const Symbol& other) const { return node_ == other.node_ && index_ == other.index_; }

 private:
  std::shared_ptr<GraphNode> node_;
  std::size_t index_ = 0;
};

/// How the tensors of a call were given: `layer(x)`, `layer({x, y})`, or several arguments.
enum class CallForm : std::uint8_t { single, list, positional };

/// One call of a layer on symbols.
class GraphNode {
 public:
  GraphNode() = default;
  GraphNode(const GraphNode&) = default;
  GraphNode& operator=(const GraphNode&) = delete;
  /// Without recursion: a graph may be deeper than the stack.
  ~GraphNode();

  std::shared_ptr<BaseLayer> layer;
  /// Every symbol that the call is made with, those in named arguments too.
  std::vector<Symbol> inputs;
  /// The call as it was made, with `Argument::symbol(i)` for the i-th of `inputs`.
  Arguments arguments;
  std::vector<Spec> outputs;
  std::vector<std::optional<Spec>> masks;  // one for each output
  std::int64_t index = 0;                  // which call of the layer on symbols it is
  std::shared_ptr<GraphNode> next_dying;   // set while it is being destroyed
};

std::ostream& operator<<(std::ostream& out, const Symbol& symbol);

}  // namespace nyala

#pragma GCC visibility pop
