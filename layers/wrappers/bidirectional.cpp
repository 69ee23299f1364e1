#include <array>

#include <nyala/layers/recurrent/base.hpp>
#include <nyala/layers/wrappers.hpp>

namespace nyala::layers {
namespace {

const SequenceLayer& as_sequence(const Layer& layer, const std::string& who) {
  const auto* sequence = layer.defined() ? dynamic_cast<const SequenceLayer*>(&*layer) : nullptr;
  if (sequence != nullptr) return *sequence;
  throw ValueError(who + " received " + (layer.defined() ? layer->label() : "no layer") +
                   ", expected a recurrent layer");
}

// A new layer of the same configuration, named prefix + name.
Layer remade(const Layer& layer, const std::string& prefix, bool backwards) {
  Config record = saving::serialize_layer(*layer);
  Config& config = record["config"];
  const std::string& name = layer.name();
  config["name"] = name.rfind(prefix, 0) == 0 ? name : prefix + name;
  if (backwards) config["go_backwards"] = config.at("go_backwards") != Config(true);
  return saving::deserialize_layer(record);
}

class BidirectionalLayer final : public LayerBase<BidirectionalArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_min_rank(inputs[0], 3); }
  void build(Inputs<Shape> inputs) override {
    for (const Layer& layer : both_) layer->build_for(Inputs<Shape>(&inputs[0], 1));
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    std::vector<Tensor> states(inputs.begin() + 1,
                               inputs.end());  // as tf.keras 2.x gives them
    if (states.empty()) states = call.tensors("initial_state");
    std::array<std::vector<Tensor>, 2> results;
    for (std::size_t i = 0; i < 2; ++i) {
      CallArgs own{.training = call.training,
                   .mask = {call.mask.empty() ? Tensor() : call.mask[0]}};
      const auto half = static_cast<std::ptrdiff_t>(states.size() / 2);
      const auto middle = states.begin() + half;
      if (!states.empty())
        own.named.emplace_back("initial_state",
                               i == 0 ? std::vector<Tensor>(states.begin(), middle)
                                      : std::vector<Tensor>(middle, states.end()));
      results[i] = both_[i]->apply({inputs[0]}, own);
    }
    Tensor& back = results[1][0];
    if (options_.return_sequences) back = ops::flip(back, 1);
    std::vector<Tensor> outputs = merged(results[0][0], back);
    for (const auto& result : results)
      outputs.insert(outputs.end(), result.begin() + 1, result.end());
    return outputs;
  }
  bool supports_masking() const override { return true; }
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>& masks) override {
    const Tensor mask = options_.return_sequences && !masks.empty() ? masks[0] : Tensor();
    if (args().merge_mode) return {mask};
    return {mask, mask};
  }
  LayerTraits traits() const override {
    LayerTraits traits = LayerBase::traits();
    traits.couples_samples = options_.stateful;
    return traits;
  }
  Config get_config() const override {
    Config config = LayerBase::get_config();
    config["layer"] = saving::serialize_layer(*both_[0]);
    config["backward_layer"] = saving::serialize_layer(*both_[1]);
    return config;
  }
  void reset_state() override {
    if (!options_.stateful) throw StateError(label() + " is not stateful");
    for (const Layer& layer : both_) layer->reset_state();
  }

 private:
  std::vector<Tensor> merged(const Tensor& x, const Tensor& y) const {
    if (!args().merge_mode) return {x, y};
    const std::string& mode = *args().merge_mode;
    if (mode == "sum") return {x + y};
    if (mode == "mul") return {x * y};
    if (mode == "ave") return {(x + y) / 2};
    return {ops::concatenate({x, y}, {.axis = -1})};
  }
  void validate() override {
    if (args().merge_mode) {
      const std::string& mode = *args().merge_mode;
      if (mode != "concat" && mode != "sum" && mode != "mul" && mode != "ave")
        throw ValueError(label() + ": received merge_mode \"" + mode.substr(0, 200) +
                         "\", expected \"concat\", \"sum\", \"mul\", \"ave\" or null");
    }
    const Layer& pattern = args().layer.value;
    as_sequence(pattern, label());
    const Layer& given = args().backward_layer;
    both_[0] = remade(pattern, "forward_", false);
    both_[1] = given.defined() ? given : remade(pattern, "backward_", true);
    expect_opposite();
    for (const Layer& layer : both_) {
      auto& sequence = const_cast<SequenceLayer&>(as_sequence(layer, label()));
      sequence.set_zero_output_for_mask(options_.return_sequences);
    }
    track("forward_layer", both_[0]);
    track("backward_layer", both_[1]);
  }
  void expect_opposite() {
    options_ = as_sequence(both_[0], label()).sequence_options();
    const SequenceOptions other = as_sequence(both_[1], label()).sequence_options();
    if (options_.go_backwards == other.go_backwards)
      throw ValueError(label() + ": the forward and the backward layer have the same go_backwards");
    const auto expect_same = [&](bool a, bool b, const char* option) {
      if (a != b)
        throw ValueError(label() + ": the forward and the backward layer differ in " + option);
    };
    expect_same(options_.stateful, other.stateful, "stateful");
    expect_same(options_.return_sequences, other.return_sequences, "return_sequences");
    expect_same(options_.return_state, other.return_state, "return_state");
  }

  std::array<Layer, 2> both_;  // forward, backward
  SequenceOptions options_;
};

}  // namespace

NYALA_LAYER(Bidirectional)

}  // namespace nyala::layers
