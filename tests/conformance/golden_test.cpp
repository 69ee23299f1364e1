#include "conformance/golden.hpp"

#include <doctest/doctest.h>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/npz.hpp>

namespace nyala::conformance {

TEST_CASE("golden: every family is read, and each case finds its arrays") {
  for (const char* family : {"activations",
                             "attention",
                             "constraints",
                             "dense",
                             "dot",
                             "dropout",
                             "embedding",
                             "initializers",
                             "losses",
                             "merge",
                             "norm",
                             "metrics",
                             "ops",
                             "optimizers",
                             "pool",
                             "schedules",
                             "shape",
                             "preprocessing"}) {
    CAPTURE(family);
    const Golden golden(family);
    CHECK(!golden.cases().empty());
    for (const Json& c : golden.cases()) {
      if (!c.contains("outputs") || !c.contains("inputs")) continue;
      for (const Json& key : c["outputs"]) CHECK(golden.array(c, key).defined());
    }
  }
}

TEST_CASE("golden: the seed example is there") {
  const Golden golden("dot");
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "dot_seed") continue;
    CHECK(golden.array(c, c["outputs"][0]).to_vector<std::int64_t>() ==
          std::vector<std::int64_t>{260, 360, 320, 445});
    CHECK(!golden.has(c, "nothing"));
    CHECK_THROWS_AS(golden.array(c, "nothing"), IndexError);
  }
}

TEST_CASE("golden: weights of the recorded models are numbered in order") {
  CHECK(sample_folders().size() == 30);
  for (const std::string& folder : sample_folders()) {
    CAPTURE(folder);
    const auto weights = saving::load_npz(sample_folder(folder) + "/weights.npz");
    for (std::size_t i = 0; i < weights.size(); ++i) CHECK(weights[i].first == std::to_string(i));
    CHECK(read_json(sample_folder(folder) + "/model.json").contains("class_name"));
  }
}

TEST_CASE("difference says what is wrong") {
  const Tensor one = Tensor::from(std::vector<float>{1, 2}, {2});
  const Tensor near = Tensor::from(std::vector<float>{1, 2.0001f}, {2});
  CHECK(difference(one, one, {}) == "");
  CHECK(difference(one, near, {1e-3, 0}) == "");
  CHECK(difference(one, near, {1e-6, 0}) != "");
  CHECK(difference(one, Tensor::from(std::vector<double>{1, 2}, {2}), {1, 1}) != "");
  CHECK(difference(one, Tensor::from(std::vector<float>{1, 2}, {1, 2}), {1, 1}) != "");
  CHECK(difference(one, {}, {}) != "");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor nans = Tensor::from(std::vector<float>{nan, 2}, {2});
  CHECK(difference(nans, nans, {}) == "");
  CHECK(difference(one, nans, {1, 1}) != "");
  const Tensor ints = Tensor::from(std::vector<int>{1, 2}, {2});
  CHECK(difference(ints, Tensor::from(std::vector<int>{1, 3}, {2}), {10, 10}) != "");
}

}  // namespace nyala::conformance
