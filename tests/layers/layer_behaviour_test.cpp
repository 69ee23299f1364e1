// What layers do beyond one formula: options that are refused, failed calls that change nothing,
// masks, training mode, older configurations.
#include <doctest/doctest.h>

#include <cmath>

#include <nyala/autograd/function.hpp>

#include "conformance/layer_case.hpp"
#include "message_of.hpp"

using namespace nyala;
using conformance::Json;
using conformance::make_layer_of;

namespace {

std::shared_ptr<BaseLayer> make(const char* class_name, const char* config) {
  return make_layer_of(class_name, Json::parse(config));
}

}  // namespace

TEST_CASE("a kernel of EinsumDense is scaled by its own inputs and outputs") {
  // 4 inputs and 8 * 16 outputs; by the usual rule for rank 3 there are 32 and 64.
  const layers::EinsumDense layer({.equation = "ab,bcd->acd",
                                   .output_shape = {8, 16},
                                   .kernel_initializer = initializers::GlorotUniform({.seed = 1})});
  layer(ops::ones({1, 4}));
  const double largest = ops::max(ops::abs(layer.get_weights()[0])).item<double>();
  const double limit = std::sqrt(6.0 / (4 + 8 * 16));
  CHECK(largest <= limit);
  CHECK(largest > 0.95 * limit);  // of 512 numbers
}

TEST_CASE("layers refuse options that make no sense") {
  const double nan = std::nan("");
  CHECK(message_of([] { layers::Dense({.units = -1, .name = "d"}); }) ==
        "Dense \"d\": received units = -1, expected a number in [1, inf]");
  CHECK_THROWS_AS(layers::Dropout({.rate = nan}), ValueError);
  CHECK_THROWS_AS(layers::Dropout({.rate = 1.5}), ValueError);
  CHECK_THROWS_AS(layers::Dropout({.rate = 0.5, .noise_shape = {0, 3}}), ValueError);
  CHECK_THROWS_AS(layers::GaussianNoise({.stddev = -0.1}), ValueError);
  CHECK_THROWS_AS(layers::ReLU({.max_value = -1.0}), ValueError);
  CHECK_THROWS_AS(layers::LeakyReLU({.negative_slope = nan}), ValueError);
  CHECK_THROWS_AS(layers::Embedding({.input_dim = 0, .output_dim = 3}), ValueError);
  CHECK_THROWS_AS(layers::RepeatVector({.n = 0}), ValueError);
  CHECK_THROWS_AS(layers::Permute({.dims = {1, 3}}), ValueError);
  CHECK_THROWS_AS(layers::Reshape({.target_shape = {-1, -1}}), ValueError);
  CHECK_THROWS_AS(layers::GroupNormalization({.groups = 0}), ValueError);
  CHECK_THROWS_AS(layers::BatchNormalization({.epsilon = nan}), ValueError);
  CHECK_THROWS_AS(layers::BatchNormalization({.renorm = true, .renorm_clipping = {{.dmax = -1.0}}}),
                  ValueError);
  CHECK_THROWS_AS(layers::Normalization({.mean = 1.0}), ValueError);
  CHECK_THROWS_AS(layers::Flatten({.data_format = "channels_middle"}), ValueError);
  CHECK_THROWS_AS(layers::EinsumDense({.equation = "ab,bc", .output_shape = 3}), ValueError);
  CHECK_THROWS_AS(layers::Dense({.units = 2, .name = "a/b"}), ValueError);
}

TEST_CASE("configurations are read strictly") {
  CHECK(message_of([] { make("Dense", R"({"unit": 3})"); }) ==
        "Dense: option \"unit\" is unknown; did you mean \"units\"?");
  CHECK(message_of([] { make("Dense", "{}"); }) == "Dense: option \"units\" is missing");
  CHECK_THROWS_AS(make("Dense", R"({"units": "three"})"), ValueError);
  CHECK_THROWS_AS(make("Dense", R"({"units": 3, "activation": "rellu"})"), ValueError);
  CHECK_THROWS_AS(make("Dense", R"({"units": 3, "dtype": "float12"})"), ValueError);
  CHECK_THROWS_AS(make("Dense", R"({"units": 3, "quantization_config": {}})"), ValueError);
  CHECK_THROWS_AS(make("Rescaling", R"({"scale": [[1, 2], [3]]})"), ValueError);
  CHECK(find_layer_class("Denze") == nullptr);
}

TEST_CASE("configurations of tf.keras 2.x are understood") {
  const auto leaky = make("LeakyReLU", R"({"alpha": 0.25})");
  CHECK(leaky->get_config().at("negative_slope").as_double() == 0.25);
  const auto norm = make("BatchNormalization", R"({"axis": [3], "momentum": 0.9})");
  CHECK(norm->get_config().at("axis").as_int() == 3);
  const auto embedding = make("Embedding",
                              R"({"batch_input_shape": [null, 4], "input_dim": 3, "output_dim": 2,
                                  "input_length": 4, "dtype": "float32"})");
  CHECK(embedding->apply({ops::zeros({1, 4})})[0].shape() == Shape{1, 4, 2});
  const auto input = make("InputLayer", R"({"batch_input_shape": [null, 3], "dtype": "float32",
                                            "sparse": false, "ragged": false, "name": "a"})");
  CHECK(input->build_shapes()[0] == Shape{None, 3});
  CHECK(make("Normalization", R"({"axis": null})")->get_config().at("axis").size() == 0);
}

TEST_CASE("inputs of the wrong rank or size are refused, and nothing is changed") {
  const layers::Dense dense({.units = 2, .name = "d"});
  CHECK(message_of([&] { dense(ops::ones({3})); }) ==
        "Dense \"d\" received shape (3,), expected rank 2 or more");
  CHECK(!dense.built());
  dense(ops::ones({1, 3}));
  CHECK_THROWS_AS(dense(ops::ones({1, 4})), ShapeError);
  CHECK_THROWS_AS(dense({ops::ones({1, 3}), ops::ones({1, 3})}), ValueError);
  CHECK(dense(ops::ones({5, 3})).shape() == Shape{5, 2});
  CHECK_THROWS_AS(layers::RepeatVector({.n = 2})(ops::ones({2, 3, 4})), ShapeError);
  CHECK_THROWS_AS(layers::Permute({.dims = {2, 1}})(ops::ones({2, 3})), ShapeError);
  CHECK_THROWS_AS(layers::Reshape({.target_shape = 5})(ops::ones({2, 3})), ShapeError);
  CHECK_THROWS_AS(layers::Cropping1D({.cropping = {2, 3}})(ops::ones({2, 5, 1})), ShapeError);
  CHECK_THROWS_AS(layers::Softmax({.axis = 2})(ops::ones({2, 3})), IndexError);
  CHECK_THROWS_AS(layers::BatchNormalization({.axis = 5})(ops::ones({2, 3})), IndexError);
}

TEST_CASE("a build that fails leaves no weights behind") {
  const layers::GroupNormalization norm({.groups = 3});
  CHECK_THROWS_AS(norm(ops::ones({2, 4})), ShapeError);
  CHECK(!norm.built());
  CHECK(norm.weights().empty());
  CHECK(norm(ops::ones({2, 6})).shape() == Shape{2, 6});
  CHECK(norm.weights().size() == 2);
}

TEST_CASE("set_weights takes all or nothing") {
  const layers::Dense dense({.units = 2});
  dense(ops::ones({1, 3}));
  const std::vector<Tensor> before = dense.get_weights();
  CHECK_THROWS_AS(dense.set_weights({ops::ones({3, 2})}), ValueError);
  CHECK_THROWS_AS(dense.set_weights({ops::ones({3, 2}), ops::ones({3})}), ValueError);
  CHECK(ops::array_equal(dense.get_weights()[0], before[0]));
}

TEST_CASE("a mixed policy computes in 16 bits and keeps weights in float32") {
  for (const char* name : {"mixed_float16", "mixed_bfloat16"}) {
    CAPTURE(name);
    const DTypePolicy policy(name);
    const layers::Dense dense({.units = 2, .kernel_initializer = "ones", .dtype = policy});
    CHECK(dense(Input({.shape = {3}})).dtype() == policy.compute_dtype());
    const Tensor y = dense(ops::full({1, 3}, 1.0 / 3));
    CHECK(y.dtype() == policy.compute_dtype());
    CHECK(dense.get_weights()[0].dtype() == float32);
    // Both factors are rounded before the product: 3 times the number nearest to a third.
    const Tensor third = Tensor::scalar(1.0 / 3, policy.compute_dtype());
    const Tensor want = ops::cast(ops::cast(third, float32) * 3, policy.compute_dtype());
    CHECK(y[0][0].item<float>() == want.item<float>());
  }
}

TEST_CASE("layers whose weights are not cast read them as they are") {
  const layers::BatchNormalization norm({.dtype = "mixed_bfloat16"});
  const Tensor y = norm(ops::full({4, 2}, 3.0), {.training = true});
  CHECK(y.dtype() == bfloat16);
  // Of 0 and the mean 3 with a momentum of 0.99, which bfloat16 does not hold.
  CHECK(norm.get_weights()[2][0].item<float>() == doctest::Approx(0.03f).epsilon(1e-6));
  const layers::LayerNormalization layer_norm({.dtype = "mixed_float16"});
  CHECK(layer_norm(ops::ones({2, 3})).dtype() == float16);
  const layers::Embedding table({.input_dim = 4, .output_dim = 2, .dtype = "mixed_float16"});
  CHECK(table(ops::array<int>({{1, 3}})).dtype() == float16);
}

TEST_CASE("a layer inside one of another policy computes in its own") {
  set_dtype_policy("mixed_bfloat16");
  const layers::Dense mixed({.units = 2});
  const layers::Dense plain({.units = 2, .dtype = "float32"});
  set_dtype_policy(DTypePolicy());
  CHECK(dtype_policy().name() == "float32");
  CHECK(mixed(ops::ones({1, 3})).dtype() == bfloat16);
  CHECK(plain(mixed(ops::ones({1, 3}))).dtype() == float32);
}

TEST_CASE("policies are written and read as Keras has them") {
  for (const char* name : {"mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"}) {
    CAPTURE(name);
    const layers::Dense dense({.units = 2, .dtype = name});
    const Config config = dense.get_config();
    CHECK(config.at("dtype").at("class_name").as_string() == "DTypePolicy");
    CHECK(config.at("dtype").at("config").at("name").as_string() == name);
    CHECK(ConfigCodec<DTypePolicy>::from(config.at("dtype")).name() == name);
  }
  CHECK_THROWS_AS(DTypePolicy("mixed_float64"), ValueError);
}

TEST_CASE("Embedding refuses ids outside its table") {
  const layers::Embedding embedding({.input_dim = 4, .output_dim = 2});
  CHECK_THROWS_AS(embedding(ops::array<int>({{1, 4}})), IndexError);
  CHECK(embedding(ops::array<float>({{1.9f, 3.0f}})).shape() == Shape{1, 2, 2});
}

TEST_CASE("masks pass through layers that understand them") {
  const Tensor ids = ops::array<int>({{1, 2, 0}, {3, 0, 0}});
  const layers::Embedding embedding({.input_dim = 4, .output_dim = 2, .mask_zero = true});
  const Tensor x = embedding(ids);
  CHECK(x.mask().to_vector<bool>() == std::vector<bool>{true, true, false, true, false, false});
  const Tensor y = layers::Dropout({.rate = 0.5})(layers::Dense({.units = 3})(x));
  CHECK(ops::array_equal(y.mask(), x.mask()));
  CHECK(!layers::Flatten()(y).mask().defined());
  // One without a mask counts everywhere; concatenated masks are joined too.
  const Tensor plain = ops::ones({2, 1, 3});
  const Tensor joined = layers::concatenate<Tensor>({y, plain}, 1);
  CHECK(joined.mask().to_vector<bool>() ==
        std::vector<bool>{true, true, false, true, true, false, false, true});
  CHECK(!layers::add<Tensor>({y, ops::ones({2, 3, 3})}).mask().defined());
}

TEST_CASE("Softmax gives nothing to what is masked") {
  const Tensor mask = ops::array<int>({{1, 1, 0}, {0, 0, 0}}) > 0;
  const Tensor y = layers::Softmax()(ops::ones({2, 3}), {.mask = {mask}});
  CHECK(y.to_vector<float>() == std::vector<float>{0.5f, 0.5f, 0, 0, 0, 0});
  CHECK_THROWS_AS(layers::Softmax()(ops::ones({2, 4}), {.mask = {mask}}), ShapeError);
}

TEST_CASE("Dropout draws anew in each call, and repeats with its seed") {
  const Tensor x = ops::ones({20, 20});
  const layers::Dropout first({.rate = 0.5, .seed = 11});
  const layers::Dropout second({.rate = 0.5, .seed = 11});
  const Tensor a = first(x, {.training = true});
  const Tensor b = first(x, {.training = true});
  CHECK(!ops::array_equal(a, b));
  // On symbols nothing is drawn, and a traced function draws the same numbers as eager calls.
  second(Input({.shape = {20}}), {.training = true});
  const auto traced = function([&](const Tensor& t) { return second(t, {.training = true}); });
  CHECK(ops::array_equal(traced(x), a));
  CHECK(ops::array_equal(traced(x), b));
  CHECK(ops::array_equal(first(x), x));
  CHECK(ops::max(layers::Dropout({.rate = 1})(x, {.training = true})).item<float>() == 0);
}

TEST_CASE("BatchNormalization keeps its statistics when frozen, and follows inside a function") {
  const Tensor x = ops::array<float>({{0, 2}, {4, 6}});
  const layers::BatchNormalization norm({.momentum = 0.5});
  norm(Input({.shape = {2}}), {.training = true});
  CHECK(ops::array_equal(norm.get_weights()[2], ops::zeros({2})));
  const auto step = function([&](const Tensor& t) { return norm(t, {.training = true}); });
  step(x);
  step(x);
  CHECK(norm.get_weights()[2].to_vector<float>() == std::vector<float>{1.5f, 3.0f});
  norm.set_trainable(false);
  norm(x, {.training = true});
  CHECK(norm.get_weights()[2].to_vector<float>() == std::vector<float>{1.5f, 3.0f});
}

TEST_CASE("Normalization adapts, and refuses data of another shape") {
  const layers::Normalization norm;
  const Tensor data = ops::array<float>({{0, 10}, {2, 30}});
  norm.adapt(data);
  CHECK(ops::allclose(norm(data), ops::array<float>({{-1, -1}, {1, 1}})));
  CHECK_THROWS_AS(norm.adapt(ops::ones({2, 3})), ShapeError);
  const layers::Normalization given({.mean = {1, 2}, .variance = {4, 4}});
  CHECK_THROWS_AS(given.adapt(data), StateError);
  CHECK(ops::allclose(given(data), ops::array<float>({{-0.5f, 4}, {0.5f, 14}})));
}

TEST_CASE("penalties of activity are per sample and belong to the last call") {
  const layers::ActivityRegularization layer({.l1 = 0.5, .l2 = 1});
  layer(ops::full({4, 2}, 2.0));
  layer(ops::full({2, 2}, 2.0));
  REQUIRE(layer.losses().size() == 1);
  // (0.5 * 8 + 16) / 2
  CHECK(layer.losses()[0].item<float>() == 10.0f);
  layer(Input({.shape = {2}}));
  CHECK(layer.losses().size() == 1);
}
