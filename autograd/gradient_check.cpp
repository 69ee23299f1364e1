#include <nyala/autograd/gradient_check.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/autograd/tape.hpp>

namespace nyala {
namespace {

using Functional = std::function<Tensor(const std::vector<Tensor>&)>;

// Numbers without a pattern that a wrong gradient could share.
Tensor weights_like(const Tensor& y, double phase) {
  std::vector<double> values(static_cast<std::size_t>(y.size()));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = 0.6 + 0.5 * std::sin(1.7 * static_cast<double>(i) + phase);
  return Tensor::from(values, y.shape());
}

// f as one number.
Functional weighted(const Functional& f, double phase) {
  return [f, phase](const std::vector<Tensor>& inputs) {
    const Tensor y = ops::cast(f(inputs), DType::float64);
    return ops::sum(y * weights_like(y, phase));
  };
}

std::vector<Tensor> gradients_of(const Functional& f, const std::vector<Tensor>& inputs) {
  GradientTape tape;
  std::vector<Tensor> sources;
  for (const Tensor& input : inputs) {
    if (!is_floating(input.dtype())) continue;
    tape.watch(input);
    sources.push_back(input);
  }
  return tape.gradient(f(inputs), sources, {.unconnected_gradients = UnconnectedGradients::zero});
}

double first_order_error(const Functional& f, const std::vector<Tensor>& inputs, double step) {
  std::vector<Tensor> own;
  for (const Tensor& input : inputs) own.push_back(input.clone());
  const std::vector<Tensor> gradients = gradients_of(f, own);
  double worst = 0;
  std::size_t source = 0;
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (!is_floating(own[i].dtype())) continue;
    const std::vector<double> gradient = gradients[source++].to_vector<double>();
    for (std::size_t j = 0; j < gradient.size(); ++j) {
      const auto at = [&](double shift) {
        std::vector<Tensor> moved = own;
        moved[i] = own[i].clone();
        moved[i].mutable_data<double>()[j] += shift;
        return f(moved).item<double>();
      };
      const double expected = (at(step) - at(-step)) / (2 * step);
      const double error = std::fabs(gradient[j] - expected) / std::max(1.0, std::fabs(expected));
      // A gradient that is not a number is as wrong as can be.
      worst = std::isnan(error) ? INFINITY : std::max(worst, error);
    }
  }
  return worst;
}

}  // namespace

double gradient_error(const Functional& f,
                      const std::vector<Tensor>& inputs,
                      const GradientCheckArgs& args) {
  if (!f) throw ValueError("gradient_error: received an empty function");
  const Functional number = weighted(f, 0.3);
  double worst = first_order_error(number, inputs, args.step);
  if (args.order < 2) return worst;
  const Functional gradient = [&](const std::vector<Tensor>& at) {
    Tensor total;
    double phase = 1.1;
    for (const Tensor& g : gradients_of(number, at)) {
      const Tensor part = ops::sum(g * weights_like(g, phase));
      total = total.defined() ? total + part : part;
      phase += 0.7;
    }
    return total.defined() ? total : Tensor::scalar(0, DType::float64);
  };
  return std::max(worst, first_order_error(gradient, inputs, args.step));
}

}  // namespace nyala
