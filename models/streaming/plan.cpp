#include <nyala/models/streaming/plan.hpp>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <nyala/layers/wrappers.hpp>
#include <nyala/models/model_base.hpp>

namespace nyala::streaming {
namespace {

using Slots = std::vector<std::size_t>;

// Which of a recurrent layer's inputs are states before the first step.
std::vector<std::size_t> state_inputs(const GraphNode& node) {
  std::vector<std::size_t> states;
  if (dynamic_cast<const SteppedLayer*>(&*node.layer) == nullptr) return states;
  const Argument* named = node.arguments.find("initial_state");
  if (named == nullptr) return states;
  for (const Argument& state : named->is_list() ? named->items() : Argument::List{*named}) {
    if (state.is_symbol()) states.push_back(state.symbol_index());
  }
  return states;
}

class Planner {
 public:
  Planner(Plan& plan, std::int64_t batch) : plan_(plan), batch_(batch) {}

  // The slots of the graph's outputs, from those of its inputs.
  Slots add(const Graph& graph, const Slots& inputs) {
    std::unordered_map<const GraphNode*, Slots> made;
    const auto slot_of = [&](const Symbol& symbol) {
      return made.at(symbol.node().get()).at(symbol.index());
    };
    const auto& symbols = graph.inputs().symbols();
    for (std::size_t i = 0; i < symbols.size(); ++i) made[symbols[i].node().get()] = {inputs[i]};
    for (const Graph::Node& node : graph.nodes()) {
      if (made.count(node.get()) != 0) continue;
      Slots given;
      for (const Symbol& symbol : node->inputs) given.push_back(slot_of(symbol));
      made[node.get()] = add_node(node, given);
    }
    Slots outputs;
    for (const Symbol& symbol : graph.outputs().symbols()) outputs.push_back(slot_of(symbol));
    return outputs;
  }

 private:
  Slots add_node(const Graph::Node& node, const Slots& inputs) {
    const BaseLayer& layer = *node->layer;
    if (const auto* model = dynamic_cast<const ModelBase*>(&layer)) {
      if (model->graph() == nullptr) refuse(layer, "it has no graph");
      common_slot(layer, inputs);
      return add(*model->graph(), inputs);
    }
    Call call{.node = node, .layer = inner(node->layer), .output = plan_.slots.size()};
    split_inputs(call, inputs);
    const Slot in = common_slot(layer, call.inputs);
    const Slot out = in.has_steps ? slot_after(call, in) : in;
    if (call.stepped == nullptr && call.inputs.size() != inputs.size())
      refuse(layer, "it is called with states, and its sequence has no steps");
    Slots outputs;
    for (std::size_t i = 0; i < node->outputs.size(); ++i) {
      outputs.push_back(plan_.slots.size());
      plan_.slots.push_back(out);
      if (call.stepped != nullptr && i > 0) plan_.slots.back().has_steps = false;
    }
    plan_.calls.push_back(std::move(call));
    return outputs;
  }

  // What is called in inference: SpectralNormalization does nothing else then.
  static std::shared_ptr<BaseLayer> inner(const std::shared_ptr<BaseLayer>& layer) {
    const auto* shell = dynamic_cast<const LayerBase<layers::SpectralNormalizationArgs>*>(&*layer);
    return shell == nullptr ? layer : inner(shell->args().layer.value.shared());
  }

  // Tells a recurrent layer's sequence from its states and its mask.
  void split_inputs(Call& call, const Slots& inputs) const {
    call.inputs = inputs;
    if (dynamic_cast<const SteppedLayer*>(&*call.layer) == nullptr) return;
    const std::vector<std::size_t> states = state_inputs(*call.node);
    for (const std::size_t state : states) call.initial.push_back(inputs[state]);
    const Argument* mask = call.node->arguments.find("mask");
    if (mask != nullptr && mask->is_symbol()) call.mask = inputs[mask->symbol_index()];
    call.inputs = {inputs.at(0)};
    if (1 + states.size() + (call.mask ? 1 : 0) != inputs.size())
      refuse(*call.node->layer, "it is called with more than a sequence, states and a mask");
  }

  // Inputs must come at the same steps.
  Slot common_slot(const BaseLayer& layer, const Slots& inputs) const {
    const Slot first = plan_.slots[inputs.at(0)];
    for (const std::size_t input : inputs) {
      const Slot& slot = plan_.slots[input];
      if (slot.has_steps != first.has_steps || slot.is_fixed != first.is_fixed)
        refuse(layer, "one of its inputs has steps and another one has none");
      if (!(slot.timing == first.timing))
        refuse(layer, "its inputs are complete at different steps");
    }
    return first;
  }

  Slot slot_after(Call& call, const Slot& in) const {
    const BaseLayer& layer = *call.node->layer;
    call.windowed = dynamic_cast<const WindowedLayer*>(&*call.layer);
    call.stepped = dynamic_cast<const SteppedLayer*>(&*call.layer);
    if (call.windowed == nullptr && call.stepped == nullptr) {
      expect_pointwise(*call.node, *call.layer);
      return in;
    }
    const auto& named = call.node->arguments.named;
    const bool is_plain = std::all_of(named.begin(), named.end(), [&](const auto& argument) {
      return argument.first == "training" || argument.second.is_null() ||
             (call.stepped != nullptr && argument.first == "initial_state") ||
             (call.mask && argument.first == "mask");
    });
    if (call.inputs.size() != 1 || !is_plain)
      refuse(layer, "it is called with more than a sequence, states and a mask");
    return call.windowed != nullptr ? start_window(call, in) : start_states(call, in);
  }

  Slot start_window(Call& call, const Slot& in) const {
    for (const auto& mask : call.node->masks) {
      if (mask) refuse(*call.node->layer, "it passes on the mask of a window");
    }
    call.window = call.windowed->stream_window();
    const StreamWindow& window = call.window;
    if (window.history() > 0) {
      Shape ring = call.node->inputs[0].shape();
      ring[1] = batch_;
      ring[0] = window.history();
      expect_known(*call.node->layer, ring);
      call.states = {zeros({ring, call.node->layer->compute_dtype()}, "stream_ring")};
      call.oldest = zeros({{1}, DType::int64}, "stream_oldest");
    }
    const std::int64_t wait = window.causal ? 0 : window.history();
    return {{in.timing.first + wait * in.timing.stride, in.timing.stride * window.stride}, true};
  }
  Slot start_states(Call& call, const Slot& in) const {
    const BaseLayer& layer = *call.node->layer;
    const bool is_masked = call.mask || call.node->inputs[0].has_mask();
    if (is_masked && call.layer->supports_masking() && !call.stepped->reads_masks())
      refuse(layer, "its sequence has a mask");
    if (call.mask && !call.initial.empty())
      refuse(layer, "it is called with states and a mask at once");
    if (call.mask && !(plan_.slots[*call.mask] == in))
      refuse(layer, "its mask is complete at other steps than its sequence");
    for (const std::size_t state : call.initial) {
      if (!plan_.slots[state].is_fixed)
        refuse(layer, "its initial state depends on the steps of a sequence");
    }
    for (const Spec& spec : call.stepped->stream_states(batch_)) {
      expect_known(*call.node->layer, spec.shape);
      call.states.push_back(zeros(spec, "stream_state"));
    }
    return {in.timing, call.stepped->gives_steps()};
  }

  static Variable zeros(const Spec& spec, const char* name) {
    return Variable(ops::zeros(spec.shape, {spec.dtype}),
                    {.trainable = false, .name = name, .autocast = false});
  }
  static void expect_known(const BaseLayer& layer, const Shape& shape) {
    if (!shape.is_known()) refuse(layer, "what it keeps has the shape " + shape.str());
  }

  Plan& plan_;
  std::int64_t batch_;
};

// The inputs that only states before the first step are made of: all those that are needed
// otherwise are sequences.
std::vector<bool> find_fixed(const Graph& graph) {
  std::unordered_set<const GraphNode*> along;
  std::vector<const GraphNode*> next;
  const auto need = [&](const Symbol& symbol) {
    if (along.insert(symbol.node().get()).second) next.push_back(symbol.node().get());
  };
  for (const Symbol& output : graph.outputs().symbols()) need(output);
  while (!next.empty()) {
    const GraphNode& node = *next.back();
    next.pop_back();
    if (!graph.holds(node)) continue;
    const std::vector<std::size_t> states = state_inputs(node);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      if (std::find(states.begin(), states.end(), i) == states.end()) need(node.inputs[i]);
    }
  }
  std::vector<bool> fixed;
  for (const Symbol& input : graph.inputs().symbols())
    fixed.push_back(along.count(input.node().get()) == 0);
  return fixed;
}

}  // namespace

Plan plan_of(const Graph& graph, std::int64_t batch) {
  Plan plan;
  const std::vector<bool> fixed = find_fixed(graph);
  for (const Symbol& symbol : graph.inputs().symbols()) {
    const bool is_fixed = fixed[plan.inputs.size()];
    if (!is_fixed && symbol.rank() < 2) {
      throw UnsupportedError(symbol.node()->layer->label() + " has the shape " +
                             symbol.shape().str() + ", expected (batch, steps, ...)");
    }
    plan.inputs.push_back(plan.slots.size());
    plan.slots.push_back({.has_steps = !is_fixed, .is_fixed = is_fixed});
  }
  plan.outputs = Planner(plan, batch).add(graph, plan.inputs);
  return plan;
}

}  // namespace nyala::streaming
