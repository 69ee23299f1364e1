#include <nyala/layers/constraints.hpp>

#include <nyala/core/epsilon.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::constraints {
namespace {

Tensor norms_of(const Tensor& w, const NormAxis& axis) {
  return ops::sqrt(ops::sum(ops::square(w), {.axis = Axes(axis.axes), .keepdims = true}));
}

class MaxNormConstraint final : public ObjectBase<ConstraintBase, MaxNormArgs, MaxNormConstraint> {
 public:
  static constexpr const char* kName = "MaxNorm";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Tensor& w) const override {
    const Tensor norms = norms_of(w, args_.axis);
    return w * (ops::clip(norms, 0, args_.max_value) / (norms + kEpsilon));
  }
};

class NonNegConstraint final : public ObjectBase<ConstraintBase, NonNegArgs, NonNegConstraint> {
 public:
  static constexpr const char* kName = "NonNeg";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Tensor& w) const override { return ops::maximum(w, 0); }
};

class UnitNormConstraint final
    : public ObjectBase<ConstraintBase, UnitNormArgs, UnitNormConstraint> {
 public:
  static constexpr const char* kName = "UnitNorm";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Tensor& w) const override {
    return w / (norms_of(w, args_.axis) + kEpsilon);
  }
};

class MinMaxNormConstraint final
    : public ObjectBase<ConstraintBase, MinMaxNormArgs, MinMaxNormConstraint> {
 public:
  static constexpr const char* kName = "MinMaxNorm";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Tensor& w) const override {
    const Tensor norms = norms_of(w, args_.axis);
    const Tensor desired =
        ops::clip(norms, args_.min_value, args_.max_value) * args_.rate + norms * (1 - args_.rate);
    return w * (desired / (norms + kEpsilon));
  }
};

}  // namespace

std::shared_ptr<ConstraintBase> make_object(MaxNormArgs args) {
  return std::make_shared<MaxNormConstraint>(std::move(args));
}
std::shared_ptr<ConstraintBase> make_object(NonNegArgs args) {
  return std::make_shared<NonNegConstraint>(args);
}
std::shared_ptr<ConstraintBase> make_object(UnitNormArgs args) {
  return std::make_shared<UnitNormConstraint>(std::move(args));
}
std::shared_ptr<ConstraintBase> make_object(MinMaxNormArgs args) {
  return std::make_shared<MinMaxNormConstraint>(std::move(args));
}

ObjectRegistry<ConstraintBase>& ConstraintBase::registry() {
  static ObjectRegistry<ConstraintBase> all(
      "constraint",
      {{{"MaxNorm", "max_norm", "maxnorm"}, MaxNormConstraint::from_config},
       {{"NonNeg", "non_neg", "nonneg"}, NonNegConstraint::from_config},
       {{"UnitNorm", "unit_norm", "unitnorm"}, UnitNormConstraint::from_config},
       {{"MinMaxNorm", "min_max_norm"}, MinMaxNormConstraint::from_config}});
  return all;
}

}  // namespace nyala::constraints

namespace nyala {

NYALA_DEFINE_OPTION_TYPE(constraints::Constraint)

}  // namespace nyala
