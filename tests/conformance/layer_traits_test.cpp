// What layers say of their classes, against what Keras says (make_layer_traits.py).
#include <doctest/doctest.h>

#include "conformance/layer_case.hpp"
#include "layers/layer_samples.hpp"
#include "test_data.hpp"

namespace nyala::conformance {

TEST_CASE("traits of layers are Keras's") {
  const Json recorded = read_json(test_data("conformance/recorded/layer_traits.json"));
  for (const std::string& name : layer_class_names()) {
    // Classes that Keras 3 no longer has, and those of the tests.
    if (name == "LocallyConnected1D" || name == "LocallyConnected2D") continue;
    if (name.find('>') != std::string::npos || !registered_layer_name(name).empty()) continue;
    CAPTURE(name);
    REQUIRE(recorded.contains(name));
    const Json& wanted = recorded[name];
    const auto layer = name == "InputLayer"
                           ? make_layer_of(name, Json::parse(R"({"batch_shape": [null, 2]})"))
                           : make_layer_of(name, Json::parse(testing::sample_of(name).config));
    const LayerTraits traits = layer->traits();
    CHECK(traits.built_early == wanted.at("built").get<bool>());
    CHECK(traits.takes_mask == wanted.at("mask").get<bool>());
    const bool off = wanted.at("training").is_boolean();
    CHECK((traits.training == DefaultTraining::off) == off);
  }
}

}  // namespace nyala::conformance
