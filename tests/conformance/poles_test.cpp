// 0, infinities and NaN through every pointwise function and its gradient, as Keras on TensorFlow
// has them (make_poles.py): eager, in a compiled program, and there in one pass with its
// neighbours.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <map>
#include <set>
#include <sstream>

#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"
#include "test_data.hpp"

using namespace nyala;
using conformance::Json;

namespace {

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);

#define NYALA_NAMED(name) \
  { #name, ops::name }
const std::map<std::string, Unary> kUnary = {
    NYALA_NAMED(negative),
    NYALA_NAMED(absolute),
    NYALA_NAMED(sign),
    NYALA_NAMED(square),
    NYALA_NAMED(sqrt),
    NYALA_NAMED(rsqrt),
    NYALA_NAMED(reciprocal),
    NYALA_NAMED(exp),
    NYALA_NAMED(expm1),
    NYALA_NAMED(log),
    NYALA_NAMED(log1p),
    NYALA_NAMED(log2),
    NYALA_NAMED(log10),
    NYALA_NAMED(sin),
    NYALA_NAMED(cos),
    NYALA_NAMED(tan),
    NYALA_NAMED(arcsin),
    NYALA_NAMED(arccos),
    NYALA_NAMED(arctan),
    NYALA_NAMED(sinh),
    NYALA_NAMED(cosh),
    NYALA_NAMED(tanh),
    NYALA_NAMED(arcsinh),
    NYALA_NAMED(arccosh),
    NYALA_NAMED(arctanh),
    NYALA_NAMED(erf),
    NYALA_NAMED(erfinv),
    NYALA_NAMED(floor),
    NYALA_NAMED(ceil),
    NYALA_NAMED(round),
    NYALA_NAMED(trunc),
    NYALA_NAMED(isnan),
    NYALA_NAMED(isinf),
    NYALA_NAMED(isfinite),
    NYALA_NAMED(cbrt),
    NYALA_NAMED(exp2),
    NYALA_NAMED(sigmoid),
    NYALA_NAMED(softplus),
    NYALA_NAMED(relu6),
    NYALA_NAMED(silu),
    NYALA_NAMED(selu),
    NYALA_NAMED(softsign),
    NYALA_NAMED(log_sigmoid),
    NYALA_NAMED(hard_sigmoid),
    {"relu", [](const Tensor& x) { return ops::relu(x); }},
    {"gelu", [](const Tensor& x) { return ops::gelu(x); }},
    {"elu", [](const Tensor& x) { return ops::elu(x); }},
};
const std::map<std::string, Binary> kBinary = {
    NYALA_NAMED(add),
    NYALA_NAMED(subtract),
    NYALA_NAMED(multiply),
    NYALA_NAMED(divide),
    NYALA_NAMED(power),
    NYALA_NAMED(maximum),
    NYALA_NAMED(minimum),
    NYALA_NAMED(arctan2),
    NYALA_NAMED(mod),
    NYALA_NAMED(floor_divide),
    NYALA_NAMED(logaddexp),
    NYALA_NAMED(equal),
    NYALA_NAMED(not_equal),
    NYALA_NAMED(less),
    NYALA_NAMED(less_equal),
    NYALA_NAMED(greater),
    NYALA_NAMED(greater_equal),
};
#undef NYALA_NAMED

std::vector<double> numbers(const Json& text) {
  std::vector<double> all;
  std::istringstream words(text.get<std::string>());
  for (std::string word; words >> word;) all.push_back(std::strtod(word.c_str(), nullptr));
  return all;
}

// A number of the table: 7 digits, in float32, where functions of large arguments are rounded too.
bool is_near(double got, double wanted) {
  if (std::isnan(wanted)) return std::isnan(got);
  if (std::isinf(wanted)) return got == wanted;
  return std::abs(got - wanted) <= 1e-6 + 2e-5 * std::abs(wanted);
}

void compare(const std::string& what,
             const Tensor& got,
             const Json& wanted,
             const std::vector<Tensor>& x) {
  const std::vector<double> want = numbers(wanted);
  const auto values = ops::cast(got, float64).to_vector<double>();
  REQUIRE(values.size() == want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    if (is_near(values[i], want[i])) continue;
    std::string at;
    for (const Tensor& input : x) at += " " + std::to_string(input.to_vector<float>()[i]);
    FAIL_CHECK(what, " at", at, ": got ", values[i], ", wanted ", want[i]);
  }
}

// Where Nyala gives other numbers than TensorFlow: gelu and silu have their limit -0 at -inf, where
// TensorFlow has NaN; floor_divide and mod are NumPy's, as Keras has them on JAX; softsign's
// gradient at an infinity is NaN as its value is; logaddexp's is 1 where its value is NaN.
const std::set<std::string> kOthers = {
    "floor_divide", "gelu", "logaddexp", "mod", "silu", "softsign"};

using Body = std::function<Tensor(const std::vector<Tensor>&)>;

// The value, then the gradient by each input for what flows into the value.
std::vector<Tensor> run(const Body& f,
                        const std::vector<Tensor>& x,
                        const Tensor& dy,
                        bool with_gradients) {
  if (!with_gradients) return {f(x)};
  GradientTape tape;
  for (const Tensor& input : x) tape.watch(input);
  const Tensor y = f(x);
  std::vector<Tensor> all = {y};
  for (const Tensor& gradient : tape.gradient(y, x, {.output_gradients = {dy}}))
    all.push_back(gradient.defined() ? gradient : ops::zeros_like(x[0]));
  return all;
}

std::vector<Tensor> run_compiled(const Body& f,
                                 const std::vector<Tensor>& x,
                                 const Tensor& dy,
                                 bool with_gradients) {
  if (x.size() == 1) {
    return function(
        [&](const Tensor& a, const Tensor& d) { return run(f, {a}, d, with_gradients); })(x[0], dy);
  }
  return function([&](const Tensor& a, const Tensor& b, const Tensor& d) {
    return run(f, {a, b}, d, with_gradients);
  })(x[0], x[1], dy);
}

void check(const std::string& name,
           const Body& f,
           const Json& wanted,
           const std::vector<Tensor>& x) {
  // Neighbours that change nothing: they run in one pass with f.
  const Body fused = [&f](const std::vector<Tensor>& from) {
    std::vector<Tensor> scaled;
    for (const Tensor& input : from) scaled.push_back(input * 1);
    const Tensor y = f(scaled);
    return y.dtype() == bool_ ? ops::logical_and(y, true) : y * 1;
  };
  if (kOthers.count(name) > 0) return;
  const bool with_gradients = wanted.contains("gradients");
  for (const char* key : {"gradients", "gradients_of_0"}) {
    const Tensor dy =
        std::string(key) == "gradients" ? ops::ones_like(x[0]) : ops::zeros_like(x[0]);
    const std::map<std::string, std::vector<Tensor>> forms = {
        {"eager", run(f, x, dy.contiguous(), with_gradients)},
        {"compiled", run_compiled(f, x, dy.contiguous(), with_gradients)},
        {"fused", run_compiled(fused, x, dy.contiguous(), with_gradients)}};
    for (const auto& [form, got] : forms) {
      compare(name + ", " + form, got[0], wanted["values"], x);
      if (!with_gradients) continue;
      for (std::size_t i = 0; i < x.size(); ++i) {
        const Json& want = wanted[key][i];
        if (want.is_null()) continue;
        compare(name + ", " + form + ", " + key + " by input " + std::to_string(i),
                got[i + 1],
                want,
                x);
      }
    }
  }
}

}  // namespace

TEST_CASE("0, infinities and NaN give what TensorFlow gives") {
  const Json recorded = conformance::read_json(test_data("conformance/recorded/poles.json"));
  std::vector<float> points, xs, ys;
  for (double point : numbers(recorded["points"])) points.push_back(static_cast<float>(point));
  for (float a : points) {
    for (float b : points) {
      xs.push_back(a);
      ys.push_back(b);
    }
  }
  for (const auto& [name, f] : kUnary) {
    const Unary call = f;
    check(name,
          [call](const std::vector<Tensor>& x) { return call(x[0]); },
          recorded["unary"][name],
          {Tensor::from(points)});
  }
  for (const auto& [name, f] : kBinary) {
    const Binary call = f;
    check(name,
          [call](const std::vector<Tensor>& x) { return call(x[0], x[1]); },
          recorded["binary"][name],
          {Tensor::from(xs), Tensor::from(ys)});
  }
}
