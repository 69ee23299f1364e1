#pragma once
#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala::regularizers {

class RegularizerBase : public Object {
 public:
  std::string module() const override { return "keras.regularizers"; }
  virtual Tensor operator()(const Tensor& weight) const = 0;
  static ObjectRegistry<RegularizerBase>& registry();
};
using Regularizer = Handle<RegularizerBase>;

}  // namespace nyala::regularizers
