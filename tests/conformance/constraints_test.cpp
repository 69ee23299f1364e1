#include <doctest/doctest.h>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/layers/constraints.hpp>
#include <nyala/layers/regularizers.hpp>

#include "conformance/golden.hpp"

using namespace nyala;
using namespace nyala::conformance;

namespace {

Config object_of(const Json& c) {
  Config config = Config::dict();
  for (const auto& [key, value] : c["config"].items()) {
    if (value.is_array())
      config[key] = ConfigCodec<std::vector<int>>::to(value.get<std::vector<int>>());
    else if (value.is_string())
      config[key] = value.get<std::string>();
    else if (value.is_number_integer())
      config[key] = value.get<std::int64_t>();
    else
      config[key] = value.get<double>();
  }
  Config object = Config::dict();
  object["class_name"] = c["class_name"].get<std::string>();
  object["config"] = std::move(config);
  return object;
}

}  // namespace

TEST_CASE("constraints and regularizers give Keras's values") {
  const Golden golden("constraints");
  std::size_t ran = 0;
  for (const Json& c : golden.cases()) {
    const std::string id = c["id"];
    CAPTURE(id);
    const Config object = object_of(c);
    const Tensor x = golden.array(c, c["inputs"][0]);
    if (c["kind"] == "constraint") {
      const constraints::Constraint constraint =
          constraints::ConstraintBase::registry().from_config(object);
      const Tensor want = golden.array(c, c["outputs"][0]);
      CHECK(difference((*constraint)(x), want, golden.tolerance(c)) == "");
      CHECK(Json::parse(constraint->get_config().str()) == c["config"]);
    } else {
      const regularizers::Regularizer regularizer =
          regularizers::RegularizerBase::registry().from_config(object);
      GradientTape tape;
      tape.watch(x);
      const Tensor value = (*regularizer)(x);
      CHECK(difference(value, golden.array(c, c["value"]), golden.tolerance(c)) == "");
      const Tensor want = golden.array(c, c["grad"]);
      CHECK(difference(tape.gradient(value, x), want, golden.tolerance(c, true)) == "");
      CHECK(Json::parse(regularizer->get_config().str()) == c["config"]);
    }
    ++ran;
  }
  CHECK(ran == golden.cases().size());
  report(golden, ran);
}
