#pragma once
/// Metric: a number followed over batches. A metric keeps its state in variables: `update_state`
/// adds a batch, `result` gives the number so far, `reset_state` begins anew.
#include <concepts>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace metrics {

/// Whether more is better: what EarlyStopping's mode "auto" asks.
enum class Direction : std::uint8_t { none, up, down };

/// What every metric has.
struct MetricOptions {
  std::string name;
  std::optional<DTypeLike> dtype = {};  ///< of its state; floatx without it
  Direction direction = Direction::none;
};

/// The base of all metrics. One of your own derives from it (or from MeanMetric); to be read back
/// from a file it also joins `MetricBase::registry()`.
class MetricBase : public Object {
 public:
  /// Adds a batch. Throws ShapeError when shapes do not fit each other.
  virtual void update_state(const Tensor& y_true,
                            const Tensor& y_pred,
                            const Tensor& sample_weight = {}) = 0;
  /// The metric over all batches since the last reset: a scalar for nearly all metrics.
  virtual Tensor result() const = 0;
  /// Sets all variables to 0.
  virtual void reset_state();

  const std::string& name() const { return name_; }
  void set_name(std::string name) { name_ = std::move(name); }
  DType dtype() const { return dtype_; }
  Direction direction() const { return direction_; }
  /// The state. Some metrics have it from the first batch on.
  const std::vector<Variable>& variables() const { return variables_; }

  std::string module() const override { return "keras.metrics"; }
  /// Keras's: name and dtype; metrics with options of their own add them.
  Config get_config() const override;

  /// All metrics by class name, snake-case name and alias.
  static ObjectRegistry<MetricBase>& registry();

 protected:
  /// Without a name, it is made from the class name: "precision", then "precision_1".
  explicit MetricBase(MetricOptions options, std::string_view class_name = "Metric");
  /// A variable of zeros.
  Variable add_variable(const std::string& name, const Shape& shape);

 private:
  std::string name_;
  DType dtype_;
  Direction direction_;
  std::vector<Variable> variables_;
};

/// The weighted mean of values, sample by sample: what most metrics are.
class MeanMetric : public MetricBase {
 public:
  Tensor result() const override;

 protected:
  explicit MeanMetric(MetricOptions options, std::string_view class_name = "MeanMetric");
  /// Values of (batch, ...) count with their mean over all axes that the weights do not have.
  void add(const Tensor& values, const Tensor& sample_weight);

 private:
  Variable total_;
  Variable count_;
};

using MetricFunction = std::function<Tensor(const Tensor& y_true, const Tensor& y_pred)>;

/// The mean of a function that gives one value for each sample. Throws ValueError for an empty one.
std::shared_ptr<MetricBase> from_function(MetricFunction function, MetricOptions options);

/// A shared handle to a metric; made from an object, a name ("accuracy", "mae"), a function of
/// y_true and y_pred, or one of Keras's functions (`metrics::binary_accuracy`). Copies share the
/// state. Empty stands for none: calls throw StateError.
class Metric : public Handle<MetricBase> {
 public:
  Metric() = default;
  Metric(std::nullptr_t) {}
  Metric(const char* name) : Metric(nyala::detail::text_of(name)) {}
  /// As in `compile`, the metric bears the name that it is asked for by, and "accuracy" (or "acc")
  /// is the one of binary, categorical and sparse categorical accuracy that fits the shapes.
  Metric(const std::string& name);
  Metric(const Handle<MetricBase>& handle) : Handle(handle) {}
  template <std::derived_from<MetricBase> T>
  Metric(std::shared_ptr<T> object) : Handle(std::shared_ptr<MetricBase>(std::move(object))) {}
  template <class F>
  requires(std::is_invocable_r_v<Tensor, const F&, const Tensor&, const Tensor&> &&
           !std::derived_from<F, Handle<MetricBase>>)  //
      Metric(F function, std::string name = "metric")
      : Metric(from_function(std::move(function), {.name = std::move(name)})) {}
  Metric(Tensor (*function)(const Tensor&, const Tensor&)) : Metric(known_or(function)) {}
  /// Throws ValueError for a function that is not one of Keras's.
  template <class First, class... Options>
  Metric(Tensor (*function)(const Tensor&, const Tensor&, First, Options...))
      : Metric(known(reinterpret_cast<void (*)()>(function))) {}

  /// The name that it was asked for by, which is what a compiled model saves; empty otherwise.
  const std::string& identifier() const { return identifier_; }

  const std::string& name() const { return at("name").name(); }
  void update_state(const Tensor& y_true,
                    const Tensor& y_pred,
                    const Tensor& sample_weight = {}) const {
    at("update_state").update_state(y_true, y_pred, sample_weight);
  }
  Tensor result() const { return at("result").result(); }
  void reset_state() const { at("reset_state").reset_state(); }
  DType dtype() const { return at("dtype").dtype(); }
  Direction direction() const { return at("direction").direction(); }
  const std::vector<Variable>& variables() const { return at("variables").variables(); }
  Config get_config() const { return at("get_config").get_config(); }
  /// Adds a batch and gives the result so far.
  Tensor operator()(const Tensor& y_true,
                    const Tensor& y_pred,
                    const Tensor& sample_weight = {}) const {
    update_state(y_true, y_pred, sample_weight);
    return result();
  }

 private:
  static Metric known(void (*function)());
  static Metric known_or(Tensor (*function)(const Tensor&, const Tensor&));

  std::string identifier_;
};

/// The class that users name: `metrics::AUC({.curve = "PR"})`.
template <class Args>
class MetricOf : public Metric {
 public:
  MetricOf(Args args) : Metric(make_object(std::move(args))) {}
  MetricOf() requires std::is_default_constructible_v<Args> : Metric(make_object(Args{})) {}
  template <FirstArgument<Args> T>
  explicit MetricOf(T first) : MetricOf(args_from_first<Args>(std::move(first))) {}
};

/// One that takes values rather than y_true and y_pred: Mean and Sum.
template <class Args>
class ValueMetricOf : public Metric {
 public:
  ValueMetricOf(Args args = {}) : Metric(make_object(std::move(args))) {}
  template <FirstArgument<Args> T>
  explicit ValueMetricOf(T first) : ValueMetricOf(args_from_first<Args>(std::move(first))) {}
  void update_state(const Tensor& values, const Tensor& sample_weight = {}) const {
    at("update_state").update_state(values, sample_weight);
  }
  Tensor operator()(const Tensor& values, const Tensor& sample_weight = {}) const {
    update_state(values, sample_weight);
    return result();
  }
};

/// Makes `Metric("name")` work, and files that name it load, for a function of your own.
void register_metric(const std::string& name, MetricFunction function);

/// The accuracy that "accuracy" stands for, under that name: binary for predictions of one column,
/// sparse categorical where y_true has class numbers, categorical otherwise.
Metric resolve_accuracy(const std::string& name,
                        const Shape& y_true_shape,
                        const Shape& y_pred_shape);

}  // namespace metrics

/// A metric given by name is saved as that name.
template <>
struct ConfigCodec<metrics::Metric> {
  static Config to(const metrics::Metric& metric) {
    return metric.identifier().empty() ? serialize_object(metric.get())
                                       : Config(metric.identifier());
  }
  static metrics::Metric from(const Config& config) {
    if (config.is_string()) return metrics::Metric(config.as_string());
    return metrics::Metric(metrics::MetricBase::registry().from_config(config));
  }
};

}  // namespace nyala

#pragma GCC visibility pop
