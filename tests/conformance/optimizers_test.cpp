#include <doctest/doctest.h>

#include <set>

#include <nyala/autograd/function.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/optimizers.hpp>

#include "conformance/golden.hpp"

using namespace nyala;
using namespace nyala::conformance;
using optimizers::Optimizer;

namespace {

Optimizer made(const Json& serialized) {
  return optimizers::OptimizerBase::registry().from_config(to_config(serialized));
}

struct Weights {
  Variable kernel;
  Variable bias;
  std::vector<Variable> both() const { return {kernel, bias}; }
};

Weights initial(const Golden& golden, const Json& c) {
  return {Variable(golden.array(c, c["initial"][0]), {.name = "kernel"}),
          Variable(golden.array(c, c["initial"][1]), {.name = "bias"})};
}

void check_state(const Golden& golden, const Json& c, const Optimizer& optimizer) {
  const std::vector<Variable> variables = optimizer->variables();
  REQUIRE(variables.size() == c["variables"].size());
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Json& want = c["variables"][i];
    const std::string path = want["path"];
    CAPTURE(path);
    // Keras numbers the one variable that it gives no name.
    if (path.find('/') != std::string::npos) CHECK(variables[i].path() == path);
    CHECK(difference(variables[i], golden.array(c, want["array"]), golden.tolerance(c)) == "");
  }
}

// Five steps with the recorded gradients, plain or as a traced function.
void run(const Golden& golden, const Json& c, bool traced) {
  const Optimizer optimizer = made(c["serialized"]);
  const Weights weights = initial(golden, c);
  optimizer->build(weights.both());
  const auto step = [&](const Tensor& kernel_gradient, const Tensor& bias_gradient) {
    optimizer->apply({kernel_gradient, bias_gradient}, weights.both());
  };
  const auto compiled = function(step);
  const Tensor gk = golden.array(c, c["gradients"]["kernel"]);
  const Tensor gb = golden.array(c, c["gradients"]["bias"]);
  const Tensor ks = golden.array(c, c["after_each_step"]["kernel"]);
  const Tensor bs = golden.array(c, c["after_each_step"]["bias"]);
  for (std::int64_t i = 0; i < c["steps"].get<std::int64_t>(); ++i) {
    CAPTURE(i);
    if (traced)
      compiled(gk[i], gb[i]);
    else
      step(gk[i], gb[i]);
    CHECK(difference(weights.kernel, ks[i], golden.tolerance(c)) == "");
    CHECK(difference(weights.bias, bs[i], golden.tolerance(c)) == "");
  }
  if (traced) CHECK(compiled.trace_count() == 1);
  check_state(golden, c, optimizer);
  CHECK(optimizer->learning_rate().item<double>() ==
        doctest::Approx(c["final_lr"].get<double>()).epsilon(1e-5));
  if (c.contains("after_finalize")) {
    optimizer->finalize_variable_values(weights.both());
    const Json& want = c["after_finalize"];
    CHECK(difference(weights.kernel, golden.array(c, want["kernel"]), golden.tolerance(c)) == "");
    CHECK(difference(weights.bias, golden.array(c, want["bias"]), golden.tolerance(c)) == "");
  }
}

void check_error(const std::string& what) {
  const Variable w(ops::ones({2})), other(ops::ones({2}));
  const Optimizer optimizer = optimizers::SGD();
  Config config = Config::dict();
  config["class_name"] = "SGD";
  const auto with = [&](const char* key) {
    config["config"][key] = 0.1;
    return optimizers::OptimizerBase::registry().from_config(config);
  };
  if (what == "all_none_gradients") {
    CHECK_THROWS_AS(optimizer->apply({Tensor()}, {w}), ValueError);
  } else if (what == "some_none_gradients") {
    optimizer->apply({Tensor(), ops::ones({2})}, {w, other});
    CHECK(ops::array_equal(w, ops::ones({2})));
    CHECK(!ops::array_equal(other, ops::ones({2})));
  } else if (what == "unknown_variable") {
    optimizer->build({w});
    CHECK_THROWS_AS(optimizer->apply({ops::ones({2})}, {other}), ValueError);
  } else if (what == "clipnorm_and_clipvalue") {
    CHECK_THROWS_AS(optimizers::SGD({.clipnorm = 1.0, .clipvalue = 1.0}), ValueError);
  } else if (what == "bad_lr") {
    config["config"]["learning_rate"] = "x";
    CHECK_THROWS_AS(optimizers::OptimizerBase::registry().from_config(config), ValueError);
  } else if (what == "unknown_kwarg") {
    CHECK_THROWS_AS(with("lr"), ValueError);
  } else if (what == "decay_kwarg") {
    CHECK(with("decay") != nullptr);
  } else if (what == "get_unknown") {
    CHECK_THROWS_AS(Optimizer("nope"), ValueError);
  } else {
    CHECK(what == "momentum_range");
    CHECK_THROWS_AS(optimizers::SGD({.momentum = 1.5}), ValueError);
  }
}

}  // namespace

TEST_CASE("optimizers take Keras's steps, eager and traced") {
  const Golden golden("optimizers");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    const std::string id = c["id"];
    CAPTURE(id);
    if (c["kind"] == "error") {
      check_error(c["what"]);
      ++ran;
      continue;
    }
    run(golden, c, /*traced=*/false);
    run(golden, c, /*traced=*/true);
    ++ran;
  }
  CHECK(ran == golden.cases().size());
  report(golden, ran);
}

TEST_CASE("an optimizer's configuration is the one that Keras writes") {
  const Golden golden("optimizers");
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "optimizer") continue;
    const std::string id = c["id"];
    CAPTURE(id);
    const Optimizer optimizer = made(c["serialized"]);
    CHECK(Json::parse(serialize_object(optimizer.get()).str()) == c["serialized"]);
  }
}

TEST_CASE("schedules give Keras's learning rates") {
  const Golden golden("schedules");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    const std::string id = c["id"];
    CAPTURE(id);
    const optimizers::schedules::Schedule schedule =
        optimizers::schedules::ScheduleBase::registry().from_config(to_config(c["serialized"]));
    CHECK(Json::parse(serialize_object(schedule.get()).str()) == c["serialized"]);
    const Tensor steps = golden.array(c, c["steps"]), values = golden.array(c, c["values"]);
    const Tensor rates = (*schedule)(steps);
    CHECK(difference(ops::cast(rates, values.dtype()), values, golden.tolerance(c)) == "");
    CHECK((*schedule)(steps[0]).shape() == Shape{});
    ++ran;
  }
  CHECK(ran == golden.cases().size());
  report(golden, ran);
}
