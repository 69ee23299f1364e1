#pragma once
#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala::constraints {

class ConstraintBase : public Object {
 public:
  std::string module() const override { return "keras.constraints"; }
  virtual Tensor operator()(const Tensor& weight) const = 0;
  static ObjectRegistry<ConstraintBase>& registry();
};
using Constraint = Handle<ConstraintBase>;

}  // namespace nyala::constraints
