#include <cmath>
#include <limits>

#include <doctest/doctest.h>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/gradient_check.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/models/losses.hpp>

namespace nyala {
namespace {

using losses::Loss;
using losses::LossBase;

// Numbers spread over (low, high), none of which sits on a kink.
Tensor spread(const Shape& shape, double low, double high, double phase) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.num_elements(); ++i) {
    const double wave = std::sin(static_cast<double>(i) * 2.3 + phase);
    values.push_back(low + (high - low) * (0.5 + 0.49 * wave));
  }
  return Tensor::from(values, shape);
}

Tensor labels(std::int64_t count, std::int64_t classes) {
  std::vector<int> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<int>((i * 7 + 1) % classes));
  return Tensor::from(values, {count});
}

struct Case {
  const char* what;
  Loss loss;
  Tensor y_true;
  Tensor y_pred;
};

std::vector<Case> smooth_cases() {
  const Tensor real_true = spread({5, 4}, -2, 2, 0.1);
  const Tensor real = spread({5, 4}, -2, 2, 1.7);
  const Tensor zero_one = ops::cast(spread({5, 4}, -1, 1, 0.4) > 0, DType::float64);
  const Tensor share = spread({5, 4}, 0.05, 0.95, 2.2);
  const Tensor positive = spread({5, 4}, 0.2, 3, 0.9);
  const Tensor ids = labels(5, 4);
  const Tensor one_hot = ops::one_hot(ids, 4, {.dtype = DType::float64});
  const auto f64 = std::optional<DTypeLike>(DType::float64);
  return {
      {"mse", losses::MeanSquaredError({.dtype = f64}), real_true, real},
      {"mae", losses::MeanAbsoluteError({.dtype = f64}), real_true, real},
      {"mape", losses::MeanAbsolutePercentageError({.dtype = f64}), positive, real},
      {"msle", losses::MeanSquaredLogarithmicError({.dtype = f64}), positive, share},
      {"cosine", losses::CosineSimilarity({.axis = 0, .dtype = f64}), real_true, real},
      {"huber", losses::Huber({.delta = 0.7, .dtype = f64}), real_true, real},
      {"log_cosh", losses::LogCosh({.reduction = "sum", .dtype = f64}), real_true, real},
      {"hinge", losses::Hinge({.dtype = f64}), zero_one, real},
      {"squared_hinge", losses::SquaredHinge({.reduction = "none", .dtype = f64}), zero_one, real},
      {"categorical_hinge", losses::CategoricalHinge({.dtype = f64}), one_hot, real},
      {"kl", losses::KLDivergence({.dtype = f64}), share, spread({5, 4}, 0.1, 0.9, 3)},
      {"poisson", losses::Poisson({.dtype = f64}), positive, spread({5, 4}, 0.3, 2, 3)},
      {"bce", losses::BinaryCrossentropy({.dtype = f64}), zero_one, share},
      {"bce logits",
       losses::BinaryCrossentropy({.from_logits = true, .label_smoothing = 0.1, .dtype = f64}),
       zero_one,
       real},
      {"focal",
       losses::BinaryFocalCrossentropy({.apply_class_balancing = true, .dtype = f64}),
       zero_one,
       share},
      {"cce",
       losses::CategoricalCrossentropy({.label_smoothing = 0.2, .dtype = f64}),
       one_hot,
       share},
      {"cce logits",
       losses::CategoricalCrossentropy({.from_logits = true, .dtype = f64}),
       one_hot,
       real},
      {"categorical focal",
       losses::CategoricalFocalCrossentropy({.from_logits = true, .dtype = f64}),
       one_hot,
       real},
      {"scce", losses::SparseCategoricalCrossentropy({.dtype = f64}), ids, share},
      {"scce logits",
       losses::SparseCategoricalCrossentropy(
           {.from_logits = true, .ignore_class = 1, .dtype = f64}),
       ids,
       real},
      {"generalized", losses::CategoricalGeneralizedCrossEntropy({.dtype = f64}), ids, share},
      {"dice", losses::Dice({.axis = {-1}, .dtype = f64}), zero_one, share},
      {"tversky", losses::Tversky({.alpha = 0.3, .dtype = f64}), zero_one, share},
      {"circle",
       losses::Circle({.gamma = 4, .dtype = f64}),
       ops::array<int>({0, 1, 0, 1, 0}),
       spread({5, 4}, -0.5, 0.5, 1)},
  };
}

}  // namespace

TEST_CASE("the gradient of every loss is that of finite differences") {
  for (const Case& c : smooth_cases()) {
    CAPTURE(c.what);
    const double error = gradient_error(
        [&](const std::vector<Tensor>& inputs) { return c.loss(c.y_true, inputs[0]); }, {c.y_pred});
    CHECK(error < 1e-7);
  }
}

TEST_CASE("a traced loss is the same program") {
  for (const Case& c : smooth_cases()) {
    CAPTURE(c.what);
    const auto step = [&](const Tensor& t, const Tensor& p) {
      GradientTape tape;
      tape.watch(p);
      const Tensor value = c.loss(t, p, ops::full({1}, 0.7, {DType::float64}));
      return std::tuple{value, tape.gradient(ops::sum(value), p)};
    };
    const auto [value, gradient] = function(step)(c.y_true, c.y_pred);
    const auto [want, want_gradient] = step(c.y_true, c.y_pred);
    CHECK(ops::array_equal(value, want));
    CHECK(ops::array_equal(gradient, want_gradient));
  }
}

TEST_CASE("cross-entropies of logits are exact where probabilities are cut") {
  const Tensor logits = ops::array<float>({{-200, 200}, {200, -200}});
  const Tensor hit = ops::array<float>({{0, 1}, {1, 0}});
  const Tensor miss = 1 - hit;
  const losses::BinaryCrossentropy binary({.from_logits = true});
  CHECK(binary(hit, logits).item<float>() == 0.0f);
  CHECK(binary(miss, logits).item<float>() == 200.0f);
  const losses::CategoricalCrossentropy categorical({.from_logits = true});
  CHECK(categorical(hit, logits).item<float>() == 0.0f);
  CHECK(categorical(miss, logits).item<float>() == 400.0f);
  const losses::SparseCategoricalCrossentropy sparse({.from_logits = true});
  CHECK(sparse(ops::array<int>({0, 1}), logits).item<float>() == 400.0f);

  // A confident hit: what is left of the loss is exp(-15), far below the rounding of 15.
  const float left = binary(ops::array<float>({{1}}), ops::array<float>({{15}})).item<float>();
  CHECK(left == doctest::Approx(std::exp(-15.0)).epsilon(1e-5));
  // The gradient is sigmoid(x) - t everywhere, 0 included.
  const Tensor x = ops::array<float>({{0, 0}});
  GradientTape tape;
  tape.watch(x);
  const Tensor value = binary(ops::array<float>({{0, 1}}), x);
  CHECK(ops::allclose(tape.gradient(value, x), ops::array<float>({{0.25, -0.25}})));
}

TEST_CASE("labels that are no class") {
  const Tensor p = ops::array<float>({{0.2, 0.8}, {0.6, 0.4}});
  const losses::SparseCategoricalCrossentropy loss;
  CHECK_THROWS_AS(loss(ops::array<int>({0, 2}), p), IndexError);
  CHECK_THROWS_AS(loss(ops::array<int>({-1, 0}), p), IndexError);
  CHECK_THROWS_AS(loss(ops::array<int>({0, 1, 0}), p), ShapeError);
  CHECK_THROWS_AS(losses::SparseCategoricalCrossentropy({.axis = 0})(ops::array<int>({0, 1}), p),
                  ValueError);
  const losses::SparseCategoricalCrossentropy ignoring({.ignore_class = -1});
  CHECK(ignoring(ops::array<int>({-1, 0}), p).item<float>() ==
        doctest::Approx(-std::log(0.6)).epsilon(1e-5));
}

TEST_CASE("reductions and weights") {
  const Tensor t = ops::array<float>({{0, 0}, {0, 0}});
  const Tensor p = ops::array<float>({{1, 1}, {2, 2}});
  const Tensor w = ops::array<float>({1, 3});
  const auto mse = [&](losses::Reduction reduction) {
    return losses::MeanSquaredError({.reduction = reduction})(t, p, w);
  };
  CHECK(ops::array_equal(mse("none"), ops::array<float>({1, 12})));
  CHECK(ops::array_equal(mse(nullptr), ops::array<float>({1, 12})));
  CHECK(mse("sum").item<float>() == 13.0f);
  CHECK(mse("sum_over_batch_size").item<float>() == 6.5f);
  CHECK(mse("mean").item<float>() == 6.5f);
  CHECK(mse("mean_with_sample_weight").item<float>() == 3.25f);
  const Tensor zero = ops::zeros({2});
  CHECK(losses::MeanSquaredError({.reduction = "mean_with_sample_weight"})(t, p, zero)
            .item<float>() == 0.0f);
  // Nothing to take the mean of.
  CHECK(losses::MeanSquaredError()(ops::zeros({0, 3, 2}), ops::zeros({0, 3, 2})).item<float>() ==
        0);
}

TEST_CASE("(batch,) meets (batch, 1) without broadcasting to a square") {
  const losses::MeanAbsoluteError loss({.reduction = "none"});
  CHECK(loss(ops::array<float>({1, 2, 3}), ops::array<float>({{1}, {2}, {4}})).shape() == Shape{3});
}

TEST_CASE("every loss comes back from its configuration, by class name and by alias") {
  for (const std::string& name : LossBase::registry().names()) {
    if (name == "LossFunctionWrapper") continue;  // has no defaults
    CAPTURE(name);
    const Loss loss(name);
    CHECK(loss.identifier() == name);
    if (loss->class_name() == "crossentropy") continue;  // a name for three
    const Config object = serialize_object(loss.get());
    CHECK(object.at("module") == Config("keras.losses"));
    const Loss again(LossBase::registry().from_config(object));
    CHECK(serialize_object(again.get()) == object);
    CHECK(again.identifier().empty());
  }
}

TEST_CASE("losses are saved as they were given") {
  CHECK(ConfigCodec<Loss>::to("mse") == Config("mse"));
  const Loss huber = losses::Huber({.delta = 0.3});
  const Config config = ConfigCodec<Loss>::to(huber);
  CHECK(config.str() ==
        R"({"module": "keras.losses", "class_name": "Huber", "config": {"name": "huber_loss", )"
        R"("reduction": "sum_over_batch_size"}, "registered_name": null})");
  CHECK(ConfigCodec<Loss>::from("mse")->class_name() == "MeanSquaredError");
  // As tf.keras 2 writes it.
  Config old = Config::dict();
  old["class_name"] = "BinaryCrossentropy";
  old["config"] = Config::dict();
  old["config"]["reduction"] = "auto";
  old["config"]["from_logits"] = true;
  old["config"]["fn"] = "binary_crossentropy";
  const Loss read = ConfigCodec<Loss>::from(old);
  CHECK(read->reduction().name() == "sum_over_batch_size");
  CHECK(read->get_config().at("from_logits") == Config(true));
}

TEST_CASE("losses of one's own: a function, a registered name, a class") {
  const Tensor t = ops::array<float>({{1, 2}});
  const Tensor p = ops::array<float>({{2, 4}});
  const auto cubed = [](const Tensor& y_true, const Tensor& y_pred) {
    return ops::mean(ops::power(y_pred - y_true, 3), {.axis = -1});
  };
  const Loss loss(cubed, "cubed");
  CHECK(loss(t, p).item<float>() == doctest::Approx(4.5));
  CHECK(loss->name() == "cubed");

  CHECK_THROWS_AS(Loss("cubed_error"), ValueError);
  losses::register_loss("cubed_error", cubed);
  CHECK(Loss("cubed_error")(t, p).item<float>() == doctest::Approx(4.5));

  class Worst : public LossBase {
   public:
    Worst() : LossBase({.name = "worst"}) {}
    std::string class_name() const override { return "Worst"; }
    Tensor call(const Tensor& y_true, const Tensor& y_pred) const override {
      return ops::max(ops::abs(y_true - y_pred), {.axis = -1});
    }
  };
  CHECK(Loss(std::make_shared<Worst>())(t, p).item<float>() == 2.0f);
}

TEST_CASE("\"crossentropy\" is the one that fits the shapes") {
  const Loss loss("crossentropy");
  const Tensor three = ops::array<float>({{0.2, 0.3, 0.5}, {0.1, 0.8, 0.1}});
  const Tensor ids = ops::array<int>({2, 1});
  const float sparse = losses::SparseCategoricalCrossentropy()(ids, three).item<float>();
  CHECK(loss(ids, three).item<float>() == sparse);
  CHECK(loss(ops::reshape(ids, {2, 1}), three).item<float>() == sparse);
  CHECK(loss(ops::one_hot(ids, 3), three).item<float>() == doctest::Approx(sparse));
  const Tensor one = ops::array<float>({{0.2}, {0.6}});
  CHECK(loss(ops::array<int>({0, 1}), one).item<float>() ==
        losses::BinaryCrossentropy()(ops::array<int>({0, 1}), one).item<float>());
}

TEST_CASE("what losses refuse") {
  CHECK_THROWS_AS(losses::Huber({.delta = std::numeric_limits<double>::quiet_NaN()}), ValueError);
  CHECK_THROWS_AS(losses::BinaryCrossentropy({.label_smoothing = 1.5}), ValueError);
  CHECK_THROWS_AS(losses::CategoricalGeneralizedCrossEntropy({.q = 1}), ValueError);
  CHECK_THROWS_AS(losses::MeanSquaredError({.dtype = DType::int32}), TypeError);
  CHECK_THROWS_AS(Loss()(ops::ones({1, 1}), ops::ones({1, 1})), StateError);
  CHECK_THROWS_WITH_AS(
      losses::BinaryCrossentropy()(ops::ones({2, 3}), ops::ones({2, 4})),
      "binary_crossentropy: received y_true of shape (2, 3) and y_pred of shape (2, 4), expected "
      "equal shapes",
      ShapeError);
  Config config = Config::dict();
  config["class_name"] = "Huber";
  config["config"] = Config::dict();
  config["config"]["dleta"] = 1.0;
  CHECK_THROWS_AS(LossBase::registry().from_config(config), ValueError);
}

}  // namespace nyala
