#include <nyala/models/graph.hpp>

#include <algorithm>
#include <map>
#include <sstream>
#include <unordered_set>

#include <nyala/layers/core.hpp>

namespace nyala {
namespace {

using Node = Graph::Node;

bool is_input(const GraphNode& node) { return node.inputs.empty(); }

void check_defined(const SymbolTree& tree, const char* what) {
  if (tree.symbols().empty()) throw ValueError(std::string("Model: received no ") + what);
  for (const Symbol& symbol : tree.symbols()) {
    if (!symbol.defined())
      throw ValueError(std::string("Model: one of the ") + what + " is no symbol");
  }
}

// The calls behind some symbols, each before those that read it, and the order in which a search
// from the outputs meets the layers.
struct Walk {
  std::vector<Node> nodes;
  std::unordered_map<const BaseLayer*, std::size_t> met;
};

Walk walk(const std::vector<Symbol>& outputs) {
  struct Visit {
    Node node;
    std::size_t next = 0;
  };
  Walk result;
  std::unordered_set<const GraphNode*> seen;
  std::vector<Visit> stack;
  const auto enter = [&](const Node& node) {
    if (!seen.insert(node.get()).second) return;
    result.met.try_emplace(node->layer.get(), result.met.size());
    stack.push_back({node, 0});
  };
  for (const Symbol& output : outputs) {
    enter(output.node());
    while (!stack.empty()) {
      Visit& top = stack.back();
      if (top.next < top.node->inputs.size()) {
        const Node parent = top.node->inputs[top.next++].node();
        enter(parent);
      } else {
        result.nodes.push_back(std::move(top.node));
        stack.pop_back();
      }
    }
  }
  return result;
}

}  // namespace

Symbol input_symbol(const std::shared_ptr<BaseLayer>& layer) {
  auto node = std::make_shared<GraphNode>();
  node->layer = layer;
  node->outputs = {{layer->build_shapes()[0], layer->compute_dtype()}};
  node->masks = {std::nullopt};
  return {node, 0};
}

SymbolTree::SymbolTree(std::vector<Named> named) : kind_(Kind::dict) {
  std::stable_sort(
      named.begin(), named.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [key, symbol] : named) {
    if (!keys_.empty() && keys_.back() == key)
      throw ValueError("Model: the key \"" + key + "\" comes twice");
    keys_.push_back(key);
    symbols_.push_back(symbol);
  }
}

SymbolTree SymbolTree::with(std::vector<Symbol> symbols) const {
  SymbolTree tree = *this;
  tree.symbols_ = std::move(symbols);
  return tree;
}

Graph::Graph(const SymbolTree& inputs, const SymbolTree& outputs)
    : inputs_(inputs), outputs_(outputs) {
  check_defined(inputs_, "inputs");
  check_defined(outputs_, "outputs");
  cut();
  sort();
  check();
  plan();
  number_calls();
}

// Puts a new Input in the place of every input that a layer computes, and copies of the calls that
// follow from it.
void Graph::cut() {
  const auto key = [](const Symbol& s) { return std::pair(s.node().get(), s.index()); };
  std::map<std::pair<const GraphNode*, std::size_t>, Symbol> replaced;
  std::vector<Symbol> inputs = inputs_.symbols();
  for (Symbol& input : inputs) {
    if (is_input(*input.node())) continue;
    const Symbol fresh = Input({.dtype = input.dtype(), .batch_shape = input.shape()});
    replaced[key(input)] = fresh;
    input = fresh;
  }
  if (replaced.empty()) return;
  std::unordered_map<const GraphNode*, Node> copies;
  const auto now = [&](const Symbol& s) {
    if (const auto found = replaced.find(key(s)); found != replaced.end()) return found->second;
    const auto copy = copies.find(s.node().get());
    return copy == copies.end() ? s : Symbol(copy->second, s.index());
  };
  for (const Node& node : walk(outputs_.symbols()).nodes) {
    const bool changed = std::any_of(node->inputs.begin(), node->inputs.end(), [&](const auto& s) {
      const Symbol other = now(s);
      return !other.is(s);
    });
    if (!changed) continue;
    auto copy = std::make_shared<GraphNode>(*node);
    for (Symbol& input : copy->inputs) input = now(input);
    copies[node.get()] = copy;
  }
  std::vector<Symbol> outputs = outputs_.symbols();
  for (Symbol& output : outputs) output = now(output);
  inputs_ = inputs_.with(std::move(inputs));
  outputs_ = outputs_.with(std::move(outputs));
}

// Keras's order: by depth, the longest way to an output first. A layer called more than once counts
// with its deepest call.
void Graph::sort() {
  Walk found = walk(outputs_.symbols());
  std::unordered_map<const GraphNode*, int> depth;
  std::unordered_map<const BaseLayer*, int> layer_depth;
  std::vector<Node> order;  // as the depths became known
  std::unordered_map<const GraphNode*, Node> owner;
  for (const Node& node : found.nodes) owner[node.get()] = node;
  const auto deepen = [&](const GraphNode* node, int value) {
    const auto [place, fresh] = depth.try_emplace(node, value);
    if (fresh) order.push_back(owner.at(node));
    place->second = std::max(place->second, value);
    return place->second;
  };
  std::vector<Graph::LayerPtr> layers;
  for (auto it = found.nodes.rbegin(); it != found.nodes.rend(); ++it) {
    GraphNode* node = it->get();
    int& deepest = layer_depth.try_emplace(node->layer.get(), -1).first->second;
    if (deepest < 0) layers.push_back(node->layer);
    deepest = deepen(node, std::max(deepest, 0));
    for (const Symbol& input : node->inputs) deepen(input.node().get(), deepest + 1);
  }
  std::unordered_map<const BaseLayer*, std::int64_t> met;
  for (const auto& [layer, position] : found.met) met[layer] = static_cast<std::int64_t>(position);
  for (const Symbol& input : inputs_.symbols()) {
    if (layer_depth.count(input.node()->layer.get()) != 0) continue;
    layers.push_back(input.node()->layer);
    layer_depth[input.node()->layer.get()] = 0;
    met[input.node()->layer.get()] = -1;
    depth[input.node().get()] = 0;
    order.push_back(input.node());
  }
  std::stable_sort(order.begin(), order.end(), [&](const Node& a, const Node& b) {
    return depth.at(a.get()) > depth.at(b.get());
  });
  nodes_ = std::move(order);
  for (const Node& node : nodes_) depths_.push_back(depth.at(node.get()));
  std::stable_sort(layers.begin(), layers.end(), [&](const LayerPtr& a, const LayerPtr& b) {
    const int deep_a = layer_depth.at(a.get());
    const int deep_b = layer_depth.at(b.get());
    return deep_a != deep_b ? deep_a > deep_b : met.at(a.get()) < met.at(b.get());
  });
  operations_ = std::move(layers);
}

void Graph::check() const {
  std::unordered_set<const GraphNode*> given;
  for (const Symbol& input : inputs_.symbols()) given.insert(input.node().get());
  for (const Node& node : nodes_) {
    if (is_input(*node) && given.count(node.get()) == 0) {
      std::ostringstream text;
      text << "Graph disconnected: the input \"" << node->layer->name() << "\" of shape "
           << node->outputs[0].shape << " is needed for the outputs and is not among the inputs";
      throw ValueError(text.str());
    }
  }
  std::unordered_map<std::string, int> uses;
  for (const LayerPtr& layer : operations_) ++uses[layer->name()];
  for (const LayerPtr& layer : operations_) {
    const int times = uses[layer->name()];
    if (times == 1) continue;
    throw ValueError("The name \"" + layer->name() + "\" is used " + std::to_string(times) +
                     " times in the model. All operation names should be unique.");
  }
}

std::size_t Graph::slot_of(const Symbol& symbol) const {
  return first_slot_.at(symbol.node().get()) + symbol.index();
}

void Graph::plan() {
  for (const Node& node : nodes_) {
    first_slot_[node.get()] = slots_;
    slots_ += node->outputs.size();
  }
  std::vector<std::size_t> last_read(slots_, 0);
  for (const Node& node : nodes_) {
    if (is_input(*node)) continue;
    Step step{.node = node.get(), .output = first_slot_.at(node.get())};
    for (const Symbol& input : node->inputs) {
      step.inputs.push_back(slot_of(input));
      last_read[step.inputs.back()] = steps_.size() + 1;
    }
    steps_.push_back(std::move(step));
  }
  for (const Symbol& output : outputs_.symbols()) last_read[slot_of(output)] = 0;
  for (std::size_t slot = 0; slot < slots_; ++slot) {
    if (last_read[slot] != 0) steps_[last_read[slot] - 1].finished.push_back(slot);
  }
}

std::vector<Tensor> Graph::run(Inputs<Tensor> inputs, std::optional<bool> training) const {
  std::vector<Tensor> slots(slots_);
  for (std::size_t i = 0; i < inputs.size(); ++i) slots[slot_of(inputs_.symbols()[i])] = inputs[i];
  std::vector<Tensor> arguments;
  for (const Step& step : steps_) {
    arguments.clear();
    for (std::size_t slot : step.inputs) arguments.push_back(slots[slot]);
    // As in Keras, what the model is called with wins over what the layer was called with.
    std::vector<Tensor> results =
        step.node->layer->apply(step.node->arguments, Inputs<Tensor>(arguments), training);
    for (std::size_t i = 0; i < results.size(); ++i) slots[step.output + i] = std::move(results[i]);
    for (std::size_t slot : step.finished) slots[slot] = Tensor();
  }
  std::vector<Tensor> outputs;
  for (const Symbol& output : outputs_.symbols()) outputs.push_back(slots[slot_of(output)]);
  return outputs;
}

void Graph::number_calls() {
  for (const Node& node : nodes_) calls_[node->layer.get()].push_back(node);
  for (auto& [layer, calls] : calls_) {
    std::stable_sort(calls.begin(), calls.end(), [](const Node& a, const Node& b) {
      return a->index < b->index;
    });
    for (std::size_t i = 0; i < calls.size(); ++i)
      call_index_[calls[i].get()] = static_cast<std::int64_t>(i);
  }
}

std::vector<Graph::Node> Graph::calls_of(const BaseLayer& layer) const {
  const auto found = calls_.find(&layer);
  return found == calls_.end() ? std::vector<Node>() : found->second;
}

std::int64_t Graph::index_of(const GraphNode& node) const {
  const auto found = call_index_.find(&node);
  if (found != call_index_.end()) return found->second;
  throw IndexError("a call of " + node.layer->label() + " is not part of the model");
}

}  // namespace nyala
