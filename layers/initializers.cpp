#include <nyala/layers/initializers.hpp>

#include <nyala/core/ops.hpp>

namespace nyala::initializers {
namespace {
class ConstantInitializer final
    : public ObjectBase<InitializerBase, ConstantArgs, ConstantInitializer> {
 public:
  static constexpr const char* kName = "Constant";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Shape& shape, DType dtype) const override {
    return ops::full(shape, args_.value, {dtype});
  }
};
}  // namespace
std::shared_ptr<InitializerBase> make_object(ConstantArgs args) {
  return std::make_shared<ConstantInitializer>(args);
}
ObjectRegistry<InitializerBase>& InitializerBase::registry() {
  static ObjectRegistry<InitializerBase> instance(
      "initializer",
      {{{"Constant", "constant", "zeros", "glorot_uniform", "Zeros", "GlorotUniform"},
        ConstantInitializer::from_config}});
  return instance;
}
}  // namespace nyala::initializers
