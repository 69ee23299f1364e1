// The recorded cases of Dot, in every kind.
#include <doctest/doctest.h>

#include <cstdio>
#include <map>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/error.hpp>

#include "conformance/layer_case.hpp"

namespace nyala::conformance {
namespace {

layers::Dot make_dot(const AxisPair& axes, bool normalize, const std::string& dtype) {
  return layers::Dot({.axes = axes, .normalize = normalize, .dtype = DTypePolicy(dtype)});
}
AxisPair axes_of(const Json& json) { return ConfigCodec<AxisPair>::from(to_config(json)); }

enum class Outcome { checked, skipped };
using Runner = Outcome (*)(const Golden& golden, const Json& c);

// Keras's class of error, for what `f` does.
template <class F>
void check_raises(const Json& keras, F&& f) {
  const std::string error = keras.at("error");
  if (error == "ValueError")
    CHECK_THROWS_AS(f(), ValueError);
  else if (error == "TypeError")
    CHECK_THROWS_AS(f(), TypeError);
  else if (error == "IndexError")
    CHECK_THROWS_AS(f(), IndexError);
  else
    CHECK_THROWS_AS(f(), Error);
}

// Every spelling of the same axes: positive, negative, as a plain integer.
std::vector<AxisPair> spellings(const Json& c) {
  std::vector<AxisPair> all{axes_of(c.at("axes"))};
  for (const Json& axes : c.at("axes_equivalents")) all.push_back(axes_of(axes));
  for (const Json& axes : c.at("axes_int_equivalents")) all.push_back(axes_of(axes));
  return all;
}

Outcome run_dot(const Golden& golden, const Json& c) {
  const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
  const bool normalize = c.at("normalize");
  for (const AxisPair& axes : spellings(c)) {
    CAPTURE(axes.first());
    CAPTURE(axes.second());
    const layers::Dot dot = make_dot(axes, normalize, c.at("layer_dtype"));
    if (c.contains("keras3_error")) {
      CHECK_THROWS_AS(dot(inputs), TypeError);
      continue;
    }
    const Tensor want = golden.array(c, c.at("outputs")[0]);
    const Json& shapes = c.at("compute_output_shape");
    CHECK(dot.compute_output_shape({to_shape(shapes["in"][0]), to_shape(shapes["in"][1])}) ==
          to_shape(shapes["out"]));
    if (!c.contains("grad")) {
      CHECK(difference(dot(inputs), want, golden.tolerance(c)) == "");
      continue;
    }
    GradientTape tape;
    for (const Tensor& input : inputs) tape.watch(input);
    const Tensor got = dot(inputs);
    CHECK(difference(got, want, golden.tolerance(c)) == "");
    const std::vector<Tensor> gradients =
        tape.gradient(got, inputs, {.output_gradients = golden.arrays(c, c["grad"]["upstream"])});
    for (const Json& entry : c["grad"]["inputs"]) {
      const Tensor wanted = golden.array(c, entry.at("array"));
      CHECK(difference(gradients[entry.at("input")], wanted, golden.tolerance(c, true)) == "");
    }
  }
  return Outcome::checked;
}

// Zero, tiny, huge and infinite rows under normalize: Keras 3's values and gradients.
Outcome run_special(const Golden& golden, const Json& c) {
  const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
  const layers::Dot dot = make_dot(axes_of(c.at("axes")), c.at("normalize"), c.at("layer_dtype"));
  GradientTape tape;
  for (const Tensor& input : inputs) tape.watch(input);
  const Tensor got = dot(inputs);
  const Json& want = c.at("keras3");
  CHECK(difference(got, golden.array(c, want.at("out")), golden.tolerance(c)) == "");
  const std::vector<Tensor> gradients = tape.gradient(got, inputs);
  for (std::size_t i = 0; i < 2; ++i) {
    CAPTURE(i);
    CHECK(difference(gradients[i], golden.array(c, want["grads"][i]), golden.tolerance(c, true)) ==
          "");
  }
  return Outcome::checked;
}

Tensor tensor_of(const Json& rows, DType dtype) {
  std::vector<double> values;
  for (const Json& row : rows)
    for (const Json& value : row)
      values.push_back(value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>());
  const Shape shape{static_cast<std::int64_t>(rows.size()),
                    static_cast<std::int64_t>(rows[0].size())};
  return ops::cast(Tensor::from(values, shape), dtype);
}

Outcome run_cast(const Golden&, const Json& c) {
  const DType first = dtype_from_name(c.at("dtypes")[0].get<std::string>());
  const DType second = dtype_from_name(c.at("dtypes")[1].get<std::string>());
  const layers::Dot dot = make_dot(1, false, c.at("layer_dtype"));
  const Tensor x = tensor_of(c.at("x1"), first);
  const Tensor y = tensor_of(c.at("x2"), second);
  const Json& want = c.at("keras3");
  const DType dtype = dtype_from_name(want.at("dtype").get<std::string>());
  const Tensor value = dot({x, y});
  CHECK(value.dtype() == dtype);
  CHECK(difference(value, tensor_of(want.at("value"), dtype), {}) == "");
  return Outcome::checked;
}

Outcome run_output_shape(const Golden&, const Json& c) {
  const Json& want = c.at("keras3");
  // One tensor where Keras wants a list: here both are the same call.
  if (c.at("what") == "not_list") return Outcome::skipped;
  const layers::Dot dot = make_dot(axes_of(c.at("axes")), false, "float32");
  std::vector<Shape> in;
  for (const Json& shape : c.at("in")) in.push_back(to_shape(shape));
  if (want.at("ok"))
    CHECK(dot.compute_output_shape(in).str() == to_shape(want.at("result")).str());
  else
    check_raises(want, [&] { dot.compute_output_shape(in); });
  return Outcome::checked;
}

Outcome run_config(const Golden&, const Json& c) {
  Json config = c.at("ctor");
  config["name"] = "d";
  const auto layer = make_layer_of("Dot", config);
  CHECK(to_json(layer->get_config()) == c.at("keras3_get_config"));
  const auto again = make_layer_of("Dot", c.at("keras3_serialized").at("config"));
  CHECK(again->get_config() == layer->get_config());
  const auto old = make_layer_of("Dot", c.at("tf_keras_get_config"));
  CHECK(old->get_config() == layer->get_config());
  return Outcome::checked;
}

Outcome run_mask(const Golden&, const Json& c) {
  const layers::Dot dot({.axes = 1});
  CHECK(dot->supports_masking() == c.at("supports_masking").get<bool>());
  const Tensor x = ops::ones({2, 3, 4});
  x.set_mask(ops::ones({2, 3}, {.dtype = bool_}));
  CHECK(!dot({x, x}).mask().defined());
  return Outcome::checked;
}

Outcome run_seed(const Golden& golden, const Json& c) {
  const layers::Dot dot({.axes = axes_of(c.at("axes"))});
  const Tensor got = dot(golden.arrays(c, c.at("inputs")));
  CHECK(difference(got, golden.array(c, c.at("outputs")[0]), {}) == "");
  return Outcome::checked;
}

// Two towers over integers: Dense casts them to its compute dtype.
Outcome run_seed_dense(const Golden& golden, const Json& c) {
  const std::vector<Tensor> inputs = golden.arrays(c, c.at("inputs"));
  const std::vector<Tensor> weights = golden.arrays(c, c.at("weights"));
  std::vector<Tensor> towers;
  for (std::size_t i = 0; i < 2; ++i) {
    const layers::Dense dense({.units = static_cast<int>(weights[2 * i].shape()[1])});
    dense->build_for({inputs[i].shape()});
    dense.set_weights({weights[2 * i], weights[2 * i + 1]});
    towers.push_back(dense(inputs[i]));
    const Tensor want = golden.array(c, c.at("mid")[i]);
    CHECK(difference(towers[i], want, golden.tolerance(c)) == "");
  }
  const Tensor got = layers::Dot({.axes = axes_of(c.at("axes"))})(towers);
  CHECK(difference(got, golden.array(c, c.at("outputs")[0]), golden.tolerance(c)) == "");
  return Outcome::checked;
}

// The constructor's argument as a configuration holds it; false for what only Python can say.
bool axes_config(const Json& c, Config& axes) {
  const std::string what = c.at("what");
  if (what == "axes_numpy_int" || what == "axes_set") return false;
  if (what == "axes_dict")
    axes = Config::dict();
  else if (what == "axes_str")
    axes = "1";
  else
    axes = to_config(c.at("axes"));
  return true;
}

Outcome run_constructor_error(const Json& c) {
  Config config = Config::dict();
  if (!axes_config(c, config["axes"])) return Outcome::skipped;
  const auto make = [&] { (*find_layer_class("Dot"))(config); };
  if (c.at("keras3").at("ok"))
    CHECK_NOTHROW(make());
  else
    check_raises(c["keras3"], make);
  return Outcome::checked;
}

Outcome run_eager_error(const Json& c) {
  const std::string what = c.at("what");
  // A dictionary has no counterpart.
  if (what == "dict_inputs") return Outcome::skipped;
  const layers::Dot dot = make_dot(axes_of(c.at("axes")), c.at("normalize"), "float32");
  std::vector<Tensor> inputs;
  if (what == "not_a_list") {
    inputs = {ops::ones({2, 3})};
  } else if (what != "empty_list") {
    for (const Json& shape : c.at("input_shapes"))
      inputs.push_back(shape.is_null() ? Tensor() : ops::ones(to_shape(shape)));
  }
  const Json& keras = c.at("keras3");
  if (keras.at("ok")) {
    const Tensor got = dot(inputs);
    CHECK(got.shape() == to_shape(keras.at("shape")));
    CHECK(name_of(got.dtype()) == keras.at("dtype").get<std::string>());
  } else if (what == "empty_list") {
    // Keras stumbles over it with a TypeError; a count that does not fit is a ValueError here.
    CHECK_THROWS_AS(dot(inputs), ValueError);
  } else {
    check_raises(keras, [&] { dot(inputs); });
  }
  return Outcome::checked;
}

Outcome run_symbolic_error(const Json& c) {
  std::vector<Symbol> inputs;
  for (const Json& shape : c.at("input_shapes_without_batch"))
    inputs.push_back(Input({.shape = to_shape(shape)}));
  const layers::Dot dot({.axes = axes_of(c.at("axes"))});
  const Json& keras = c.at("keras3");
  if (keras.at("ok"))
    CHECK(dot(inputs).shape().str() == to_shape(keras.at("result")).str());
  else if (c.at("what") == "rank1")
    CHECK_THROWS_AS(dot(inputs), ValueError);  // Keras's own IndexError comes from its internals
  else
    check_raises(keras, [&] { dot(inputs); });
  return Outcome::checked;
}

Outcome run_error(const Golden&, const Json& c) {
  const std::string stage = c.at("stage");
  if (stage == "constructor") return run_constructor_error(c);
  if (stage == "eager_call") return run_eager_error(c);
  return run_symbolic_error(c);
}

const std::map<std::string, Runner> kRunners = {{"dot", run_dot},
                                                {"dot_special", run_special},
                                                {"dot_cast", run_cast},
                                                {"dot_compute_output_shape", run_output_shape},
                                                {"dot_config", run_config},
                                                {"dot_mask", run_mask},
                                                {"dot_seed", run_seed},
                                                {"dot_seed_dense", run_seed_dense},
                                                {"dot_error", run_error}};

}  // namespace

TEST_CASE("golden: Dot") {
  const Golden golden("dot");
  std::size_t ran = 0;
  std::map<std::string, int> skipped;
  for (const Json& c : golden.cases()) {
    const std::string kind = c.at("kind");
    CAPTURE(c.at("id").get<std::string>());
    CAPTURE(c.value("what", ""));
    REQUIRE(kRunners.contains(kind));
    try {
      if (kRunners.at(kind)(golden, c) == Outcome::checked)
        ++ran;
      else
        ++skipped[c.at("what")];
    } catch (const std::exception& error) {
      FAIL_CHECK(std::string(error.what()));
    }
  }
  report(golden, ran);
  for (const auto& [what, count] : skipped)
    std::printf("  not expressible here: %s (%d)\n", what.c_str(), count);
  // numpy integers, sets, dictionaries and bare tensors for lists.
  CHECK(ran + 5 == golden.cases().size());
}

}  // namespace nyala::conformance
