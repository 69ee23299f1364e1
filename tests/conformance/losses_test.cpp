// The recorded losses: values, gradients, configurations and errors.
#include "conformance/golden.hpp"

#include <iostream>

#include <doctest/doctest.h>

#include <nyala/autograd/function.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/models/losses.hpp>

namespace nyala::conformance {
namespace {

using losses::Loss;
using losses::LossBase;

// Dicts with their keys in one order, to compare with JSON that was read without order.
Config sorted(const Config& config) {
  if (!config.is_dict()) return config;
  Config::Dict entries = config.as_dict();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.first < b.first;
  });
  return Config(entries);
}

Loss loss_of(const Json& c) {
  Config object = Config::dict();
  object["class_name"] = c["class_name"].get<std::string>();
  // The recording wrote "none" for None.
  Config config = to_config(c["ctor"]);
  if (config["reduction"] == Config("none")) config["reduction"] = Config();
  object["config"] = config;
  return Loss(LossBase::registry().from_config(object));
}

// Weights of the recorded kind for a case whose arrays were not kept, since Keras raised.
Tensor weights_like(const std::string& kind, const Shape& shape) {
  if (kind == "per_sample_col") return ops::ones({shape[0], 1});
  if (kind == "per_step") return ops::ones({shape[0], shape[1]});
  return ops::ones({shape[0]});
}

struct Run {
  Tensor value;
  Tensor gradient;
};

Run run(const Loss& loss, const Tensor& y_true, const Tensor& y_pred, const Tensor& weight) {
  GradientTape tape;
  tape.watch(y_pred);
  Run result;
  result.value = loss(y_true, y_pred, weight);
  result.gradient = tape.gradient(ops::sum(result.value), y_pred);
  return result;
}

}  // namespace

TEST_CASE("golden: losses and their gradients") {
  const Golden golden("losses");
  std::size_t ran = 0;
  std::size_t refused = 0;
  Tensor y_true;  // those of the last case, which the ones that Keras refused share
  Tensor y_pred;
  for (const Json& c : golden.cases()) {
    const std::string id = c["id"];
    CAPTURE(id);
    if (c["kind"] == "loss") {
      if (c["class_name"] == "CTC") continue;  // not among Nyala's losses
      const Loss loss = loss_of(c);
      if (c.contains("error")) {
        const std::string kind = c["sample_weight_kind"];
        CHECK_THROWS_AS(loss(y_true, y_pred, weights_like(kind, y_pred.shape())), ShapeError);
        ++refused;
        continue;
      }
      y_true = golden.array(c, c["y_true"]);
      y_pred = golden.array(c, c["y_pred"]);
      const Tensor weight = golden.array(c, c["sample_weight"]);
      const Run got = run(loss, y_true, y_pred, weight);
      CHECK(difference(got.value, golden.array(c, c["value"]), golden.tolerance(c)) == "");
      CHECK(difference(got.gradient, golden.array(c, c["grad"]), golden.tolerance(c, true)) == "");
      CHECK(sorted(loss->get_config()).str() == sorted(to_config(c["config"])).str());
      // Traced, it is the same program.
      const auto traced =
          function([&](const Tensor& t, const Tensor& p) { return loss(t, p, weight); });
      CHECK(difference(traced(y_true, y_pred), got.value, {}) == "");
      ++ran;
    } else if (c["kind"] == "loss_masked") {
      const Loss loss = loss_of(c);
      const Tensor masked = golden.array(c, c["y_pred"]);
      masked.set_mask(golden.array(c, c["mask"]));
      const Tensor value =
          loss(golden.array(c, c["y_true"]), masked, golden.array(c, c["sample_weight"]));
      CHECK(difference(value, golden.array(c, c["value"]), golden.tolerance(c)) == "");
      ++ran;
    }
  }
  std::cout << "golden losses: " << ran << " values, " << refused
            << " refused; 20 of CTC skipped, which Nyala does not have\n";
  CHECK(ran + refused == 787);
}

TEST_CASE("golden: what losses accept and refuse") {
  const auto ones = [](const Shape& shape) { return ops::ones(shape); };
  const Golden golden("losses");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "error") continue;
    const std::string what = c["what"];
    CAPTURE(what);
    const auto check = [&](const Tensor& got) {
      CHECK(got.rank() == 0);
      CHECK(got.item<double>() ==
            doctest::Approx(c["keras3"]["value"].get<double>()).epsilon(1e-5));
    };
    if (what == "mse_rank_squeeze") {
      check(losses::MeanSquaredError()(ones({4}), ones({4, 1}) * 2));
    } else if (what == "mse_mismatch") {
      CHECK_THROWS_AS(losses::MeanSquaredError()(ones({4, 2}), ones({4, 3})), ShapeError);
    } else if (what == "scce_col_labels") {
      check(losses::SparseCategoricalCrossentropy()(ops::array<int>({{0}, {1}}),
                                                    ops::array<float>({{0.5, 0.5}, {0.2, 0.8}})));
    } else if (what == "cce_one_col") {
      check(losses::CategoricalCrossentropy()(ones({4, 1}), ones({4, 1})));
    } else if (what == "cce_mismatch") {
      CHECK_THROWS_AS(losses::CategoricalCrossentropy()(ones({4, 2}), ones({4, 3})), ShapeError);
    } else if (what == "bce_extremes") {
      check(losses::BinaryCrossentropy()(ops::array<float>({{0, 1}}), ops::array<float>({{1, 0}})));
    } else if (what == "unknown_loss") {
      CHECK_THROWS_AS(Loss("nope"), ValueError);
    } else if (what == "bad_reduction") {
      CHECK_THROWS_AS(losses::MeanSquaredError({.reduction = "avg"}), ValueError);
    } else {
      CHECK(what == "mask of shape (N,T) with per-sample weights of shape (N,)");
      const Tensor y_pred = ones({5, 3, 2});
      y_pred.set_mask(ops::ones({5, 3}, {DType::bool_}));
      CHECK_THROWS_AS(losses::MeanSquaredError()(ones({5, 3, 2}), y_pred, ones({5})), ShapeError);
    }
    ++ran;
  }
  std::cout << "golden losses: " << ran << " corner cases\n";
  CHECK(ran == 9);
}

}  // namespace nyala::conformance
