// Training in 16 bits: policies, and the scaling of the loss.
#include <doctest/doctest.h>

#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <nyala/models/saving/json_text.hpp>
#include <nyala/nyala.hpp>

using namespace nyala;
using callbacks::History;

namespace {

// Points of three noisy spirals, which take a hidden layer to tell apart.
struct Points {
  Tensor x, y;
};
Points spirals(std::int64_t n) {
  set_random_seed(7);
  const Tensor radius = random::uniform({n, 1}, {.minval = 0.2, .maxval = 1});
  const Tensor arm = ops::mod(ops::reshape(ops::arange(n), {n, 1}), 3);
  const Tensor noise = random::normal({n, 1}, {.stddev = 0.1});
  const Tensor angle = radius * 4.0 + ops::cast(arm, float32) * 2.0944 + noise;
  const Tensor x = ops::concatenate({radius * ops::cos(angle), radius * ops::sin(angle)}, {1});
  return {x, ops::reshape(arm, {n})};
}

struct Trained {
  double accuracy;           // of the model as it is used
  std::vector<double> loss;  // of each epoch
};
Trained train(const char* policy, const optimizers::Optimizer& optimizer, int epochs) {
  const Points points = spirals(600);
  set_random_seed(3);
  set_dtype_policy(policy);
  const Sequential model({layers::Dense({.units = 32, .activation = "relu"}),
                          layers::BatchNormalization(),
                          layers::Dense({.units = 32, .activation = "tanh"}),
                          layers::Dense({.units = 3}),
                          layers::Activation({.activation = "softmax", .dtype = "float32"})});
  set_dtype_policy(DTypePolicy());
  model.compile(
      {.optimizer = optimizer, .loss = "sparse_categorical_crossentropy", .metrics = {"accuracy"}});
  const History history =
      model.fit(points.x, points.y, {.batch_size = 50, .epochs = epochs, .verbose = 0});
  for (const Variable& weight : model.weights())
    CHECK(weight.dtype() == DTypePolicy(policy).variable_dtype());
  return {model.evaluate(points.x, points.y, {.verbose = 0})["accuracy"], history["loss"]};
}
double accuracy_of(const char* policy) {
  return train(policy, optimizers::Adam({.learning_rate = 0.01}), 25).accuracy;
}

// A trainable number.
struct OneWeight {
  Variable w{Tensor::scalar(1.0, float32)};
  std::vector<Variable> all{w};
};

}  // namespace

TEST_CASE("a network trains in mixed precision as in float32") {
  const double single = accuracy_of("float32");
  CHECK(single > 0.9);
  // Rounding to 8 or 11 bits moves a few of the 600 points: four standard deviations of a share of
  // 0.95 are 0.036.
  CHECK(accuracy_of("mixed_float16") > single - 0.036);
  CHECK(accuracy_of("mixed_bfloat16") > single - 0.036);
}

TEST_CASE("a network learns with its weights in 16 bits") {
  for (const char* policy : {"float16", "bfloat16"}) {
    CAPTURE(policy);
    const auto loss = train(policy, optimizers::SGD({.learning_rate = 0.1}), 8).loss;
    CHECK(loss.back() < 0.9 * loss.front());
  }
}

TEST_CASE("a step in mixed precision is the same eagerly and compiled") {
  for (const char* policy : {"mixed_float16", "mixed_bfloat16"}) {
    CAPTURE(policy);
    std::vector<std::vector<Tensor>> weights;
    for (const bool eagerly : {false, true}) {
      set_random_seed(5);
      const Sequential model({layers::Dense({.units = 8, .activation = "relu", .dtype = policy}),
                              layers::Dense({.units = 1, .dtype = policy})});
      model.compile({.optimizer = optimizers::SGD({.learning_rate = 0.1}),
                     .loss = "mean_squared_error",
                     .run_eagerly = eagerly});
      const Tensor x = random::normal({16, 4}, {.seed = 1});
      model.fit(x, ops::sum(x, {.axis = 1}), {.batch_size = 8, .epochs = 3, .verbose = 0});
      weights.push_back(model.get_weights());
    }
    // The same roundings; only sums are taken in another order.
    for (std::size_t i = 0; i < weights[0].size(); ++i)
      CHECK(ops::allclose(weights[0][i], weights[1][i], {.rtol = 2e-3, .atol = 2e-3}));
  }
}

TEST_CASE("layers of mixed_bfloat16 have the outputs and gradients of float32, rounded") {
  using Make = Layer (*)(const char* dtype);
  const Make makes[] = {
      [](const char* dtype) -> Layer {
        return layers::Conv2D(
            {.filters = 6, .kernel_size = 3, .activation = "relu", .dtype = dtype});
      },
      [](const char* dtype) -> Layer {
        return layers::Conv2D(
            {.filters = 5, .kernel_size = 3, .strides = 2, .padding = "same", .dtype = dtype});
      },
      [](const char* dtype) -> Layer {
        return layers::Conv2DTranspose(
            {.filters = 4, .kernel_size = 3, .strides = 2, .dtype = dtype});
      },
      [](const char* dtype) -> Layer {
        return layers::DepthwiseConv2D({.kernel_size = 3, .dtype = dtype});
      },
      [](const char* dtype) -> Layer { return layers::LSTM({.units = 6, .dtype = dtype}); },
      [](const char* dtype) -> Layer {
        return layers::GRU({.units = 5, .return_sequences = true, .dtype = dtype});
      },
      [](const char* dtype) -> Layer {
        return layers::SimpleRNN({.units = 7, .go_backwards = true, .dtype = dtype});
      }};
  const Tensor pictures = random::normal({3, 9, 8, 4}, {.seed = 2});
  const Tensor sequences = random::normal({5, 9, 8}, {.seed = 2});
  for (std::size_t which = 0; which < std::size(makes); ++which) {
    CAPTURE(which);
    const Tensor& x = which < 4 ? pictures : sequences;
    std::vector<std::vector<Tensor>> results;
    for (const char* dtype : {"float32", "mixed_bfloat16"}) {
      set_random_seed(4);
      const Layer one = makes[which](dtype);
      GradientTape tape;
      const Tensor y = one(x);
      const Tensor loss = ops::sum(ops::square(ops::cast(y, float32)));
      std::vector<Tensor> all = tape.gradient(loss, one.trainable_variables());
      all.push_back(ops::cast(y, float32));
      results.push_back(all);
    }
    for (std::size_t i = 0; i < results[0].size(); ++i) {
      CAPTURE(i);
      const Tensor off = ops::norm(results[1][i] - results[0][i]) / ops::norm(results[0][i]);
      // A number is rounded ten times or so on its way, each time by 2^-9 of itself at most.
      CHECK(off.item<float>() < 10 * 0x1p-9f);
    }
  }
}

TEST_CASE("compile scales the loss of a model of mixed_float16") {
  const auto compiled = [](const char* policy, const CompileArgs& args) {
    set_dtype_policy(policy);
    Sequential model({layers::Dense({.units = 1, .kernel_initializer = "zeros"})});
    set_dtype_policy(DTypePolicy());
    model.compile(args);
    return model;
  };
  const Sequential scaled = compiled("mixed_float16", {.optimizer = "sgd", .loss = "mse"});
  CHECK(scaled.optimizer()->class_name() == "LossScaleOptimizer");
  CHECK(scaled.optimizer().name() == "loss_scale_optimizer");
  const auto name_in = [&](const char* policy, const CompileArgs& args) {
    return compiled(policy, args).optimizer()->class_name();
  };
  CHECK(name_in("mixed_bfloat16", {.optimizer = "sgd", .loss = "mse"}) == "SGD");
  CHECK(name_in("mixed_float16", {.optimizer = "sgd", .loss = "mse", .auto_scale_loss = false}) ==
        "SGD");
  // Gradients of -0.5 times 32768 and less fit float16.
  scaled.fit(ops::ones({4, 2}), ops::full({4, 1}, 0.25), {.epochs = 2, .verbose = 0});
  CHECK(scaled.optimizer().iterations().value().item<int>() == 2);
  CHECK(scaled.optimizer().variables().size() == 6);
  // Written as it was given: reading compiles again.
  const Config written = saving::parse_json(scaled.to_json()).at("compile_config");
  CHECK(written.at("optimizer").at("class_name").as_string() == "SGD");
}

TEST_CASE("gradients that are not finite leave a step out and halve the scale") {
  for (const bool traced : {false, true}) {
    CAPTURE(traced);
    const OneWeight one;
    const optimizers::LossScaleOptimizer optimizer(
        {.inner_optimizer = optimizers::SGD({.learning_rate = 1, .momentum = 0.5}),
         .initial_scale = 8,
         .dynamic_growth_steps = 2});
    optimizer.build(one.all);
    const auto apply = [&](const Tensor& gradient) {
      optimizer.apply({gradient}, one.all);
      return one.w.value();
    };
    const auto program = function(apply);
    const auto step = [&](double gradient) {
      const Tensor g = Tensor::scalar(gradient, float32);
      if (traced)
        program(g);
      else
        apply(g);
      const std::vector<Variable> state = optimizer.variables();
      return std::pair{state[2].value().item<int>(), state[3].value().item<double>()};
    };
    const double infinity = std::numeric_limits<double>::infinity();
    CHECK(step(infinity) == std::pair{0, 4.0});
    CHECK(one.w.value().item<double>() == 1);
    CHECK(optimizer.iterations().value().item<int>() == 0);
    CHECK(step(1) == std::pair{1, 4.0});  // gradient 1 / 4
    CHECK(one.w.value().item<double>() == 0.75);
    CHECK(step(2) == std::pair{0, 8.0});  // momentum 0.5 of a step of 1 / 4, and 1 / 2
    CHECK(one.w.value().item<double>() == 0.125);
    CHECK(step(std::numeric_limits<double>::quiet_NaN()) == std::pair{0, 4.0});
    CHECK(one.w.value().item<double>() == 0.125);
    CHECK(optimizer.iterations().value().item<int>() == 2);
    CHECK(optimizer.scale_loss(Tensor::scalar(3.0, float32)).item<double>() == 12);
  }
}

TEST_CASE("LossScaleOptimizer is written and read as Keras has it") {
  const optimizers::LossScaleOptimizer optimizer(
      {.inner_optimizer =
           optimizers::SGD({.learning_rate = 0.5, .loss_scale_factor = 4, .name = "sgd"}),
       .name = "loss_scale_optimizer"});
  // By keras.optimizers.serialize of the same optimizer.
  const std::string keras =
      R"({"module": "keras.optimizers", "class_name": "LossScaleOptimizer", "config": {"name": )"
      R"("loss_scale_optimizer", "inner_optimizer": {"module": "keras.optimizers", "class_name": )"
      R"("SGD", "config": {"name": "sgd", "learning_rate": 0.5, "weight_decay": null, "clipnorm": )"
      R"(null, "global_clipnorm": null, "clipvalue": null, "use_ema": false, "ema_momentum": 0.99, )"
      R"("ema_overwrite_frequency": null, "loss_scale_factor": null, )"
      R"("gradient_accumulation_steps": null, "momentum": 0.0, "nesterov": false}, )"
      R"("registered_name": null}, "initial_scale": 32768.0, "dynamic_growth_steps": 2000}, )"
      R"("registered_name": null})";
  CHECK(saving::to_json_text(serialize_object(optimizer.get())) == keras);
  Config config = saving::parse_json(keras);
  config["config"]["use_ema"] = false;  // as older files have it
  config["config"]["clipnorm"] = Config();
  const optimizers::Optimizer back(optimizers::OptimizerBase::registry().from_config(config));
  CHECK(back.get_config() == optimizer.get_config());
  config["config"]["clipnorm"] = 1.0;
  CHECK_THROWS_AS(optimizers::OptimizerBase::registry().from_config(config), ValueError);
  CHECK_THROWS_AS(optimizers::LossScaleOptimizer(), ValueError);
  CHECK_THROWS_AS(optimizers::LossScaleOptimizer({.inner_optimizer = optimizer}), ValueError);
}
