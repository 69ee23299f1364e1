#pragma once
/// Activations: by name, or a function of the program's own.
#include <functional>
#include <string>

#include <nyala/core/fields.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala {
namespace activations {

class Activation {
 public:
  Activation() = default;
  Activation(const char* name);
  Activation(const std::string& name);
  Activation(std::function<Tensor(const Tensor&)> function, std::string name = "custom");

  const std::string& name() const { return name_; }
  Tensor operator()(const Tensor& x) const { return function_ ? function_(x) : x; }

 private:
  std::string name_ = "linear";
  std::function<Tensor(const Tensor&)> function_;
};

}  // namespace activations

template <>
struct ConfigCodec<activations::Activation> {
  static Config to(const activations::Activation& activation) { return activation.name(); }
  static activations::Activation from(const Config& config) {
    return config.is_null() ? activations::Activation()
                            : activations::Activation(config.as_string());
  }
};

}  // namespace nyala
