#pragma once
/// Optimizers: how gradients change variables. Every step is made of ops on variables, so that it
/// can be traced as part of a function.
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/core/object.hpp>
#include <nyala/models/optimizers/schedules.hpp>

#pragma GCC visibility push(default)

namespace nyala {
struct IndexedSlices;
namespace optimizers {

class RowUpdate;

/// A number, or a schedule that gives one for each step.
struct LearningRate {
  double value = 0;
  schedules::Schedule schedule;

  template <class T>
  requires std::is_arithmetic_v<T> LearningRate(T rate) : value(static_cast<double>(rate)) {}
  /// Throws ValueError for an empty one.
  LearningRate(schedules::Schedule rates) : schedule(std::move(rates)) {
    if (!schedule) throw ValueError("learning_rate is an empty schedule, expected a number or one");
  }
};

// The options that every optimizer takes, in Keras's order, behind its own.
#define NYALA_OPTIMIZER_ARGS_AFTER_DECAY               \
  std::optional<double> clipnorm = {};                 \
  std::optional<double> clipvalue = {};                \
  std::optional<double> global_clipnorm = {};          \
  bool use_ema = false;                                \
  double ema_momentum = 0.99;                          \
  std::optional<int> ema_overwrite_frequency = {};     \
  std::optional<double> loss_scale_factor = {};        \
  std::optional<int> gradient_accumulation_steps = {}; \
  bool lazy = false;                                   \
  std::string name = {}
#define NYALA_OPTIMIZER_ARGS               \
  std::optional<double> weight_decay = {}; \
  NYALA_OPTIMIZER_ARGS_AFTER_DECAY

/// The fields of an optimizer's Args: the common ones, in the order of Keras's configuration, then
/// its own.
template <class A, class... Own>
constexpr auto optimizer_fields(Own... own) {
  return std::tuple{
      Field{"name", &A::name, "Its name."},
      Field{"learning_rate", &A::learning_rate, "A number or a schedule."},
      Field{"weight_decay",
            &A::weight_decay,
            "Share of a variable, times the learning rate, that each step takes away.",
            Range::at_least(0)},
      Field{"clipnorm", &A::clipnorm, "Largest norm of each gradient.", Range::at_least(0)},
      Field{"global_clipnorm",
            &A::global_clipnorm,
            "Largest norm of all gradients together.",
            Range::at_least(0)},
      Field{"clipvalue", &A::clipvalue, "Largest element of a gradient.", Range::at_least(0)},
      Field{"use_ema", &A::use_ema, "Whether to keep moving averages of the variables."},
      Field{"ema_momentum", &A::ema_momentum, "Their momentum.", Range::from_0_to_1()},
      Field{"ema_overwrite_frequency",
            &A::ema_overwrite_frequency,
            "After how many steps they replace the variables.",
            Range::at_least(1)},
      Field{"loss_scale_factor",
            &A::loss_scale_factor,
            "What the loss is multiplied by, and gradients divided by.",
            Range::positive()},
      Field{"gradient_accumulation_steps",
            &A::gradient_accumulation_steps,
            "How many gradients make one step.",
            Range::at_least(2)},
      own...,
      Field{"lazy", &A::lazy, "Whether to leave rows of a table that no sample looked up."}};
}

/// The base of all optimizers. One is built on a list of variables, which it keeps; the first
/// `apply` builds it.
class OptimizerBase : public Object {
 public:
  std::string module() const override { return "keras.optimizers"; }
  /// The optimizers by name; a program may add its own.
  static ObjectRegistry<OptimizerBase>& registry();

  const std::string& name() const { return name_; }

  /// Makes the slot variables. Does nothing when built already.
  void build(const std::vector<Variable>& variables);
  bool built() const { return built_; }
  /// One step, after which the variables' constraints hold. A variable without a gradient (an
  /// undefined tensor) stays as it is, which is told once. Without `variables`, those that the
  /// optimizer was built on. Throws ValueError, changing nothing, for another number of gradients,
  /// for variables that it was not built on and when there is no gradient at all; ShapeError for
  /// gradients of other shapes.
  void apply(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables = {});
  /// The same with what `GradientTape::indexed_gradients` gives. With `lazy`, gradients that are
  /// rows change these rows of the variable and its slots and no others: a row that no sample
  /// looked up keeps its moments and is not decayed, and a step takes no pass over the table. Norms
  /// (of clipping, of Lamb) are those of the rows. `use_ema` and constraints still go over all of
  /// it. Without `lazy` they are made whole, unless that can not make a difference
  /// (`keeps_idle_rows`).
  virtual void apply_indexed(const std::vector<IndexedSlices>& gradients,
                             const std::vector<Variable>& variables = {});
  void apply_gradients(const std::vector<std::pair<Tensor, Variable>>& gradients_and_variables);

  /// How often `apply` was called (int64).
  virtual const Variable& iterations() const { return iterations_; }
  /// The learning rate of the next step.
  virtual Tensor learning_rate() const;
  /// Throws ValueError for a rate that is negative or not a number, and TypeError for a number
  /// where the optimizer has a schedule.
  virtual void set_learning_rate(const LearningRate& rate);
  virtual bool has_schedule() const { return schedule_.defined(); }

  /// iteration, learning_rate (unless it is a schedule), then the slots, all as Keras orders them.
  virtual std::vector<Variable> variables() const;
  /// Sets the values of `variables()`. Throws ValueError, changing nothing, where number or shapes
  /// differ.
  void set_weights(const std::vector<Tensor>& weights) const;

  /// Leaves variables, and those with one of `names` in their name, out of weight decay. Before the
  /// optimizer is built (else StateError).
  virtual void exclude_from_weight_decay(const std::vector<Variable>& variables,
                                         const std::vector<std::string>& names = {});

  /// The loss to take gradients of: multiplied by loss_scale_factor where there is one.
  virtual Tensor scale_loss(const Tensor& loss) const;
  /// Drops loss_scale_factor: another optimizer around this one scales the loss.
  virtual void stop_scaling_loss() { common_.loss_scale_factor.reset(); }
  /// From now on rows that were gathered more than once are added up before they are squared, as in
  /// tf.keras 2.x: what is made from a configuration of its does so.
  void add_rows_first() { adds_rows_first_ = true; }
  /// The end of training: with `use_ema` the averages replace the variables.
  virtual void finalize_variable_values(const std::vector<Variable>& variables) const;

 protected:
  struct Common {
    std::optional<double> weight_decay, clipnorm, global_clipnorm, clipvalue;
    bool use_ema;
    double ema_momentum;
    std::optional<int> ema_overwrite_frequency;
    std::optional<double> loss_scale_factor;
    std::optional<int> gradient_accumulation_steps;
    bool lazy;
  };
  /// Takes over the common options; the constructor calls it.
  void start(std::string name, const LearningRate& rate, Common common);
  /// The variables that it was built on.
  const std::vector<Variable>& targets() const { return targets_; }
  /// A variable of its own, kept among `variables()`.
  Variable add_state(const std::string& name, const Tensor& value);
  std::optional<double> loss_scale_factor() const { return common_.loss_scale_factor; }
  /// The learning rate as the configuration has it.
  Config learning_rate_config() const;

  // ---- what an optimizer of its own defines ----

  /// Makes its slots with `add_slots`.
  virtual void build_slots(const std::vector<Variable>& variables) = 0;
  /// Changes variable number `index`. The gradient and the learning rate have its dtype.
  virtual void update_step(const Tensor& gradient,
                           const Variable& variable,
                           const Tensor& learning_rate,
                           std::size_t index) = 0;
  /// Whether a row with a gradient of 0 stays as it is, and so do its slots.
  virtual bool keeps_idle_rows() const { return false; }
  /// Is called before the variables are changed.
  virtual void begin_step() {}
  /// The share of a variable that weight decay takes away each step; nothing for none.
  virtual std::optional<double> weight_decay_of(const Variable& /*variable*/) const {
    return common_.weight_decay;
  }

  // ---- what it uses ----

  struct Slot {
    const char* name;
    double start = 0;
  };
  /// A slot of each kind for each variable, one variable after the other; the result holds a list
  /// for each kind.
  std::vector<std::vector<Variable>> add_slots(const std::vector<Variable>& variables,
                                               const std::vector<Slot>& slots);
  std::vector<Variable> add_slot(const std::vector<Variable>& variables,
                                 const char* name,
                                 double start = 0);
  void add_variable(const Variable& variable) { own_.push_back(variable); }
  /// The number of this step, from 1, as a number of that dtype.
  Tensor step_number(DType dtype);
  /// What `f` gives, computed once a step for each `key` and dtype.
  template <class F>
  Tensor once(int key, DType dtype, F&& f) {
    for (const Computed& computed : computed_) {
      if (computed.key == key && computed.dtype == dtype) return computed.value;
    }
    Tensor value = f();
    computed_.push_back({key, dtype, value});
    return value;
  }
  // Assignments of a step: while gradients are only gathered they have no effect.
  void assign(const Variable& variable, const Tensor& value) const;
  void assign_add(const Variable& variable, const Tensor& delta) const;
  void assign_sub(const Variable& variable, const Tensor& delta) const;
  /// f of a step's gradient (`ops::square`). Where rows were gathered more than once it is the sum
  /// of f of each, not f of the sum: Keras on TensorFlow has it so.
  Tensor map_gradient(const Tensor& gradient, Tensor (*f)(const Tensor&)) const;
  /// Whether the gradient of the step comes from gathered rows.
  bool is_gathered() const { return gathered_ != nullptr; }

 private:
  struct Computed {
    int key;
    DType dtype;
    Tensor value;
  };
  struct Updates {
    std::vector<Tensor> gradients;
    std::vector<std::unique_ptr<RowUpdate>> rows;  // null for a gradient of the whole variable
    std::vector<IndexedSlices> gathered;           // what the gradients are sums of, if anything
    std::vector<Variable> variables;
    std::vector<std::size_t> indices;
  };

  bool updates_rows() const;
  Updates checked_updates(const std::vector<IndexedSlices>& gradients,
                          const std::vector<Variable>& variables);
  std::size_t index_of(const Variable& variable) const;
  static void expect_defined(const std::vector<Variable>& variables, const std::string& who);
  void clip(Updates& updates) const;
  bool clips_values() const;
  void add_update(Updates& updates, const IndexedSlices& gradient, const Variable& variable);
  void decay(const Variable& variable, double share, const Tensor& rate) const;
  bool decays(const Variable& variable) const;
  void accumulate(Updates& updates);
  void update(Updates& updates);
  void update_averages();
  Tensor update_count() const;

  std::string name_;
  Common common_{};
  Variable iterations_;
  Variable learning_rate_;
  schedules::Schedule schedule_;
  bool built_ = false;
  bool warned_ = false;
  bool adds_rows_first_ = false;
  std::vector<Variable> targets_;
  std::unordered_map<std::uint64_t, std::size_t> target_index_;  // by the variable's id
  std::vector<Variable> own_;
  std::vector<Variable> averages_;
  std::vector<Variable> accumulators_;
  std::vector<Variable> not_decayed_;
  std::vector<std::string> not_decayed_names_;
  // Of the step that is being made:
  std::vector<Computed> computed_;
  Tensor condition_;                         // whether it counts; undefined when it does for sure
  const IndexedSlices* gathered_ = nullptr;  // what the gradient of `update_step` is a sum of
};

/// A shared handle to an optimizer, made by its class or by its name: "adam", "Adam". Its methods
/// are those of OptimizerBase; on an empty handle they throw StateError.
class Optimizer : public Handle<OptimizerBase> {
 public:
  using Handle::Handle;
  Optimizer() = default;
  Optimizer(const Handle& handle) : Handle(handle) {}
  template <std::derived_from<OptimizerBase> T>
  Optimizer(std::shared_ptr<T> object)
      : Handle(std::shared_ptr<OptimizerBase>(std::move(object))) {}

  const std::string& name() const { return at("name").name(); }
  void build(const std::vector<Variable>& variables) const { at("build").build(variables); }
  bool built() const { return at("built").built(); }
  void apply(const std::vector<Tensor>& gradients,
             const std::vector<Variable>& variables = {}) const {
    at("apply").apply(gradients, variables);
  }
  void apply_indexed(const std::vector<IndexedSlices>& gradients,
                     const std::vector<Variable>& variables = {}) const {
    at("apply_indexed").apply_indexed(gradients, variables);
  }
  void apply_gradients(
      const std::vector<std::pair<Tensor, Variable>>& gradients_and_variables) const {
    at("apply_gradients").apply_gradients(gradients_and_variables);
  }
  const Variable& iterations() const { return at("iterations").iterations(); }
  Tensor learning_rate() const { return at("learning_rate").learning_rate(); }
  void set_learning_rate(const LearningRate& rate) const {
    at("set_learning_rate").set_learning_rate(rate);
  }
  bool has_schedule() const { return at("has_schedule").has_schedule(); }
  std::vector<Variable> variables() const { return at("variables").variables(); }
  void set_weights(const std::vector<Tensor>& weights) const {
    at("set_weights").set_weights(weights);
  }
  void exclude_from_weight_decay(const std::vector<Variable>& variables,
                                 const std::vector<std::string>& names = {}) const {
    at("exclude_from_weight_decay").exclude_from_weight_decay(variables, names);
  }
  Tensor scale_loss(const Tensor& loss) const { return at("scale_loss").scale_loss(loss); }
  void finalize_variable_values(const std::vector<Variable>& variables) const {
    at("finalize_variable_values").finalize_variable_values(variables);
  }
  Config get_config() const { return at("get_config").get_config(); }
};

}  // namespace optimizers

template <>
struct ConfigCodec<optimizers::Optimizer> : ConfigCodec<Handle<optimizers::OptimizerBase>> {};

/// The number as the float32 that Keras keeps, or the schedule.
template <>
struct ConfigCodec<optimizers::LearningRate> {
  static Config to(const optimizers::LearningRate& rate);
  static optimizers::LearningRate from(const Config& config);
};

namespace optimizers {
namespace detail {

/// "adam", then "adam_1".
std::string optimizer_name(const char* class_name);
/// Without what tf.keras 2.x writes and Keras 3 ignores.
Config without_old_keys(Config config);

}  // namespace detail

/// What an optimizer with an Args struct derives from. `Self` has `kName`, `build_slots` and
/// `update_step`.
template <class Args, class Self>
class OptimizerOf : public ObjectBase<OptimizerBase, Args, Self> {
 public:
  explicit OptimizerOf(Args args) : ObjectBase<OptimizerBase, Args, Self>(std::move(args)) {
    const Args& a = this->args_;
    this->start(a.name.empty() ? detail::optimizer_name(Self::kName) : a.name,
                a.learning_rate,
                {a.weight_decay,
                 a.clipnorm,
                 a.global_clipnorm,
                 a.clipvalue,
                 a.use_ema,
                 a.ema_momentum,
                 a.ema_overwrite_frequency,
                 a.loss_scale_factor,
                 a.gradient_accumulation_steps,
                 a.lazy});
  }
  Config get_config() const override {
    Config config = ObjectBase<OptimizerBase, Args, Self>::get_config();
    config["name"] = this->name();
    config["learning_rate"] = this->learning_rate_config();
    if (!this->loss_scale_factor()) config["loss_scale_factor"] = Config();
    if (!this->args_.lazy) config.erase("lazy");  // Keras does not know it
    return config;
  }
  static std::shared_ptr<OptimizerBase> from_config(const Config& config) {
    return ObjectBase<OptimizerBase, Args, Self>::from_config(detail::without_old_keys(config));
  }
};

}  // namespace optimizers
}  // namespace nyala

#pragma GCC visibility pop
