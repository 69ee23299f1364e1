// The recorded metrics: the result after each of three batches, the final state, configurations.
#include "conformance/golden.hpp"

#include <cmath>
#include <iostream>

#include <doctest/doctest.h>

#include <nyala/autograd/function.hpp>
#include <nyala/models/metrics.hpp>

namespace nyala::conformance {
namespace {

using metrics::Metric;
using metrics::MetricBase;

// Keys in one order, and the name without Keras's numbering of unnamed metrics.
Config comparable(Config config, const std::string& name) {
  config["name"] = name;
  Config::Dict entries = config.as_dict();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.first < b.first;
  });
  return Config(entries);
}

Metric metric_of(const Json& c) {
  Config object = Config::dict();
  object["class_name"] = c["class_name"].get<std::string>();
  object["config"] = to_config(c["ctor"]);
  return Metric(MetricBase::registry().from_config(object));
}

// Mean and Sum take values and weights; the others y_true, y_pred and weights.
void update(const Metric& metric, const std::vector<Tensor>& args, const Tensor& weight) {
  if (args.size() == 1)
    metric.update_state(args[0], weight);
  else
    metric.update_state(args[0], args[1], weight);
}

// One case: eager, or every update and result through a traced function.
void run(const Golden& golden, const Json& c, bool traced) {
  const Metric metric = metric_of(c);
  const auto result = function([&] { return metric.result(); });
  for (const Json& batch : c["batches"]) {
    const std::vector<Tensor> args = golden.arrays(c, batch["args"]);
    const Tensor weight = golden.array(c, batch["sample_weight"]);
    if (traced) {
      if (args.size() == 1)
        function([&](const Tensor& v) { update(metric, {v}, weight); })(args[0]);
      else
        function([&](const Tensor& t, const Tensor& p) {
          update(metric, {t, p}, weight);
        })(args[0], args[1]);
    } else {
      update(metric, args, weight);
    }
    const Tensor got = traced ? result() : metric.result();
    CHECK(difference(got, golden.array(c, batch["result"]), golden.tolerance(c)) == "");
  }
  REQUIRE(metric.variables().size() == c["variables"].size());
  for (std::size_t i = 0; i < metric.variables().size(); ++i) {
    const Variable& variable = metric.variables()[i];
    CHECK(variable.name() == c["variables"][i]["name"].get<std::string>());
    CHECK(difference(variable.value(),
                     golden.array(c, c["variables"][i]["array"]),
                     golden.tolerance(c)) == "");
  }
  metric.reset_state();
  const Json& after = c["after_reset"];
  for (float value : ops::cast(metric.result(), DType::float32).to_vector<float>()) {
    if (after == "nan")
      CHECK(std::isnan(value));
    else
      CHECK(value == 0);
  }
}

}  // namespace

TEST_CASE("golden: metrics, eager and traced") {
  const Golden golden("metrics");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "metric") continue;
    const std::string id = c["id"];
    CAPTURE(id);
    run(golden, c, false);
    run(golden, c, true);
    const Config config = metric_of(c)->get_config();
    CHECK(comparable(config, "").str() == comparable(to_config(c["config"]), "").str());
    ++ran;
  }
  std::cout << "golden metrics: " << ran << " cases, each eager and traced\n";
  CHECK(ran == 116);
}

TEST_CASE("golden: what \"accuracy\" stands for") {
  const Golden golden("metrics");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "metric_string") continue;
    const auto shape = [&](const char* key) {
      return Shape(c[key].get<std::vector<std::int64_t>>());
    };
    const Metric metric =
        metrics::resolve_accuracy("accuracy", shape("y_true_shape"), shape("y_pred_shape"));
    CHECK(metric->class_name() == c["resolved"][0].get<std::string>());
    CHECK(metric.name() == c["functions"][0].get<std::string>());
    ++ran;
  }
  std::cout << "golden metrics: " << ran << " strings\n";
  CHECK(ran == 5);
}

}  // namespace nyala::conformance
