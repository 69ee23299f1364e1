#include "conformance/golden.hpp"

#include <cmath>
#include <cstdio>
#include <sstream>

#include <nyala/core/error.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/npz.hpp>

#include "test_data.hpp"

namespace nyala::conformance {
namespace {

const std::string kFolder = test_data("conformance/");

std::string name_of_array(const Json& c, const Json& key) {
  return c.at("id").get<std::string>() + "/" + key.get<std::string>();
}

std::vector<double> as_doubles(const Tensor& tensor) {
  return visit_dtype(tensor.dtype(), [&]<class T>() {
    const std::vector<T> values = tensor.to_vector<T>();
    return std::vector<double>(values.begin(), values.end());
  });
}

bool is_close(double got, double want, Tolerance tolerance) {
  if (std::isnan(want) || std::isnan(got)) return std::isnan(want) && std::isnan(got);
  if (got == want) return true;  // infinities too
  return std::abs(got - want) <= tolerance.atol + tolerance.rtol * std::abs(want);
}

std::string compare_floats(const Tensor& got, const Tensor& want, Tolerance tolerance) {
  const std::vector<double> a = as_doubles(got);
  const std::vector<double> b = as_doubles(want);
  std::size_t wrong = 0;
  std::size_t worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (is_close(a[i], b[i], tolerance)) continue;
    const bool worse = std::abs(a[i] - b[i]) > std::abs(a[worst] - b[worst]);
    if (wrong == 0 || worse) worst = i;
    ++wrong;
  }
  if (wrong == 0) return "";
  std::ostringstream text;
  text.precision(9);
  text << wrong << " of " << a.size() << " elements differ, the worst at " << worst << ": got "
       << a[worst] << ", want " << b[worst];
  return text.str();
}

std::string compare_exactly(const Tensor& got, const Tensor& want) {
  return visit_dtype(got.dtype(), [&]<class T>() -> std::string {
    const std::vector<T> a = got.to_vector<T>();
    const std::vector<T> b = want.to_vector<T>();
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (a[i] == b[i]) continue;
      return "element " + std::to_string(i) + " differs: got " + std::to_string(a[i]) + ", want " +
             std::to_string(b[i]);
    }
    return "";
  });
}

}  // namespace

Golden::Golden(const std::string& family) : family_(family) {
  const Json file = read_json(kFolder + "golden/" + family + ".json");
  tolerances_ = file.at("tolerances");
  cases_ = file.at("cases").get<std::vector<Json>>();
  for (auto& [name, tensor] : saving::load_npz(kFolder + "golden/" + family + ".npz")) {
    arrays_.emplace(name, std::move(tensor));
  }
}

bool Golden::has(const Json& c, const Json& key) const {
  return key.is_string() && arrays_.contains(name_of_array(c, key));
}

Tensor Golden::array(const Json& c, const Json& key) const {
  if (key.is_null()) return {};
  const auto found = arrays_.find(name_of_array(c, key));
  if (found == arrays_.end()) throw IndexError("golden: no array " + name_of_array(c, key));
  return found->second;
}

std::vector<Tensor> Golden::arrays(const Json& c, const Json& keys) const {
  std::vector<Tensor> tensors;
  for (const Json& key : keys) tensors.push_back(array(c, key));
  return tensors;
}

Tolerance Golden::tolerance(const Json& c, bool gradient) const {
  const std::string name = c.value("tol", "f32") + (gradient ? "_grad" : "");
  const Json& entry = tolerances_.at(name);
  return {entry.at("rtol").get<double>(), entry.at("atol").get<double>()};
}

std::string difference(const Tensor& got, const Tensor& want, Tolerance tolerance) {
  if (got.defined() != want.defined()) return got.defined() ? "got a tensor" : "got no tensor";
  if (!got.defined()) return "";
  if (got.dtype() != want.dtype()) {
    return "dtype " + std::string(name_of(got.dtype())) + ", want " +
           std::string(name_of(want.dtype()));
  }
  if (!(got.shape() == want.shape())) {
    return "shape " + got.shape().str() + ", want " + want.shape().str();
  }
  if (is_floating(got.dtype())) {
    const DType dtype = computed_in(got.dtype());
    return compare_floats(ops::cast(got, dtype), ops::cast(want, dtype), tolerance);
  }
  return compare_exactly(got, want);
}

void report(const Golden& golden, std::size_t ran) {
  std::printf("golden %s: %zu of %zu cases\n", golden.family().c_str(), ran, golden.cases().size());
}

std::string sample_folder(const std::string& folder) { return kFolder + "sample/" + folder; }

std::vector<std::string> sample_folders() {
  std::vector<std::string> folders;
  const Json index = read_json(kFolder + "sample/index.json");
  for (const Json& entry : index.at("models")) folders.push_back(entry.at("dir"));
  return folders;
}

Json read_json(const std::string& path) { return Json::parse(saving::read_text(path)); }

Config to_config(const Json& json) {
  switch (json.type()) {
    case Json::value_t::null: return {};
    case Json::value_t::boolean: return json.get<bool>();
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned: return json.get<std::int64_t>();
    case Json::value_t::number_float: return json.get<double>();
    case Json::value_t::string: return json.get<std::string>();
    case Json::value_t::array: {
      Config list = Config::list();
      for (const Json& item : json) list.push_back(to_config(item));
      return list;
    }
    default: {
      Config dict = Config::dict();
      for (const auto& [key, value] : json.items()) dict[key] = to_config(value);
      return dict;
    }
  }
}

}  // namespace nyala::conformance
