// A tf.keras 2.x model made of TensorFlow functions (make_tf_ops.py): read, and called.
#include <doctest/doctest.h>

#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"
#include "test_data.hpp"

using namespace nyala;
using conformance::Json;

namespace {

void flatten(const Json& list, std::vector<double>& numbers) {
  if (!list.is_array()) {
    numbers.push_back(list.get<double>());
    return;
  }
  for (const Json& item : list) flatten(item, numbers);
}

Tensor tensor_of(const Json& list, DType dtype) {
  Shape shape;
  for (const Json* part = &list; part->is_array(); part = &(*part)[0])
    shape.push_back(static_cast<std::int64_t>(part->size()));
  std::vector<double> numbers;
  flatten(list, numbers);
  return ops::cast(Tensor::from(numbers, shape), dtype);
}

}  // namespace

TEST_CASE("TensorFlow's functions in models of tf.keras 2.x are read") {
  const Json recorded = conformance::read_json(test_data("conformance/recorded/tf_ops.json"));
  const Model model = model_from_json(recorded["model"].get<std::string>());
  std::vector<Tensor> inputs;
  for (const Json& input : recorded["inputs"]) inputs.push_back(tensor_of(input, DType::float32));
  const std::vector<Tensor> outputs = model.call_all(inputs);
  REQUIRE(outputs.size() == recorded["outputs"].size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    CAPTURE(i);
    // Recorded with 6 digits behind the point.
    CHECK(conformance::difference(outputs[i],
                                  tensor_of(recorded["outputs"][i], outputs[i].dtype()),
                                  {.rtol = 1e-5, .atol = 2e-6}) == "");
  }
  // From here on it is a model of Keras 3.
  CHECK(model_from_json(model.to_json()).to_json() == model.to_json());
}

TEST_CASE("what a function's arguments cannot say here is refused") {
  const std::string head =
      R"({"class_name": "Functional", "config": {"name": "m", "layers": [{"class_name": "InputLayer",
      "config": {"batch_input_shape": [null, 4], "dtype": "float32", "name": "x"}, "name": "x",
      "inbound_nodes": []}, {"class_name": "TFOpLambda", "name": "f", "config": {"name": "f",
      "function": )";
  const std::string tail =
      R"(]]}], "input_layers": [["x", 0, 0]], "output_layers": [["f", 0, 0]]}})";
  const auto read = [&](const std::string& function, const std::string& arguments) {
    model_from_json(head + "\"" + function + "\"}, \"inbound_nodes\": [[\"x\", 0, 0, " + arguments +
                    tail);
  };
  CHECK_NOTHROW(read("math.reduce_sum", R"({"axis": 1})"));
  CHECK_THROWS_AS(read("math.reduce_sum", R"({"axes": 1})"), UnsupportedError);
  CHECK_THROWS_AS(read("math.digamma", "{}"), UnsupportedError);
  CHECK_THROWS_AS(read("math.add", "{}"), Error);
  CHECK_THROWS_AS(read("linalg.matmul", R"({"b": 2.0})"), UnsupportedError);
  CHECK_THROWS_AS(read("__operators__.getitem", R"({"slice_spec": 3})"), FormatError);
  CHECK_THROWS_AS(read("__operators__.getitem", R"({"slice_spec": [{"start": 1}]})"), FormatError);
}
