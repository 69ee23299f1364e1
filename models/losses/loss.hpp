#pragma once
/// Loss: what a model minimises. A loss gives a number for each sample (and step); sample weights
/// and masks scale these, and the reduction makes one number of them.
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace losses {

/// How a loss makes one number of many: "sum_over_batch_size" and "mean" divide the sum by the
/// number of values, "mean_with_sample_weight" by the sum of the weights, "sum" does not divide,
/// and "none" (or nullptr) leaves the values as they are. Throws ValueError for any other name.
class Reduction {
 public:
  enum class Kind : std::uint8_t { none, sum, mean, mean_with_sample_weight };

  Reduction(const std::string& name);
  Reduction(const char* name) : Reduction(nyala::detail::text_of(name)) {}
  Reduction(std::nullptr_t) : kind_(Kind::none) {}

  Kind kind() const { return kind_; }
  /// As it was given; empty for nullptr.
  const std::string& name() const { return name_; }

 private:
  Kind kind_;
  std::string name_;
};

/// What every loss has.
struct LossOptions {
  std::string name;
  Reduction reduction = "sum_over_batch_size";
  std::optional<DTypeLike> dtype = {};  ///< of its computations; floatx without it
};

/// The base of all losses. One of your own derives from it and defines `call`; to be read back
/// from a file it also joins `LossBase::registry()`.
class LossBase : public Object {
 public:
  /// The reduced loss. Both tensors are cast to the loss's dtype first. A mask that y_pred carries
  /// takes values out: under "mean" and "sum_over_batch_size" the rest is scaled up in turn.
  /// Weights of the values' shape, or one per sample, multiply; a last axis of size 1 is added or
  /// dropped where the ranks differ by one. Throws ShapeError when shapes do not fit.
  Tensor operator()(const Tensor& y_true,
                    const Tensor& y_pred,
                    const Tensor& sample_weight = {}) const;
  /// One value for each sample: the last axis is reduced, the others stay.
  virtual Tensor call(const Tensor& y_true, const Tensor& y_pred) const = 0;

  const std::string& name() const { return options_.name; }
  const Reduction& reduction() const { return options_.reduction; }
  DType dtype() const { return dtype_; }

  std::string module() const override { return "keras.losses"; }
  /// Keras's: name and reduction; losses with options of their own add them.
  Config get_config() const override;

  /// All losses by class name, function name and alias.
  static ObjectRegistry<LossBase>& registry();

 protected:
  explicit LossBase(LossOptions options);
  /// Whether `call` takes targets of any dtype (class numbers as they are): they are not cast then.
  virtual bool takes_any_targets() const { return false; }

 private:
  LossOptions options_;
  DType dtype_;
};

using LossFunction = std::function<Tensor(const Tensor& y_true, const Tensor& y_pred)>;

/// A loss from a function that gives one value for each sample. Throws ValueError for an empty one.
std::shared_ptr<LossBase> from_function(LossFunction function, LossOptions options);

namespace detail {
/// The name of a function of models/losses/functions.hpp or models/metrics/functions.hpp; empty for
/// any other one.
std::string function_name(void (*function)());
}  // namespace detail

/// A shared handle to a loss; made from an object, a name ("mse", "MeanSquaredError"), a function
/// of y_true and y_pred, or one of Keras's functions (`losses::huber`, which is then "huber", with
/// its options at their defaults). Empty stands for none: calling it throws StateError.
class Loss : public Handle<LossBase> {
 public:
  Loss() = default;
  Loss(std::nullptr_t) {}
  Loss(const char* name) : Loss(nyala::detail::text_of(name)) {}
  Loss(const std::string& name) : Handle(name), identifier_(name) {}
  Loss(const Handle<LossBase>& handle) : Handle(handle) {}
  template <std::derived_from<LossBase> T>
  Loss(std::shared_ptr<T> object) : Handle(std::shared_ptr<LossBase>(std::move(object))) {}
  template <class F>
  requires(std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Tensor&> &&
           !std::derived_from<F, Handle<LossBase>>)  //
      Loss(F function, std::string name = "loss")
      : Loss(from_function(std::move(function), {.name = std::move(name)})) {}
  Loss(Tensor (*function)(const Tensor&, const Tensor&)) : Loss(known_or(function)) {}
  /// Throws ValueError for a function that is not one of Keras's.
  template <class First, class... Options>
  Loss(Tensor (*function)(const Tensor&, const Tensor&, First, Options...))
      : Loss(known(reinterpret_cast<void (*)()>(function))) {}

  /// The name that it was asked for by, which is what a compiled model saves; empty otherwise.
  const std::string& identifier() const { return identifier_; }
  const std::string& name() const { return at("name").name(); }
  const Reduction& reduction() const { return at("reduction").reduction(); }
  DType dtype() const { return at("dtype").dtype(); }
  Config get_config() const { return at("get_config").get_config(); }
  /// One value for each sample.
  Tensor call(const Tensor& y_true, const Tensor& y_pred) const {
    return at("call").call(y_true, y_pred);
  }
  /// As LossBase's.
  Tensor operator()(const Tensor& y_true,
                    const Tensor& y_pred,
                    const Tensor& sample_weight = {}) const;

 private:
  static Loss known(void (*function)());
  static Loss known_or(Tensor (*function)(const Tensor&, const Tensor&));

  std::string identifier_;
};

/// The class that users name: `losses::Huber({.delta = 0.5})`, `losses::Huber(0.5)`.
template <class Args>
class LossOf : public Loss {
 public:
  LossOf(Args args = {}) : Loss(make_object(std::move(args))) {}
  template <FirstArgument<Args> T>
  explicit LossOf(T first) : LossOf(args_from_first<Args>(std::move(first))) {}
};

/// Makes `Loss("name")` work, and files that name it load, for a function of your own.
void register_loss(const std::string& name, LossFunction function);

}  // namespace losses

template <>
struct ConfigCodec<losses::Reduction> {
  static Config to(const losses::Reduction& reduction) {
    return reduction.name().empty() ? Config() : Config(reduction.name());
  }
  /// Also tf.keras 2's "auto".
  static losses::Reduction from(const Config& config);
};

/// A loss given by name is saved as that name.
template <>
struct ConfigCodec<losses::Loss> {
  static Config to(const losses::Loss& loss) {
    return loss.identifier().empty() ? serialize_object(loss.get()) : Config(loss.identifier());
  }
  static losses::Loss from(const Config& config) {
    if (config.is_string()) return losses::Loss(config.as_string());
    return losses::Loss(losses::LossBase::registry().from_config(config));
  }
};

}  // namespace nyala

#pragma GCC visibility pop
