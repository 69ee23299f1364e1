#include <cmath>

#include <doctest/doctest.h>

#include <nyala/models/saving/json_text.hpp>
#include <nyala/nyala.hpp>

#include "message_of.hpp"

using namespace nyala;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

Model make_towers() {
  const Symbol a = Input({.shape = {3}, .name = "a"});
  const Symbol b = Input({.shape = {4}, .name = "b"});
  const Symbol x = Input({.shape = {2}, .name = "x"});
  const Model inner(x, layers::Dense({.units = 2, .name = "inner_dense"})(x), {.name = "inner"});
  const Sequential head({Input({.shape = {1}, .name = "in"}),
                         layers::Dense({.units = 1, .activation = "sigmoid", .name = "score"})},
                        {.name = "head"});
  const Symbol u = layers::Dense({.units = 2, .name = "u"})(a);
  const Symbol v = layers::Dense({.units = 2, .name = "v"})(b);
  const Symbol match =
      layers::Dot({.axes = 1, .normalize = true, .name = "match"})({inner(u), inner(v)});
  return Model({a, b}, {head(match), inner(u)}, {.name = "towers"});
}

Tensor counting(const Shape& shape) {
  return ops::reshape(ops::arange(shape.num_elements(), {.dtype = float32}), shape) * 0.1;
}

}  // namespace

TEST_CASE("JSON is written as Python writes it") {
  Config value = Config::dict();
  value["list"] = Config::List{1, -2.0, 0.1, 1e-7, 1e16, 123456789.25, true, nullptr, "a\"\\\n"};
  value["unicode"] = "é\xF0\x9F\x98\x80";
  value["empty"] = Config::dict();
  const std::string text = saving::to_json_text(value);
  CHECK(text ==
        "{\"list\": [1, -2.0, 0.1, 1e-07, 1e+16, 123456789.25, true, null, \"a\\\"\\\\\\n\"], "
        "\"unicode\": \"\\u00e9\\ud83d\\ude00\", \"empty\": {}}");
  CHECK(saving::parse_json(text) == value);
  CHECK_THROWS_AS(saving::to_json_text(Config(std::nan(""))), ValueError);
  CHECK_THROWS_AS(saving::to_json_text(Config(HUGE_VAL)), ValueError);
}

TEST_CASE("text that is no JSON is refused") {
  for (const char* text : {"",
                           "{",
                           "{\"a\": }",
                           "[1, 2",
                           "nan",
                           "{\"a\": NaN}",
                           "[1e999]",
                           "\"\xff\"",
                           "{\"a\": 1} x",
                           "[01]",
                           "'a'",
                           "{\"a\": 1,}"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(saving::parse_json(text), FormatError);
  }
  CHECK_THROWS_AS(saving::parse_json("{\"a\": 1, \"a\": 2}"), FormatError);
  CHECK_NOTHROW(saving::parse_json(std::string(256, '[') + std::string(256, ']')));
  CHECK_THROWS_AS(saving::parse_json(std::string(257, '[') + std::string(257, ']')), LimitError);
  CHECK_THROWS_AS(saving::parse_json(std::string(1 << 20, '[')), LimitError);
  CHECK_THROWS_AS(saving::parse_json("[1, 2, 3]", {.json_bytes = 8}), LimitError);
  CHECK_THROWS_AS(saving::parse_json("[1, 2, 3]", {.json_values = 3}), LimitError);
}

TEST_CASE("a model comes back from its JSON") {
  const Model model = make_towers();
  const std::string json = model.to_json();
  const Model twin = model_from_json(json);
  CHECK(twin.to_json() == json);
  CHECK(twin.name() == "towers");
  twin.set_weights(model.get_weights());
  const std::vector<Tensor> data = {counting({5, 3}), counting({5, 4})};
  const std::vector<Tensor> want = model.call_all(data);
  const std::vector<Tensor> got = twin.call_all(data);
  REQUIRE(got.size() == 2);
  CHECK(ops::array_equal(got[0], want[0]));
  CHECK(ops::array_equal(got[1], want[1]));
}

TEST_CASE("the ways of giving inputs and outputs come back") {
  const Symbol x = Input({.shape = {2}, .name = "x"});
  const layers::Dense dense({.units = 1, .name = "dense"});
  const Symbol y = dense(x);
  const std::string single = Model(x, y).to_json();
  CHECK(contains(single, "\"input_layers\": [\"x\", 0, 0], \"output_layers\": [\"dense\", 0, 0]"));
  const std::string list = Model({x}, {y}).to_json();
  CHECK(
      contains(list, "\"input_layers\": [[\"x\", 0, 0]], \"output_layers\": [[\"dense\", 0, 0]]"));
  const std::string named = Model({{"x", x}}, {{"y", y}, {"again", dense(x)}}).to_json();
  CHECK(contains(named, "\"input_layers\": {\"x\": [\"x\", 0, 0]}"));
  CHECK(contains(named,
                 "\"output_layers\": {\"again\": [\"dense\", 1, 0], \"y\": [\"dense\", 0, 0]}"));
  for (const std::string& json : {single, list, named})
    CHECK(model_from_json(json).to_json() == json);
}

TEST_CASE("a stack comes back, built or not") {
  const Sequential built({Input({.shape = {4}}), layers::Dense({.units = 2})});
  CHECK(model_from_json(built.to_json()).to_json() == built.to_json());
  CHECK(model_from_json(built.to_json()).count_params() == 10);
  const Sequential unbuilt({layers::Dense({.units = 2})});
  const Model twin = model_from_json(unbuilt.to_json());
  CHECK(twin.to_json() == unbuilt.to_json());
  CHECK_FALSE(twin.built());
}

TEST_CASE("models inside are compiled again as well") {
  const Sequential inner({Input({.shape = {2}}), layers::Dense({.units = 3})}, {.name = "inner"});
  inner.compile({.optimizer = "adam", .loss = "mae"});
  const Symbol x = Input({.shape = {2}, .name = "x"});
  const Model outer(x, layers::Dense({.units = 1, .name = "last"})(inner(x)), {.name = "outer"});
  outer.compile({.optimizer = "sgd", .loss = "mse"});
  const std::string json = outer.to_json();
  const Model twin = model_from_json(json);
  CHECK(twin.to_json() == json);
  const auto read = std::dynamic_pointer_cast<ModelBase>(twin.get_layer("inner").shared());
  REQUIRE(read != nullptr);
  CHECK(read->trainer().optimizer()->class_name() == "Adam");
  CHECK(read->trainer().optimizer()->built());

  const std::string wrong = message_of([&] { model_from_json(replaced(json, "mae", "may")); });
  CHECK(contains(wrong, "outer/inner"));
  CHECK(contains(wrong, "may"));
}

TEST_CASE("wrong models say what is wrong and where") {
  const std::string json = make_towers().to_json();
  const auto error = [&](const std::string& from, const std::string& to) {
    return message_of([&] { model_from_json(replaced(json, from, to)); });
  };
  // All unknown classes at once, those inside too.
  std::string two = replaced(json, "\"class_name\": \"Dot\"", "\"class_name\": \"Dott\"");
  const std::string inner = "\"class_name\": \"Dense\", \"config\": {\"name\": \"inner_dense\"";
  two = replaced(two, inner, "\"class_name\": \"Denze\", \"config\": {\"name\": \"inner_dense\"");
  const std::string unknown = message_of([&] { model_from_json(two); });
  CHECK(contains(unknown, "Dott"));
  CHECK(contains(unknown, "Denze"));

  CHECK(contains(error("\"normalize\": true", "\"normalise\": true"), "towers/match"));
  CHECK(contains(error("\"units\": 2", "\"units\": \"two\""), "units"));
  CHECK(contains(error("\"units\": 2", "\"units\": 0"), "units"));
  CHECK(contains(error("\"keras_history\": [\"a\"", "\"keras_history\": [\"z\""), "z"));
  CHECK(contains(error("\"keras_history\": [\"a\", 0", "\"keras_history\": [\"a\", 7"), "u"));
  CHECK(contains(error("\"keras_history\": [\"a\", 0, 0", "\"keras_history\": [\"a\", 0, 5"),
                 "output 5"));
  CHECK(contains(error("\"keras_history\": [\"a\"", "\"keras_history\": [\"u\""), "loops"));
  CHECK(contains(error("[[\"a\", 0, 0], [\"b\", 0, 0]]", "[[\"a\", 0, 0]]"), "\"b\""));
  CHECK(contains(error("\"name\": \"v\", \"inbound", "\"name\": \"u\", \"inbound"), "\"u\""));
  CHECK(contains(error("\"batch_shape\": [null, 3]", "\"batch_shape\": [null, -3]"), "towers/a"));
  CHECK_THROWS_AS(model_from_json("[]"), FormatError);
  CHECK_THROWS_AS(model_from_json("{}"), FormatError);
  CHECK_THROWS_AS(model_from_json("3"), FormatError);
  CHECK_THROWS_AS(model_from_json(R"({"class_name": "Dense", "config": {"units": 1}})"),
                  FormatError);
  CHECK_THROWS_AS(model_from_json(R"({"class_name": "Functional", "config": {"layers": []}})"),
                  FormatError);
  CHECK_THROWS_AS(model_from_json(R"({"class_name": "Sequential", "config": {"layers": 4}})"),
                  FormatError);
}

TEST_CASE("every cut of a model's text is an error and nothing else") {
  const std::string json = make_towers().to_json();
  for (std::size_t length = 0; length < json.size(); length += 97) {
    CHECK_THROWS_AS(model_from_json(json.substr(0, length)), Error);
  }
}

TEST_CASE("what an op of a file is given is checked") {
  const Symbol x = Input({.shape = {4}, .name = "x"});
  const std::string json = Model(x, ops::slice(x + 1.0, {{}, {.start = 1}})).to_json();
  CHECK_NOTHROW(model_from_json(json));
  const auto error = [&](const std::string& from, const std::string& to) {
    return message_of([&] { model_from_json(replaced(json, from, to)); });
  };
  CHECK(error(", 1.0]", ", {\"__symbol__\": 9}]") != "");
  CHECK(error(", 1.0]", ", \"one\"]") != "");
  CHECK(error(", 1.0]", "]") != "");
  CHECK(error("\"start\": 1", "\"start\": 1.5") != "");
  CHECK(error("\"class_name\": \"Add\"", "\"class_name\": \"Ad\"") != "");
}

TEST_CASE("layers that join inputs are written with a list, be it of one") {
  const Symbol x = Input({.shape = {3}, .name = "in"});
  const Model model(x, layers::Add({.name = "sum"})({layers::Concatenate({.name = "all"})({x})}));
  const Config config = saving::parse_json(model.to_json()).at("config");
  for (const Config& layer : config.at("layers").as_list()) {
    if (layer.at("name") == Config("in")) continue;
    CAPTURE(layer.str());
    const Config& args = layer.at("inbound_nodes").as_list()[0].at("args");
    REQUIRE(args.size() == 1);
    CHECK(args.as_list()[0].is_list());
    CHECK(layer.at("build_config").at("input_shape").as_list()[0].is_list());
  }
  const Model twin = model_from_json(model.to_json());
  CHECK(twin.to_json() == model.to_json());
}

TEST_CASE("one tensor that a file of tf.keras gives a layer that joins inputs is a list of one") {
  const Model model = model_from_json(R"({"class_name": "Functional", "config": {"name": "m",
      "layers": [
      {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
       "config": {"batch_input_shape": [null, 3], "dtype": "float32", "name": "x"}},
      {"class_name": "Multiply", "name": "f", "config": {"name": "f", "trainable": true,
       "dtype": "float32"}, "inbound_nodes": [[["x", 0, 0, {}]]]}],
      "input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]},
      "keras_version": "2.13.1"})");
  const Tensor x = Tensor::from(std::vector<float>{1, -2, 3}, {1, 3});
  CHECK(model(x).to_vector<float>() == x.to_vector<float>());
  CHECK(model_from_json(model.to_json()).to_json() == model.to_json());
}

TEST_CASE("states that tf.keras lists behind the input of a recurrent layer are written by name") {
  const std::string text = R"({"class_name": "Functional", "config": {"name": "m", "layers": [
      {"class_name": "InputLayer", "name": "x", "inbound_nodes": [],
       "config": {"batch_input_shape": [null, 3, 2], "dtype": "float32", "name": "x"}},
      {"class_name": "InputLayer", "name": "s", "inbound_nodes": [],
       "config": {"batch_input_shape": [null, 4], "dtype": "float32", "name": "s"}},
      {"class_name": "GRU", "name": "g", "config": {"name": "g", "units": 4},
       "inbound_nodes": [[["x", 0, 0, {}], ["s", 0, 0, {}]]]}],
      "input_layers": [["x", 0, 0], ["s", 0, 0]], "output_layers": [["g", 0, 0]]},
      "keras_version": "2.13.1"})";
  const Model model = model_from_json(text);
  const Config layer =
      saving::parse_json(model.to_json()).at("config").at("layers").as_list().back();
  const Config& call = layer.at("inbound_nodes").as_list()[0];
  CHECK(call.at("args").size() == 1);
  CHECK(!call.at("args").as_list()[0].is_list());
  CHECK(call.at("kwargs").contains("initial_state"));
  CHECK(layer.at("build_config").at("input_shape").size() == 3);
  const Model twin = model_from_json(model.to_json());
  twin.set_weights(model.get_weights());
  const Tensor x = random::normal({2, 3, 2}, {.seed = 1}), s = random::normal({2, 4}, {.seed = 2});
  CHECK(ops::array_equal(twin.predict({x, s}), model.predict({x, s})));
  CHECK(!ops::array_equal(model.predict({x, s}), model.predict({x, s * 2.0})));
}

TEST_CASE("a layer without a name keeps its dtype") {
  const Model model = model_from_json(R"({"class_name": "Sequential", "config": {"layers": [
      {"class_name": "Dense", "config": {"units": 2, "dtype": "float64",
       "batch_input_shape": [null, 3], "kernel_initializer":
       {"class_name": "GlorotUniform", "config": {"seed": null, "dtype": "float32"}}}}]}})");
  CHECK(model.get_weights()[0].dtype() == DType::float64);
}

TEST_CASE("hard_sigmoid of a file of Keras 2 stays that of Keras 2") {
  const Sequential today({Input({.shape = {2}, .name = "in"}),
                          layers::Dense({.units = 2, .activation = "hard_sigmoid", .name = "d"})});
  const std::string text = R"({"class_name": "Sequential", "config": {"name": "old", "layers": [
      {"class_name": "InputLayer", "config": {"batch_input_shape": [null, 2], "dtype": "float32",
       "sparse": false, "name": "in"}},
      {"class_name": "Dense", "config": {"name": "d", "trainable": true, "dtype": "float32",
       "units": 2, "activation": "hard_sigmoid", "use_bias": true,
       "kernel_initializer": "ones", "bias_initializer": "zeros"}}]})";
  const std::string generations[] = {
      text + "}",
      text + R"(, "keras_version": "2.13.1"})",
      replaced(
          text, R"("class_name": "Dense")", R"("module": "keras.layers", "class_name": "Dense")") +
          R"(, "keras_version": "2.13.1"})"};
  const Tensor x = ops::array<float>({{-0.6f, 0.1f}, {2, 3}, {-2, -3}});
  const Tensor wanted = ops::array<float>({{0.4f, 0.4f}, {1, 1}, {0, 0}});  // clip(0.2 x + 0.5)
  for (const std::string& json : generations) {
    const Model old = model_from_json(json);
    old.set_weights({ops::ones({2, 2}), ops::zeros({2})});
    CHECK(ops::allclose(old(x), wanted));
    const Model twin = model_from_json(old.to_json());
    twin.set_weights(old.get_weights());
    CHECK(ops::array_equal(twin(x), old(x)));
  }
  const Model same = model_from_json(today.to_json());
  same.set_weights({ops::ones({2, 2}), ops::zeros({2})});
  CHECK(same(x).to_vector<float>()[0] == doctest::Approx(0.5 - 0.5 / 6));
  CHECK(contains(today.to_json(), R"("activation": "hard_sigmoid")"));
}

TEST_CASE("a deep chain of layers neither recurses nor takes long") {
  const Symbol x = Input({.shape = {1}, .name = "x"});
  Symbol y = x;
  for (int i = 0; i < 3000; ++i) y = y + 1.0;
  const Model model(x, y);
  CHECK(model(ops::zeros({1, 1})).item<float>() == 3000.0f);
  const Model twin = model_from_json(model.to_json());
  CHECK(twin(ops::zeros({1, 1})).item<float>() == 3000.0f);
}
