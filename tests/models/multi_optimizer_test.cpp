// MultiOptimizer: which optimizer a variable has, its steps, its configuration, what it refuses.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/random.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/nyala.hpp>
#include <nyala/models/saving/json_text.hpp>

using namespace nyala;
using namespace nyala::optimizers;

namespace {

Variable variable(const char* path, const std::vector<float>& values) {
  Variable made(Tensor::from(values));
  made.set_path(path);
  return made;
}

// SGD but for the encoder's: RMSprop for its bias, Adam for the rest.
MultiOptimizer sample() {
  return MultiOptimizer(
      {.optimizer_map =
           {.default_optimizer = SGD({.learning_rate = 0.5, .momentum = 0.5, .name = "sgd"}),
            .optimizer_map = {{"encoder/bias", RMSprop({.learning_rate = 0.25, .name = "rmsprop"})},
                              {"encoder/.*", Adam({.learning_rate = 0.125, .name = "adam"})}}},
       .loss_scale_factor = 4,
       .name = "multi_optimizer"});
}

std::vector<Variable> sample_variables() {
  return {variable("encoder/kernel", {1, -2}),
          variable("encoder/bias", {0.5F}),
          variable("decoder/kernel", {3, 4}),
          variable("head/kernel", {-1})};
}

// Keras's values are of float32 and rounded in another order at most.
void check_near(const Tensor& value, const std::vector<double>& wanted) {
  REQUIRE(value.size() == static_cast<std::int64_t>(wanted.size()));
  const std::vector<double> got = ops::cast(ops::reshape(value, {-1}), float64).to_vector<double>();
  for (std::size_t i = 0; i < wanted.size(); ++i) CHECK(got[i] == doctest::Approx(wanted[i]));
}

void check_after_three_steps(bool traced) {
  const MultiOptimizer optimizer = sample();
  const std::vector<Variable> variables = sample_variables();
  optimizer.build(variables);
  const auto step = [&](const Tensor& i) {
    optimizer.apply({ops::array<float>({1, 2}) * (i + 1.0),
                     ops::array<float>({-3}),
                     ops::array<float>({0.5F, -0.25F}) * (i - 1.0),
                     ops::array<float>({4})},
                    variables);
  };
  const auto compiled = function(step);
  for (int i = 0; i < 3; ++i) {
    const Tensor number = Tensor::scalar(i, float32);
    traced ? static_cast<void>(compiled(number)) : step(number);
  }
  // keras.optimizers.MultiOptimizer after the same steps.
  check_near(variables[0], {0.6346072554588318, -2.365394115447998});
  check_near(variables[1], {2.3443443775177});
  check_near(variables[2], {3.046875, 3.9765625});
  check_near(variables[3], {-3.125});
  const std::vector<std::pair<std::string, std::vector<double>>> state{
      {"multi_optimizer/iteration", {3}},
      {"multi_optimizer/learning_rate", {0}},
      {"rmsprop/iteration", {3}},
      {"rmsprop/learning_rate", {0.25}},
      {"rmsprop/encoder_bias_velocity", {0.1524375081062317}},
      {"adam/iteration", {3}},
      {"adam/learning_rate", {0.125}},
      {"adam/encoder_kernel_momentum", {0.14024999737739563, 0.28049999475479126}},
      {"adam/encoder_kernel_velocity", {0.000874625111464411, 0.003498500445857644}},
      {"sgd/iteration", {3}},
      {"sgd/learning_rate", {0.5}},
      {"sgd/decoder_kernel_momentum", {-0.046875, 0.0234375}},
      {"sgd/head_kernel_momentum", {-0.875}}};
  const std::vector<Variable> own = optimizer.variables();
  REQUIRE(own.size() == state.size());
  for (std::size_t i = 0; i < own.size(); ++i) {
    CHECK(own[i].path() == state[i].first);
    check_near(own[i], state[i].second);
  }
  CHECK(optimizer.scale_loss(Tensor::scalar(2.0, float32)).item<double>() == 8);
}

}  // namespace

TEST_CASE("MultiOptimizer steps each variable as its optimizer in Keras does") {
  check_after_three_steps(false);
  check_after_three_steps(true);
}

TEST_CASE("MultiOptimizer is written and read as Keras has it") {
  // By keras.optimizers.serialize of the same optimizer.
  const auto common = [](const char* name, const char* rate) {
    return std::string(R"("config": {"name": ")") + name + R"(", "learning_rate": )" + rate +
           R"(, "weight_decay": null, "clipnorm": null, "global_clipnorm": null, "clipvalue": )"
           R"(null, "use_ema": false, "ema_momentum": 0.99, "ema_overwrite_frequency": null, )"
           R"("loss_scale_factor": 4.0, "gradient_accumulation_steps": null, )";
  };
  const std::string keras =
      R"({"module": "keras.optimizers", "class_name": "MultiOptimizer", "config": {)"
      R"("optimizer_map": {"module": "keras.optimizers", "class_name": "OptimizerMap", "config": )"
      R"({"default_optimizer": {"module": "keras.optimizers", "class_name": "SGD", )" +
      common("sgd", "0.5") +
      R"("momentum": 0.5, "nesterov": false}, "registered_name": null}, "optimizer_map": )"
      R"({"encoder/bias": {"module": "keras.optimizers", "class_name": "RMSprop", )" +
      common("rmsprop", "0.25") +
      R"("rho": 0.9, "momentum": 0.0, "epsilon": 1e-07, "centered": false}, "registered_name": )"
      R"(null}, "encoder/.*": {"module": "keras.optimizers", "class_name": "Adam", )" +
      common("adam", "0.125") +
      R"("beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-07, "amsgrad": false}, )"
      R"("registered_name": null}}}, "registered_name": null}, "loss_scale_factor": 4.0, "name": )"
      R"("multi_optimizer"}, "registered_name": null})";
  const MultiOptimizer optimizer = sample();
  CHECK(saving::to_json_text(serialize_object(optimizer.get())) == keras);
  const Optimizer back(OptimizerBase::registry().from_config(saving::parse_json(keras)));
  CHECK(back.get_config() == optimizer.get_config());
}

TEST_CASE("a model trains the layers whose optimizer has a learning rate above 0") {
  set_random_seed(1);
  const Sequential model({Input({.shape = {2}}),
                          layers::Dense({.units = 3, .activation = "tanh", .name = "body"}),
                          layers::Dense({.units = 1, .name = "head"})});
  const Tensor x = random::normal({16, 2}, {.seed = 1});
  const Tensor y = ops::sum(x, {.axis = 1, .keepdims = true});
  const std::vector<Tensor> before = model.get_weights();  // kernel and bias of each
  model.compile(
      {.optimizer = MultiOptimizer({.optimizer_map = {.default_optimizer = SGD(0.0),
                                                      .optimizer_map = {{".*head/.*", SGD(0.1)}}}}),
       .loss = "mse"});
  const double loss = model.evaluate(x, y, {.verbose = 0}).loss();
  model.fit(x, y, {.epochs = 20, .verbose = 0});
  CHECK(model.evaluate(x, y, {.verbose = 0}).loss() < loss / 2);
  const std::vector<Tensor> after = model.get_weights();
  for (std::size_t i = 0; i < 2; ++i) CHECK(ops::all(ops::equal(before[i], after[i])).item<bool>());
  for (std::size_t i = 2; i < 4; ++i)
    CHECK_FALSE(ops::any(ops::equal(before[i], after[i])).item<bool>());
}

TEST_CASE("MultiOptimizer refuses maps and gradients that do not fit, and changes nothing") {
  const auto with = [](std::vector<std::pair<std::string, Optimizer>> map) {
    return MultiOptimizer(
        {.optimizer_map = {.default_optimizer = SGD(0.5), .optimizer_map = std::move(map)}});
  };
  CHECK_THROWS_AS(MultiOptimizer(), ValueError);
  CHECK_THROWS_AS(with({{"a", Optimizer()}}), ValueError);
  CHECK_THROWS_AS(with({{"a", sample()}}), ValueError);
  CHECK_THROWS_AS(with({{"a", LossScaleOptimizer({.inner_optimizer = "sgd"})}}), ValueError);
  CHECK_THROWS_AS(with({{"a", "adam"}, {"a", "sgd"}}), ValueError);
  CHECK_THROWS_AS(with({{"(", "adam"}}), ValueError);
  CHECK_THROWS_AS(with({{"a.*", "adam"}, {".*b", "sgd"}}).build({variable("ab", {1})}), ValueError);
  CHECK_THROWS_AS(sample().learning_rate(), StateError);
  CHECK_THROWS_AS(sample().set_learning_rate(0.5), StateError);

  const MultiOptimizer optimizer = sample();
  const std::vector<Variable> variables = sample_variables();
  optimizer.build(variables);
  const Tensor one = ops::array<float>({1}), two = ops::array<float>({1, 1});
  CHECK_THROWS_AS(optimizer.apply({two, one, two}, variables), ValueError);
  CHECK_THROWS_AS(optimizer.apply({two, one, two, two}, variables), ShapeError);
  CHECK_THROWS_AS(optimizer.apply({two, Tensor(), two, one}, variables), ValueError);
  check_near(variables[0], {1, -2});
  check_near(variables[3], {-1});
  CHECK(optimizer.iterations().value().item<int>() == 0);
  optimizer.apply({two, one, Tensor(), one}, variables);
  check_near(variables[2], {3, 4});
  CHECK(optimizer.iterations().value().item<int>() == 1);
}
