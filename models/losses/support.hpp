#pragma once
/// What the files of losses and metrics share. Not part of the public API.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <nyala/core/config.hpp>
#include <nyala/core/epsilon.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/losses/loss.hpp>

namespace nyala::losses {

using nyala::kEpsilon;

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

/// Appends the options that `keys` names, separated by spaces, in that order: Keras's.
template <class Args>
void copy_options(const Args& args, std::string_view keys, Config& config) {
  Config all = Config::dict();
  fields_to_config(args, all);
  while (!keys.empty()) {
    const std::string_view key = keys.substr(0, keys.find(' '));
    config[key] = all.at(key);
    keys.remove_prefix(std::min(keys.size(), key.size() + 1));
  }
}

/// Makes options from a configuration; `fn`, which tf.keras 2 adds, says what the class says.
template <class Args>
Args args_from_config(const char* who, const Config& config) {
  std::vector<std::string> known = field_names<Args>();
  known.emplace_back("fn");
  check_keys(who, config, known);
  Args args = unset_args<Args>();
  fields_from_config(who, config, args);
  return args;
}

/// A loss of Keras: its Args and the function that it is. `Self` has `kName`, `kConfig` (the keys
/// that Keras saves besides name and reduction, separated by spaces) and `Tensor compute(y_true,
/// y_pred) const`.
template <class Args, class Self>
class LossImpl : public LossBase {
 public:
  explicit LossImpl(Args args)
      : LossBase({args.name, args.reduction, args.dtype}), args_(std::move(args)) {
    check_fields(Self::kName, args_);
  }
  std::string class_name() const override { return Self::kName; }
  Config get_config() const override {
    Config config = LossBase::get_config();
    copy_options(args_, Self::kConfig, config);
    return config;
  }
  Tensor call(const Tensor& y_true, const Tensor& y_pred) const override {
    const auto [t, p] = to_same_rank(y_true, y_pred);
    return static_cast<const Self*>(this)->compute(t, p);
  }
  const Args& args() const { return args_; }
  // The functions cast targets to the dtype of y_pred, or class numbers to integers.
  bool takes_any_targets() const override { return true; }

  static std::shared_ptr<LossBase> from_config(const Config& config) {
    return std::make_shared<Self>(args_from_config<Args>(Self::kName, config));
  }

 private:
  Args args_;
};

/// Labels moved towards the uniform distribution.
Tensor smooth_labels(const Tensor& y_true, double share);
/// Probabilities from which a logarithm can be taken.
Tensor within_bounds(const Tensor& p);

/// Lists of the losses, one for each file.
using LossEntries = std::vector<ObjectRegistry<LossBase>::Entry>;
void add_regression_losses(LossEntries& entries);
void add_hinge_losses(LossEntries& entries);
void add_crossentropy_losses(LossEntries& entries);
void add_focal_losses(LossEntries& entries);
void add_similarity_losses(LossEntries& entries);

}  // namespace nyala::losses

/// The class `Name##Loss` of `Name##Args`, which computes an expression of `t`, `p` and `args()`;
/// `keys` are those of its configuration.
#define NYALA_LOSS(Name, keys, expression)                                        \
  class Name##Loss final : public LossImpl<Name##Args, Name##Loss> {              \
   public:                                                                        \
    using LossImpl::LossImpl;                                                     \
    static constexpr const char* kName = #Name;                                   \
    static constexpr const char* kConfig = keys;                                  \
    Tensor compute(const Tensor& t, const Tensor& p) const { return expression; } \
  };                                                                              \
  std::shared_ptr<LossBase> make_object(Name##Args args) {                        \
    return std::make_shared<Name##Loss>(std::move(args));                         \
  }
