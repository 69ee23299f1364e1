// Arguments that a layer's call takes beside its tensors: given to tensors and to symbols, kept by
// the graph, replayed, written to JSON and read back.
#include <doctest/doctest.h>

#include <nyala/nyala.hpp>

#include "message_of.hpp"

using namespace nyala;

namespace {

// A layer with all kinds of call arguments: query * scale + bias (+ each state), in the order of
// query and value; a sum over what the mask leaves where `masked`.
struct BlendCall {
  CallValue states = {};
  CallValue mask = {};
  std::optional<bool> training = {};
  double scale = 1;
  bool negate = false;

  static constexpr std::array<const char*, 2> inputs = {"query", "value"};

  template <class A = BlendCall>
  static constexpr auto call_fields() {
    return std::tuple{CallField{"states", &A::states},
                      CallField{"mask", &A::mask},
                      CallField{"training", &A::training},
                      CallField{"scale", &A::scale},
                      CallField{"negate", &A::negate}};
  }
};

struct BlendArgs {
  NYALA_LAYER_ARGS;
  using Call = BlendCall;

  template <class A = BlendArgs>
  static constexpr auto fields() {
    return layer_fields();
  }
};

class BlendLayer final : public LayerBase<BlendArgs> {
 public:
  using LayerBase::LayerBase;

  bool supports_masking() const override { return true; }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& args) override {
    const CallValue* scale = args.find("scale");
    Tensor y = inputs[0] * (scale == nullptr ? 1.0 : scale->plain().as_double());
    for (std::size_t i = 1; i < inputs.size(); ++i) y = y + inputs[i];
    for (const Tensor& state : args.tensors("states")) y = y + state;
    for (const Tensor& mask : args.mask) {
      if (mask.defined()) y = y * ops::expand_dims(ops::cast(mask, y.dtype()), -1);
    }
    if (args.is_training()) y = y + 100;
    return args.flag("negate") ? -y : y;
  }
};

using Blend = LayerOf<BlendArgs>;
NYALA_LAYER(Blend)

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4}, {2, 2});
const Tensor v = Tensor::from(std::vector<float>{10, 20, 30, 40}, {2, 2});
const Tensor s = Tensor::from(std::vector<float>{5, 6, 7, 8}, {2, 2});

std::vector<float> values(const Tensor& tensor) { return tensor.to_vector<float>(); }

}  // namespace

TEST_CASE("call arguments reach an eager call") {
  const Blend blend;
  CHECK(values(blend(x)) == std::vector<float>{1, 2, 3, 4});
  CHECK(values(blend(x, {.scale = 2})) == std::vector<float>{2, 4, 6, 8});
  CHECK(values(blend(x, v)) == std::vector<float>{11, 22, 33, 44});
  CHECK(values(blend(x, v, {.states = s, .negate = true})) ==
        std::vector<float>{-16, -28, -40, -52});
  CHECK(values(blend(x, {.states = {s, v}})) == std::vector<float>{16, 28, 40, 52});
  CHECK(values(blend(x, {.states = {}, .training = true})) ==
        std::vector<float>{101, 102, 103, 104});
  // The same without types: by name.
  const Layer layer = blend;
  CHECK(values(layer(x, {.named = {{"value", v}, {"scale", 2}}})) ==
        std::vector<float>{12, 24, 36, 48});
  CHECK(values(layer(x, {.named = {{"states", {s, v}}, {"training", false}}})) ==
        std::vector<float>{16, 28, 40, 52});
}

TEST_CASE("call arguments that a layer does not take are refused") {
  const Layer blend = Blend({.name = "b"});
  CHECK(message_of([&] {
          blend(x, {.named = {{"state", s}}});
        }) == "Blend \"b\" has no call argument \"state\"");
  CHECK(message_of([&] {
          blend(x, {.named = {{"states", 3}}});
        }) == "Blend \"b\": the argument \"states\" is no tensor");
  CHECK(message_of([&] {
          blend(x, {.named = {{"negate", 3}}});
        }) == "Blend \"b\": the argument \"negate\" is neither true nor false");
  const Layer dense = layers::Dense({.units = 2, .name = "d"});
  CHECK(message_of([&] {
          dense(x, {.named = {{"use_causal_mask", true}}});
        }) == "Dense \"d\" has no call argument \"use_causal_mask\"");
  CHECK_FALSE(dense.built());
  // None is what is not given.
  CHECK_NOTHROW(dense(x, {.named = {{"constants", nullptr}}}));
}

TEST_CASE("masks are given by name, for each input") {
  const Tensor keep_first = Tensor::from(std::vector<bool>{true, false}, {2});
  const Tensor keep_last = Tensor::from(std::vector<bool>{false, true}, {2});
  const Layer blend = Blend();
  CHECK(values(blend(x, {.named = {{"mask", keep_first}}})) == std::vector<float>{1, 2, 0, 0});
  CHECK(values(blend({x, v}, {.named = {{"value_mask", keep_last}}})) ==
        std::vector<float>{0, 0, 33, 44});
  CHECK(values(blend({x, v}, {.named = {{"mask", {nullptr, keep_last}}}})) ==
        std::vector<float>{0, 0, 33, 44});
  // Not given, they are those that the tensors carry.
  const Tensor masked = x + 0;
  masked.set_mask(keep_first);
  const Tensor y = blend({masked, v}, {.named = {{"value_mask", nullptr}}});
  CHECK(values(y) == std::vector<float>{11, 22, 0, 0});
  CHECK(y.mask().is(keep_first));
}

TEST_CASE("call arguments are kept by a graph and its JSON") {
  register_layer<Blend>({.package = "test"});
  const Symbol a = Input({.shape = {2}, .name = "a"});
  const Symbol b = Input({.shape = {2}, .name = "b"});
  const Symbol c = Input({.shape = {2}, .name = "c"});
  const Blend blend({.name = "blend"});
  const Symbol positional = blend(a, b, {.states = {c, a}, .scale = 3});
  const Symbol constant = blend(positional, {.states = {v, c}, .training = true, .negate = true});
  const Layer untyped = blend;
  const Symbol named = untyped(a, {.named = {{"value", c}, {"states", b}}});
  const Model model({a, b, c}, {positional, constant, named});
  const std::vector<Tensor> want = {
      x * 3 + v + s + x, -(x * 3 + v + s + x + v + s + 100), x + s + v};
  const auto check = [&](const Model& m) {
    const std::vector<Tensor> got = m.call_all({x, v, s});
    REQUIRE(got.size() == 3);
    for (std::size_t i = 0; i < 3; ++i) CHECK(values(got[i]) == values(want[i]));
    // As in Keras, the model's own `training` wins over a call's: that adds 100 above.
    const Outputs predicted = m.predict_all({x, v, s});
    CHECK(values(predicted[0]) == values(want[0]));
    CHECK(values(predicted[1]) == values(want[1] + 100));
    CHECK(values(predicted[2]) == values(want[2]));
  };
  check(model);
  const std::string json = model.to_json();
  CHECK(contains(json, "\"scale\": 3.0"));
  CHECK(contains(json, "\"kwargs\": {\"value\": {\"class_name\": \"__keras_tensor__\""));
  CHECK(contains(json, "{\"class_name\": \"__tensor__\", \"config\": {\"value\": [[10.0, 20.0]"));
  CHECK(
      contains(json, "\"shapes_dict\": {\"query_shape\": [null, 2], \"value_shape\": [null, 2]}"));
  const Model twin = model_from_json(json);
  check(twin);
  CHECK(twin.to_json() == json);
}

TEST_CASE("a mask that a graph computes is kept, one that tensors carry comes by itself") {
  const Symbol a = Input({.shape = {3, 2}, .name = "a"});
  const Symbol given = Input({.shape = {3}, .dtype = bool_, .name = "given"});
  const layers::Softmax softmax({.axis = 1, .name = "softmax"});
  const Layer layer = softmax;
  const Symbol y = layer(a, {.named = {{"mask", ops::expand_dims(given, -1)}}});
  const Model model({a, given}, y);
  const std::string json = model.to_json();
  CHECK(contains(json, "\"mask\": {\"class_name\": \"__keras_tensor__\""));
  const Model twin = model_from_json(json);
  CHECK(twin.to_json() == json);
  const Tensor data = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {1, 3, 2});
  const Tensor mask = Tensor::from(std::vector<bool>{true, false, true}, {1, 3});
  const Tensor got = twin({data, mask});
  CHECK(ops::array_equal(got, model({data, mask})));
  CHECK(got.to_vector<float>()[2] == 0);
  CHECK(got.to_vector<float>()[0] > 0);
}

TEST_CASE("layers inside have the names that files are laid out by") {
  class Pair final : public LayerBase<BlendArgs> {
   public:
    Pair() : LayerBase({}) {
      start("Pair", "", {}, true);
      track("first", layers::Dense(1));
      track("cells", std::vector<Layer>{layers::Dense(2), layers::Dense(3)});
      track(layers::Dense(4));
    }
    Tensor call(Inputs<Tensor> inputs, const CallArgs&) override { return inputs[0]; }
  };
  const auto children = Pair().named_children();
  REQUIRE(children.size() == 4);
  CHECK((children[0].attribute == "first" && !children[0].in_list));
  CHECK((children[1].attribute == "cells" && children[1].in_list));
  CHECK((children[2].attribute == "cells" && children[2].in_list));
  CHECK((children[3].attribute.empty() && !children[3].in_list));
  const Sequential stack({layers::Dense(1)});
  CHECK(stack->named_children()[0].attribute == "layers");
}

TEST_CASE("layers are configurations and come back") {
  const layers::Dense dense({.units = 2, .name = "d"});
  const Config record = saving::serialize_layer(*dense);
  CHECK(record.at("class_name") == Config("Dense"));
  CHECK(saving::serialize_layer(*saving::deserialize_layer(record)) == record);
  const Sequential stack({Input({.shape = {3}}), dense});
  const Layer twin = saving::deserialize_layer(saving::serialize_layer(*stack));
  CHECK(twin.class_name() == "Sequential");
  CHECK(message_of([] { saving::deserialize_layer(Config("Dense")); }) ==
        "received \"Dense\", expected a layer's dict");
  Config unknown = record;
  unknown["class_name"] = "Denze";
  CHECK(message_of([&] { saving::deserialize_layer(unknown); }) == "unknown layer class: Denze");
}
