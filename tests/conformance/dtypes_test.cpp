// The dtypes of results are Keras's (make_op_dtypes.py): of promotion, and of each call of
// make_keras_ops.py with inputs of each dtype.
#include <doctest/doctest.h>

#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"
#include "test_data.hpp"

using namespace nyala;
using conformance::Json;

namespace {

const Json& recorded() {
  static const Json record = conformance::read_json(test_data("conformance/recorded/dtypes.json"));
  return record;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) parts.push_back(part);
  return parts;
}

// Small numbers that every dtype holds, of a shape with the batch of 2.
Tensor numbers_like(const Json& input, DType dtype) {
  Shape shape;
  for (const Json& size : input["shape"]) shape.push_back(size.get<std::int64_t>());
  const Tensor numbers = ops::arange(static_cast<double>(shape.num_elements()));
  return ops::cast(ops::reshape(ops::mod(numbers, 3), shape), dtype);
}

std::string input_name(const Json& model, std::size_t i) {
  const Json& names = model["config"]["input_layers"];  // [name, 0, 0] alone, or a list of these
  return names[0].is_string() ? names[0] : names[i][0];
}

// The model of a call with its floating inputs (its other ones where it has none) of `dtype`.
Model model_in(Json model, const Json& inputs, DType dtype, std::vector<Tensor>& values) {
  const auto is_floating_input = [](const Json& input) { return input["dtype"] == "float32"; };
  const bool any = std::any_of(inputs.begin(), inputs.end(), is_floating_input);
  std::map<std::string, DType> dtype_of_input;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool changes = !any || is_floating_input(inputs[i]);
    const DType own = changes ? dtype : dtype_from_name(inputs[i]["dtype"].get<std::string>());
    dtype_of_input[input_name(model, i)] = own;
    values.push_back(numbers_like(inputs[i], own));
  }
  for (Json& layer : model["config"]["layers"]) {
    if (layer["class_name"] != "InputLayer") continue;
    layer["config"]["dtype"] = std::string(name_of(dtype_of_input.at(layer["name"])));
  }
  return model_from_json(model.dump());
}

std::string dtypes_of(const std::vector<Tensor>& outputs) {
  std::string text;
  for (const Tensor& output : outputs)
    text += (text.empty() ? "" : ",") + std::string(name_of(output.dtype()));
  return text;
}

// Where Nyala gives another dtype than Keras on TensorFlow, with the reason.
const std::map<std::string, std::string> kOthers = {
    {"ops.prod(q, axis=1, keepdims=True, dtype=\"float64\")", "TensorFlow leaves out the dtype"},
    {"ops.prod(i, axis=1, dtype=\"float32\")", "TensorFlow leaves out the dtype"},
};

}  // namespace

TEST_CASE("two dtypes meet in Keras's") {
  const auto names = split(recorded()["dtypes"].get<std::string>(), ' ');
  REQUIRE(names.size() == std::size(kDTypes));
  for (const std::string& a : names) {
    const auto row = split(recorded()["promotion"][a].get<std::string>(), ' ');
    REQUIRE(row.size() == names.size() + 2);
    const DType x = dtype_from_name(a);
    for (std::size_t i = 0; i < names.size(); ++i) {
      CAPTURE(a);
      CAPTURE(names[i]);
      CHECK(name_of(result_type(x, dtype_from_name(names[i]))) == row[i]);
    }
    // Two of uint64 stay uint64, which Keras makes uint32.
    if (x == uint64) continue;
    CHECK(name_of(Scalar(1).dtype_beside(x)) == row[names.size()]);
    CHECK(name_of(Scalar(1.0).dtype_beside(x)) == row[names.size() + 1]);
  }
}

TEST_CASE("results of ops have Keras's dtypes") {
  const Json calls = conformance::read_json(test_data("conformance/recorded/keras_ops.json"));
  const auto names = split(recorded()["dtypes"].get<std::string>(), ' ');
  int compared = 0;
  std::set<std::string> differing;
  for (const Json& call : calls) {
    const auto expression = call["call"].get<std::string>();
    if (!recorded()["ops"].contains(expression)) continue;
    const auto wanted = split(recorded()["ops"][expression].get<std::string>(), ' ');
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (wanted[i] == "-") continue;
      const DType dtype = dtype_from_name(names[i]);
      std::string found;
      try {
        std::vector<Tensor> values;
        const Model model =
            model_in(Json::parse(call["model"].get<std::string>()), call["inputs"], dtype, values);
        found = dtypes_of(model.call_all(values));
      } catch (const Error& error) {
        // Ops that Nyala has not, and numbers that one does not take.
        if (std::getenv("NYALA_SHOW_DTYPES"))
          MESSAGE(expression << " " << names[i] << ": " << error.what());
        continue;
      }
      ++compared;
      if (found == wanted[i] || (dtype == uint64 && found == "uint64" && wanted[i] == "uint32"))
        continue;
      differing.insert(expression);
      if (kOthers.count(expression) > 0) continue;
      CAPTURE(expression);
      CAPTURE(names[i]);
      CHECK(found == wanted[i]);
    }
  }
  for (const auto& entry : kOthers) {
    CAPTURE(entry.first);
    CHECK(differing.count(entry.first) == 1);
  }
  CHECK(compared > 2500);
}
