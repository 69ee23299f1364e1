#include <nyala/layers/activations.hpp>

#include <nyala/core/ops.hpp>

namespace nyala::activations {
Activation::Activation(const char* name) : Activation(std::string(name)) {}
Activation::Activation(const std::string& name) : name_(name) {
  if (name == "relu")
    function_ = [](const Tensor& x) { return ops::relu(x); };
  else if (name == "tanh")
    function_ = ops::tanh;
  else if (name == "sigmoid")
    function_ = ops::sigmoid;
  else if (name != "linear")
    throw ValueError("activation \"" + name + "\" is unknown");
}
Activation::Activation(std::function<Tensor(const Tensor&)> function, std::string name)
    : name_(std::move(name)), function_(std::move(function)) {}
}  // namespace nyala::activations
