#include <nyala/layers/regularizers.hpp>

#include <nyala/core/ops.hpp>

namespace nyala::regularizers {
namespace {

// Keras keeps some factors as float32 tensors, and writes what that leaves of them.
double as_float32(double value) { return static_cast<double>(static_cast<float>(value)); }

class L1Regularizer final : public ObjectBase<RegularizerBase, L1Args, L1Regularizer> {
 public:
  static constexpr const char* kName = "L1";
  explicit L1Regularizer(L1Args args) : ObjectBase({as_float32(args.l1)}) {}
  Tensor operator()(const Tensor& w) const override { return ops::sum(ops::abs(w)) * args_.l1; }
};

class L2Regularizer final : public ObjectBase<RegularizerBase, L2Args, L2Regularizer> {
 public:
  static constexpr const char* kName = "L2";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Tensor& w) const override { return ops::sum(ops::square(w)) * args_.l2; }
};

class L1L2Regularizer final : public ObjectBase<RegularizerBase, L1L2Args, L1L2Regularizer> {
 public:
  static constexpr const char* kName = "L1L2";
  using ObjectBase::ObjectBase;
  Tensor operator()(const Tensor& w) const override {
    Tensor penalty = Tensor::scalar(0, w.dtype());
    if (args_.l1 != 0) penalty = penalty + ops::sum(ops::abs(w)) * args_.l1;
    if (args_.l2 != 0) penalty = penalty + ops::sum(ops::square(w)) * args_.l2;
    return penalty;
  }
};

class OrthogonalRegularizerObject final
    : public ObjectBase<RegularizerBase, OrthogonalRegularizerArgs, OrthogonalRegularizerObject> {
 public:
  static constexpr const char* kName = "OrthogonalRegularizer";
  explicit OrthogonalRegularizerObject(OrthogonalRegularizerArgs args)
      : ObjectBase({as_float32(args.factor), std::move(args.mode)}) {
    if (args_.mode != "rows" && args_.mode != "columns") {
      throw ValueError("OrthogonalRegularizer: received mode \"" + args_.mode +
                       "\", expected \"rows\" or \"columns\"");
    }
  }
  Tensor operator()(const Tensor& w) const override {
    if (w.rank() != 2) {
      throw ShapeError("OrthogonalRegularizer: received a weight of shape " + w.shape().str() +
                       ", expected rank 2");
    }
    const bool rows = args_.mode == "rows";
    const Tensor unit = ops::normalize(w, {.axis = rows ? 1 : 0});
    const Tensor other = ops::transpose(unit);
    const Tensor cosines = rows ? ops::matmul(unit, other) : ops::matmul(other, unit);
    const std::int64_t n = cosines.shape()[0];
    const double pairs = static_cast<double>(n) * static_cast<double>(n - 1) / 2;
    const Tensor off_diagonal = cosines * (1 - ops::eye(n, n, {w.dtype()}));
    return ops::sum(ops::abs(off_diagonal)) * (0.5 * args_.factor) / pairs;
  }
};

}  // namespace

std::shared_ptr<RegularizerBase> make_object(L1Args args) {
  return std::make_shared<L1Regularizer>(args);
}
std::shared_ptr<RegularizerBase> make_object(L2Args args) {
  return std::make_shared<L2Regularizer>(args);
}
std::shared_ptr<RegularizerBase> make_object(L1L2Args args) {
  return std::make_shared<L1L2Regularizer>(args);
}
std::shared_ptr<RegularizerBase> make_object(OrthogonalRegularizerArgs args) {
  return std::make_shared<OrthogonalRegularizerObject>(std::move(args));
}

ObjectRegistry<RegularizerBase>& RegularizerBase::registry() {
  static ObjectRegistry<RegularizerBase> all("regularizer",
                                             {{{"L1", "l1"}, L1Regularizer::from_config},
                                              {{"L2", "l2"}, L2Regularizer::from_config},
                                              {{"L1L2", "l1_l2"}, L1L2Regularizer::from_config},
                                              {{"OrthogonalRegularizer", "orthogonal_regularizer"},
                                               OrthogonalRegularizerObject::from_config}});
  return all;
}

}  // namespace nyala::regularizers

namespace nyala {

NYALA_DEFINE_OPTION_TYPE(regularizers::Regularizer)

}  // namespace nyala
