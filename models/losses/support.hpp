#pragma once
/// What the files of losses and metrics share. Not part of the public API.
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nyala/core/args_from_config.hpp>
#include <nyala/core/epsilon.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/losses/loss.hpp>

namespace nyala::losses {

/// Adds or drops a last axis of size 1 where the ranks differ by one, so that (batch,) meets
/// (batch, 1) and never broadcasts to (batch, batch).
std::pair<Tensor, Tensor> to_same_rank(const Tensor& a, const Tensor& b, bool expand_rank_1 = true);

/// a / b, and 0 where b is 0.
Tensor divide_no_nan(const Tensor& a, const Tensor& b);

/// The number of elements as a rank-0 tensor.
Tensor count_elements(const Tensor& x, DType dtype);

/// Weights with the mask multiplied in; undefined when there is neither. `scale_up` makes up for
/// what the mask takes out.
Tensor apply_mask(const Tensor& sample_weight, const Tensor& mask, DType dtype, bool scale_up);

/// Throws ShapeError unless sizes that are known agree; `axes` of them, all by default.
void check_same_shape(const char* who, const Tensor& y_true, const Tensor& y_pred, int axes = -1);

/// Which of the cross-entropies (or accuracies) fits the shapes.
enum class LabelKind : std::uint8_t { binary, sparse, categorical };
LabelKind label_kind(const Shape& y_true, const Shape& y_pred);

/// The options as Keras saves them: in the order of `fields()`, without `Args::kUnsaved`.
template <class Args>
Config saved_options(const Args& args) {
  Config config = Config::dict();
  fields_to_config(args, config);
  if constexpr (requires { Args::kUnsaved; }) config.erase(Args::kUnsaved);
  return config;
}

/// Makes an object from what `saved_options` gives. Also takes `fn`, which tf.keras 2 adds and
/// which says what the class says.
template <class Args>
auto from_saved(const char* class_name, const Config& given) {
  Config config = given;
  if (config.is_dict()) config.erase("fn");
  return make_object(args_from_config<Args>(class_name, config));
}

/// A loss of Keras: its Args and the function that it is. `Self` has `kName` and `static Tensor
/// compute(y_true, y_pred, args)`.
template <class Args, class Self>
class LossImpl : public LossBase {
 public:
  explicit LossImpl(Args args)
      : LossBase({args.name, args.reduction, args.dtype}), args_(std::move(args)) {
    check_fields(Self::kName, args_);
  }
  std::string class_name() const override { return Self::kName; }
  Config get_config() const override {
    Config config = saved_options(args_);
    config.erase("dtype");
    return config;
  }
  Tensor call(const Tensor& y_true, const Tensor& y_pred) const override {
    const auto [t, p] = to_same_rank(y_true, y_pred);
    return Self::compute(t, p, args_);
  }
  // The functions cast targets to the dtype of y_pred, or class numbers to integers.
  bool takes_any_targets() const override { return true; }

 private:
  Args args_;
};

/// Labels moved towards the uniform distribution.
Tensor smooth_labels(const Tensor& y_true, double share);
/// Probabilities from which a logarithm can be taken.
Tensor within_bounds(const Tensor& p);

}  // namespace nyala::losses

/// The class `Name##Loss` of `Name##Args`, which computes an expression of `t`, `p` and `args`, and
/// how it is made.
#define NYALA_LOSS(Name, ...)                                        \
  class Name##Loss final : public LossImpl<Name##Args, Name##Loss> { \
   public:                                                           \
    using LossImpl::LossImpl;                                        \
    static constexpr const char* kName = #Name;                      \
    static Tensor compute(const Tensor& t,                           \
                          const Tensor& p,                           \
                          [[maybe_unused]] const Name##Args& args) { \
      return __VA_ARGS__;                                            \
    }                                                                \
  };                                                                 \
  std::shared_ptr<LossBase> make_object(Name##Args args) {           \
    return std::make_shared<Name##Loss>(std::move(args));            \
  }
