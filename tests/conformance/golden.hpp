#pragma once
/// The recorded Keras cases of tests/conformance/golden, and how results are compared with them.
///
///   const Golden golden("dense");
///   for (const Json& c : golden.cases()) {
///     const Tensor x = golden.array(c, c["inputs"][0]);
///     CHECK(difference(f(x), golden.array(c, c["outputs"][0]), golden.tolerance(c)) == "");
///   }
#include <string>
#include <unordered_map>
#include <vector>

#include <nlohmann/json.hpp>

#include <nyala/core/config.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala::conformance {

using Json = nlohmann::json;

/// Passes when |got - want| <= atol + rtol * |want|.
struct Tolerance {
  double rtol = 0;
  double atol = 0;
};

/// One family of cases: golden/<name>.json and golden/<name>.npz.
class Golden {
 public:
  explicit Golden(const std::string& family);

  const std::string& family() const { return family_; }
  const std::vector<Json>& cases() const { return cases_; }
  /// Whether `key` names an array of the case.
  bool has(const Json& c, const Json& key) const;
  /// The array that `key` names; an undefined tensor for null. Throws IndexError for one that is
  /// not there.
  Tensor array(const Json& c, const Json& key) const;
  std::vector<Tensor> arrays(const Json& c, const Json& keys) const;
  /// What the case's "tol" allows (float32's when it has none): for values, or for gradients.
  Tolerance tolerance(const Json& c, bool gradient = false) const;

 private:
  std::string family_;
  Json tolerances_;
  std::vector<Json> cases_;
  std::unordered_map<std::string, Tensor> arrays_;
};

/// Says how `got` differs from `want` in dtype, shape or the worst element; empty when it does not.
/// Integers and bools must be equal, NaN equals NaN, infinities equal themselves.
std::string difference(const Tensor& got, const Tensor& want, Tolerance tolerance);

/// Prints how many cases of a family ran, as `golden dot: 932 of 932 cases`.
void report(const Golden& golden, std::size_t ran);

/// A recorded model: tests/conformance/sample/<folder>.
std::string sample_folder(const std::string& folder);
/// The folders of all recorded models.
std::vector<std::string> sample_folders();
/// A JSON file as a value.
Json read_json(const std::string& path);
Config to_config(const Json& json);

}  // namespace nyala::conformance
