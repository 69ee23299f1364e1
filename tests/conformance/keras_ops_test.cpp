// Graphs of one call of keras.ops each (make_keras_ops.py): read, run, and written as Keras writes
// them.
#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>
#include <set>

#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"
#include "test_data.hpp"

using namespace nyala;
using conformance::Json;

namespace {

// What keras.ops has and Nyala has not. A class that comes leaves this list.
const std::set<std::string> kMissing = {"Angle",         "Append",    "Argpartition",
                                        "ArraySplit",    "BatchNorm", "BitwiseInvert",
                                        "BitwiseNot",    "Conjugate", "ConvertToTensor",
                                        "Copy",          "Diagflat",  "DivideNoNan",
                                        "Dstack",        "Fabs",      "Fliplr",
                                        "Flipud",        "Fmod",      "Heaviside",
                                        "Hsplit",        "Hstack",    "I0",
                                        "Imag",          "Isneginf",  "Isposinf",
                                        "Isreal",        "LayerNorm", "Linspace",
                                        "Logaddexp2",    "Meshgrid",  "Nanmax",
                                        "Nanmean",       "Nanmedian", "Nanmin",
                                        "Nanprod",       "Nanstd",    "Nansum",
                                        "Nanvar",        "Nextafter", "Nonzero",
                                        "Percentile",    "Ptp",       "RMSNorm",
                                        "Ravel",         "Real",      "SaturateCast",
                                        "ScatterUpdate", "Signbit",   "SliceUpdate",
                                        "Trapezoid",     "Vander",    "Vstack"};

Tensor tensor_of(const Json& record) {
  Shape shape;
  for (const Json& size : record["shape"]) shape.push_back(size.get<std::int64_t>());
  std::vector<double> numbers;
  for (const Json& number : record["values"]) {
    if (!number.is_string())
      numbers.push_back(number.get<double>());
    else if (number.get<std::string>() == "nan")
      numbers.push_back(std::numeric_limits<double>::quiet_NaN());
    else
      numbers.push_back(std::stod(number.get<std::string>()));
  }
  return ops::cast(Tensor::from(numbers, shape),
                   dtype_from_name(record["dtype"].get<std::string>()));
}

std::string missing_class(const Json& model) {
  for (const Json& layer : model["config"]["layers"]) {
    const auto name = layer["class_name"].get<std::string>();
    if (kMissing.count(name) != 0) return name;
  }
  return "";
}

// What differs between two records of the ops in a graph, "" for nothing.
std::string difference(const Json& ours, const Json& theirs) {
  const Json& a = ours["config"]["layers"];
  const Json& b = theirs["config"]["layers"];
  if (a.size() != b.size()) return "the number of layers";
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (b[i]["class_name"] == "InputLayer") continue;
    for (const char* key : {"module", "class_name", "registered_name", "config", "inbound_nodes"}) {
      if (a[i][key] != b[i][key]) return a[i][key].dump() + " for " + b[i][key].dump();
    }
  }
  return "";
}

// Calls that Nyala refuses although it has the op: an axis of unknown size, or arguments of a form
// that is not read yet.
const std::set<std::string> kRefused = {
    "ops.average(x, axis=1, weights=np.array([0.25, 0.5, 0.25], \"float32\"))",
    "ops.bincount(i, minlength=4)",
    "ops.bincount(t, minlength=4)",
    "ops.bincount(t, weights=[0.5, 1.0, 1.5, 2.0, 2.5], minlength=4)",
    "ops.inv(s)",
    "ops.matmul(A, q)",
    "ops.median(x)",
    "ops.roll(x, 1)",
};
// Calls for which Keras on TensorFlow gives other values than NumPy, whose Nyala gives: it leaves
// out the dtype of prod, turns other axes than the first two wrongly, and orders an unsorted top_k
// as it likes.
const std::set<std::string> kAsNumPy = {
    "ops.prod(q, axis=1, keepdims=True, dtype=\"float64\")",
    "ops.prod(i, axis=1, dtype=\"float32\")",
    "ops.rot90(q, k=2, axes=(1, 2))",
    "ops.top_k(x, k=2, sorted=False)",
};

}  // namespace

TEST_CASE("graphs of one call of keras.ops are read, run and written") {
  const Json recorded = conformance::read_json(test_data("conformance/recorded/keras_ops.json"));
  Config written = Config::dict();
  std::set<std::string> missing;
  for (const Json& record : recorded) {
    const auto call = record["call"].get<std::string>();
    const auto text = record["model"].get<std::string>();
    CAPTURE(call);
    if (const std::string name = missing_class(Json::parse(text)); !name.empty()) {
      missing.insert(name);
      CHECK_THROWS_AS(model_from_json(text), ValueError);
      continue;
    }
    if (kRefused.count(call) > 0) {
      const auto load_and_run = [&] {
        const Model model = model_from_json(text);
        std::vector<Tensor> inputs;
        for (const Json& input : record["inputs"]) inputs.push_back(tensor_of(input));
        model.call_all(inputs);
      };
      CHECK_THROWS_AS(load_and_run(), Error);
      continue;
    }
    try {
      const Model model = model_from_json(text);
      std::vector<Tensor> inputs;
      for (const Json& input : record["inputs"]) inputs.push_back(tensor_of(input));
      const std::vector<Tensor> outputs = model.call_all(inputs);
      REQUIRE(outputs.size() == record["outputs"].size());
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        if (kAsNumPy.count(call) > 0) continue;
        const Tensor want = tensor_of(record["outputs"][i]);
        CHECK(outputs[i].dtype() == want.dtype());
        // Recorded with 7 digits.
        CHECK(conformance::difference(outputs[i], want, {.rtol = 2e-6, .atol = 2e-6}) == "");
      }
      CHECK(difference(Json::parse(model.to_json()), Json::parse(text)) == "");
      written[call] = model.to_json();
    } catch (const Error& error) {
      FAIL_CHECK(std::string(error.what()));
    }
  }
  CHECK(missing == kMissing);
  if (const char* path = std::getenv("NYALA_WRITE_KERAS_OPS"))
    saving::write_text(path, saving::to_json_text(written));
}
