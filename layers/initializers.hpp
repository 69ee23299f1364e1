#pragma once
/// Initializers: how weights start.
#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala::initializers {

class InitializerBase : public Object {
 public:
  std::string module() const override { return "keras.initializers"; }
  virtual Tensor operator()(const Shape& shape, DType dtype) const = 0;
  static ObjectRegistry<InitializerBase>& registry();
};
using Initializer = Handle<InitializerBase>;

struct ConstantArgs {
  double value = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"value", &ConstantArgs::value, "The number."}};
  }
};
std::shared_ptr<InitializerBase> make_object(ConstantArgs args);
using Constant = HandleOf<InitializerBase, ConstantArgs>;

}  // namespace nyala::initializers
