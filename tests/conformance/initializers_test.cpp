#include <doctest/doctest.h>

#include <cmath>

#include <nyala/autograd/random.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/layers/initializers.hpp>

#include "conformance/golden.hpp"

using namespace nyala;
using namespace nyala::conformance;
using initializers::Initializer;

namespace {

Initializer made(const Json& c) {
  Config object = Config::dict();
  object["class_name"] = c["class_name"].get<std::string>();
  object["config"] = c.contains("config") ? to_config(c["config"]) : Config::dict();
  return initializers::InitializerBase::registry().from_config(object);
}

void check_stats(const Json& c) {
  set_random_seed(11);  // a record without a seed: the same draws in every run
  const Tensor x = (*made(c))(Shape(c["shape"].get<std::vector<std::int64_t>>()), float32);
  const double n = static_cast<double>(x.size());
  const Tensor wide = ops::cast(x, float64);
  const double mean = ops::mean(wide).item<double>();
  const double std = std::sqrt(ops::mean(ops::square(wide - mean)).item<double>());
  const double want = c["std"].get<double>();
  // The recorded mean and deviation are samples too: each is allowed what `tol` says of one.
  CHECK(std::abs(mean - c["mean"].get<double>()) < 2 * 5 * want / std::sqrt(n));
  CHECK(std == doctest::Approx(want).epsilon(0.03));
  // A law with limits reaches them, and no further: its extremes are those of the record.
  const double low = c["min"].get<double>(), high = c["max"].get<double>();
  const bool bounded = high < 3 * want;
  if (bounded) {
    CHECK(ops::min(x).item<double>() == doctest::Approx(low).epsilon(0.02));
    CHECK(ops::max(x).item<double>() == doctest::Approx(high).epsilon(0.02));
  } else {
    CHECK(ops::max(ops::abs(wide - mean)).item<double>() < 7 * want);
  }
}

void check_orthogonal(const Json& c) {
  const double gain = c["gain"].get<double>();
  const Shape shape(c["shape"].get<std::vector<std::int64_t>>());
  const Tensor x = (*initializers::Orthogonal({.gain = gain}))(shape, float32);
  CHECK(x.shape() == shape);
  const Tensor matrix = ops::reshape(x, {-1, shape[-1]});
  const Tensor other = ops::transpose(matrix);
  const bool wide = matrix.shape()[0] < matrix.shape()[1];
  const Tensor gram = wide ? ops::matmul(matrix, other) : ops::matmul(other, matrix);
  const Tensor want = ops::eye(gram.shape()[0]) * (gain * gain);
  CHECK(ops::max(ops::abs(gram - want)).item<double>() < 2e-6);
}

}  // namespace

TEST_CASE("initializers follow the laws of Keras's") {
  const Golden golden("initializers");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    const std::string id = c["id"], kind = c["kind"];
    CAPTURE(id);
    ++ran;
    if (kind == "initializer_stats") {
      check_stats(c);
    } else if (kind == "initializer_exact") {
      const Shape shape(c["shape"].get<std::vector<std::int64_t>>());
      const Tensor want = golden.array(c, c["outputs"][0]);
      CHECK(difference((*made(c))(shape, want.dtype()), want, golden.tolerance(c)) == "");
    } else if (kind == "initializer_orthogonal") {
      check_orthogonal(c);
    } else if (kind == "initializer_alias") {
      for (const auto& [alias, name] : c["aliases"].items())
        CHECK(Initializer(alias)->class_name() == name.get<std::string>());
    } else {
      --ran;
    }
  }
  CHECK(ran == golden.cases().size());
  report(golden, ran);
}

TEST_CASE("the configurations that Keras records come back as they are") {
  const Golden golden("initializers");
  for (const Json& c : golden.cases()) {
    if (c["kind"] != "initializer_stats") continue;
    const std::string id = c["id"];
    CAPTURE(id);
    CHECK(Json::parse(made(c)->get_config().str()) == c["config"]);
  }
}
