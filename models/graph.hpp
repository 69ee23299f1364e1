#pragma once
/// Graph: the calls between a model's inputs and its outputs, in the order in which they run.
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nyala/layers/layer.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Symbols as a model takes or gives them: one, a list, or by name. A dictionary stands in the
/// order of its keys, as Keras flattens it.
class SymbolTree {
 public:
  enum class Kind : std::uint8_t { single, list, dict };
  using Named = std::pair<std::string, Symbol>;

  SymbolTree(const Symbol& symbol) : kind_(Kind::single), symbols_{symbol} {}
  SymbolTree(std::initializer_list<Symbol> symbols) : kind_(Kind::list), symbols_(symbols) {}
  SymbolTree(std::vector<Symbol> symbols) : kind_(Kind::list), symbols_(std::move(symbols)) {}
  SymbolTree(std::initializer_list<Named> named) : SymbolTree(std::vector<Named>(named)) {}
  /// Throws ValueError for a key that comes twice.
  SymbolTree(std::vector<Named> named);

  Kind kind() const { return kind_; }
  const std::vector<Symbol>& symbols() const { return symbols_; }
  /// Of a dictionary; else empty.
  const std::vector<std::string>& keys() const { return keys_; }
  /// The same structure over other symbols.
  SymbolTree with(std::vector<Symbol> symbols) const;

 private:
  Kind kind_;
  std::vector<Symbol> symbols_;
  std::vector<std::string> keys_;
};

/// A call of an input layer, as `Input` makes it.
Symbol input_symbol(const std::shared_ptr<BaseLayer>& layer);

class Graph {
 public:
  using Node = std::shared_ptr<GraphNode>;
  using LayerPtr = std::shared_ptr<BaseLayer>;

  /// Throws ValueError when an output cannot be computed from the inputs, and when two layers have
  /// one name. An input that is no `Input` is cut loose: the calls before it are left out.
  Graph(const SymbolTree& inputs, const SymbolTree& outputs);

  const SymbolTree& inputs() const { return inputs_; }
  const SymbolTree& outputs() const { return outputs_; }
  /// In the order in which they run.
  const std::vector<Node>& nodes() const { return nodes_; }
  /// How many calls lie between each node and the outputs, at most.
  const std::vector<int>& depths() const { return depths_; }
  /// Layers and operations, each once, in Keras's order.
  const std::vector<LayerPtr>& operations() const { return operations_; }
  /// The calls of a layer that belong to this graph, in the order in which they were made.
  std::vector<Node> calls_of(const BaseLayer& layer) const;
  /// Which of them it is. Throws IndexError for a call that is not part of the graph.
  std::int64_t index_of(const GraphNode& node) const;
  bool holds(const GraphNode& node) const { return first_slot_.count(&node) != 0; }

  /// The outputs for these inputs, one for each symbol. Safe on many threads at once.
  std::vector<Tensor> run(Inputs<Tensor> inputs, std::optional<bool> training) const;

 private:
  struct Step {
    GraphNode* node = nullptr;
    std::vector<std::size_t> inputs;    // slots
    std::size_t output = 0;             // the first of its outputs' slots
    std::vector<std::size_t> finished;  // slots that nothing reads after it
  };

  void cut();
  void sort();
  void check() const;
  void plan();
  void number_calls();
  std::size_t slot_of(const Symbol& symbol) const;

  SymbolTree inputs_;
  SymbolTree outputs_;
  std::vector<Node> nodes_;
  std::vector<int> depths_;
  std::vector<LayerPtr> operations_;
  std::unordered_map<const BaseLayer*, std::vector<Node>> calls_;
  std::unordered_map<const GraphNode*, std::int64_t> call_index_;
  std::unordered_map<const GraphNode*, std::size_t> first_slot_;
  std::size_t slots_ = 0;
  std::vector<Step> steps_;
};

}  // namespace nyala

#pragma GCC visibility pop
