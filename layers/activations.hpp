#pragma once
/// Activations: by name, or a function of the program's own.
#include <functional>
#include <string>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace activations {

using Function = std::function<Tensor(const Tensor&)>;

/// A function from a tensor to one of the same shape (but for glu). Made from nothing it is
/// "linear".
class Activation {
 public:
  Activation() = default;
  Activation(std::nullptr_t) {}
  /// One of Keras's, with Keras 3's values and defaults, or one that was registered. An alias
  /// takes the name that it stands for: "swish" is "silu". Throws ValueError for an unknown name.
  Activation(const char* name);
  Activation(const std::string& name);
  /// To come back from a configuration it must be registered under its name.
  Activation(Function function, std::string name = "custom");

  const std::string& name() const { return name_; }
  bool is_linear() const { return !function_; }
  Tensor operator()(const Tensor& x) const { return function_ ? function_(x) : x; }

 private:
  std::string name_ = "linear";
  Function function_;
};

/// clip(0.2 x + 0.5, 0, 1), which "hard_sigmoid" means in files of Keras 1 and 2. Keras 3 has no
/// name for it: in a configuration a Sequential of Rescaling and ReLU stands for it.
inline constexpr const char* kOldHardSigmoid = "keras2_hard_sigmoid";

/// Makes a function known by name, before those of Keras.
void register_activation(const std::string& name, Function function);
/// All names, aliases too.
std::vector<std::string> names();

}  // namespace activations

/// A name (but see kOldHardSigmoid). Read from a name, from null ("linear"), and from what Keras
/// writes for a registered function: {"class_name": "function", "config": name}.
template <>
struct ConfigCodec<activations::Activation> {
  static Config to(const activations::Activation& activation);
  static activations::Activation from(const Config& config);
};

NYALA_DECLARE_OPTION_TYPE(activations::Activation)

}  // namespace nyala

#pragma GCC visibility pop
