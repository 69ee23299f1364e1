#include <nyala/models/streaming/plan.hpp>

#include <algorithm>
#include <unordered_map>

#include <nyala/models/model_base.hpp>

namespace nyala::streaming {
namespace {

using Slots = std::vector<std::size_t>;

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
    const Slot in = common_slot(layer, inputs);
    if (in.has_steps) {
      for (const auto& mask : node->masks) {
        if (mask) refuse(layer, "it makes or passes on a mask");
      }
    }
    if (const auto* model = dynamic_cast<const ModelBase*>(&layer)) {
      if (model->graph() == nullptr) refuse(layer, "it has no graph");
      return add(*model->graph(), inputs);
    }
    Call call{.node = node, .inputs = inputs, .output = plan_.slots.size()};
    const Slot out = in.has_steps ? slot_after(call, in) : in;
    Slots outputs;
    for (std::size_t i = 0; i < node->outputs.size(); ++i) {
      outputs.push_back(plan_.slots.size());
      plan_.slots.push_back(out);
      if (call.stepped != nullptr && i > 0) plan_.slots.back().has_steps = false;
    }
    plan_.calls.push_back(std::move(call));
    return outputs;
  }

  // Inputs must come at the same steps.
  Slot common_slot(const BaseLayer& layer, const Slots& inputs) const {
    const Slot first = plan_.slots[inputs.at(0)];
    for (const std::size_t input : inputs) {
      const Slot& slot = plan_.slots[input];
      if (slot.has_steps != first.has_steps)
        refuse(layer, "one of its inputs has steps and another one has none");
      if (!(slot.timing == first.timing))
        refuse(layer, "its inputs are complete at different steps");
    }
    return first;
  }

  Slot slot_after(Call& call, const Slot& in) const {
    const BaseLayer& layer = *call.node->layer;
    call.windowed = dynamic_cast<const WindowedLayer*>(&layer);
    call.stepped = dynamic_cast<const SteppedLayer*>(&layer);
    if (call.windowed == nullptr && call.stepped == nullptr) {
      expect_pointwise(layer, call.node->inputs[0].rank());
      return in;
    }
    const auto& named = call.node->arguments.named;
    const bool is_plain = std::all_of(named.begin(), named.end(), [](const auto& argument) {
      return argument.first == "training" || argument.second.is_null();
    });
    if (call.inputs.size() != 1 || !is_plain)
      refuse(layer, "it is called with states or a mask beside its sequence");
    return call.windowed != nullptr ? start_window(call, in) : start_states(call, in);
  }

  Slot start_window(Call& call, const Slot& in) const {
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
  [[noreturn]] static void refuse(const BaseLayer& layer, const std::string& why) {
    throw UnsupportedError(layer.label() + " cannot be run step by step: " + why);
  }

  Plan& plan_;
  std::int64_t batch_;
};

}  // namespace

Plan plan_of(const Graph& graph, std::int64_t batch) {
  Plan plan;
  for (const Symbol& symbol : graph.inputs().symbols()) {
    if (symbol.rank() < 2) {
      throw UnsupportedError(symbol.node()->layer->label() + " has the shape " +
                             symbol.shape().str() + ", expected (batch, steps, ...)");
    }
    plan.inputs.push_back(plan.slots.size());
    plan.slots.emplace_back();
  }
  plan.outputs = Planner(plan, batch).add(graph, plan.inputs);
  return plan;
}

}  // namespace nyala::streaming
