#include <nyala/layers/constraints.hpp>

namespace nyala::constraints {
ObjectRegistry<ConstraintBase>& ConstraintBase::registry() {
  static ObjectRegistry<ConstraintBase> instance("constraint", {});
  return instance;
}
}  // namespace nyala::constraints
