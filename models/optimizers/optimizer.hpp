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
#include <nyala/models/optimizers/options.hpp>
#include <nyala/models/optimizers/step_context.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace optimizers {

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
  /// Throws what `apply_indexed` throws for these, and changes nothing.
  void check_gradients(const std::vector<IndexedSlices>& gradients,
                       const std::vector<Variable>& variables) const;

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
  /// Replaces loss_scale_factor: an optimizer around this one says what the loss is scaled by.
  virtual void set_loss_scale_factor(std::optional<double> factor) {
    options_.loss_scale_factor = factor;
  }
  /// From now on rows that were gathered more than once are added up before they are squared, as in
  /// tf.keras 2.x: what is made from a configuration of its does so.
  void add_rows_first() { adds_rows_first_ = true; }
  /// The end of training: with `use_ema` the averages replace the variables.
  virtual void finalize_variable_values(const std::vector<Variable>& variables) const;

 protected:
  /// Takes over the common options; the constructor calls it.
  void start(std::string name, const LearningRate& rate, const OptimizerOptions& options);
  /// The variables that it was built on.
  const std::vector<Variable>& targets() const { return targets_; }
  /// Where it stands among them. Throws ValueError for one that is not there.
  std::size_t index_of(const Variable& variable) const;
  /// A variable of its own, kept among `variables()`.
  Variable add_state(const std::string& name, const Tensor& value);
  std::optional<double> loss_scale_factor() const { return options_.loss_scale_factor; }
  /// The learning rate as the configuration has it.
  Config learning_rate_config() const;

  // ---- what an optimizer of its own defines ----

  /// Makes its slots with `add_slots`.
  virtual void build_slots(const std::vector<Variable>& variables) = 0;
  /// Changes one variable and its slots, by the views that `update` gives of them. The gradient and
  /// the numbers of `step` have the variable's dtype.
  virtual void update_step(StepContext& step, const VariableUpdate& update) = 0;
  /// Whether a row with a gradient of 0 stays as it is, and so do its slots.
  virtual bool keeps_idle_rows() const { return false; }
  /// Is called before the variables are changed.
  virtual void begin_step(OptimizerStep& /*step*/) {}
  /// The share of a variable that weight decay takes away each step; nothing for none.
  virtual std::optional<double> weight_decay_of(const Variable& /*variable*/) const {
    return options_.weight_decay;
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

 private:
  struct Update;  // of one variable, in a step
  using Updates = std::vector<Update>;

  bool updates_rows() const;
  Updates make_updates(const std::vector<IndexedSlices>& gradients,
                       const std::vector<Variable>& variables);
  static void expect_defined(const std::vector<Variable>& variables, const std::string& who);
  void clip(Updates& updates) const;
  bool clips_values() const;
  Update make_update(const IndexedSlices& gradient,
                     const Variable& variable,
                     std::size_t index) const;
  void decay(OptimizerStep& step, const Update& update) const;
  bool decays(const Variable& variable) const;
  Tensor accumulate(Updates& updates);
  void update(Updates& updates, OptimizerStep& step);
  void update_averages();
  Tensor update_count() const;

  std::string name_;
  OptimizerOptions options_;
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

namespace optimizers {
namespace detail {

/// "adam", then "adam_1".
std::string optimizer_name(const char* class_name);

}  // namespace detail

/// What an optimizer with an Args struct derives from. `Self` has `kName`, `build_slots` and
/// `update_step`.
template <class Args, class Self>
class OptimizerOf : public ObjectBase<OptimizerBase, Args, Self> {
 public:
  explicit OptimizerOf(Args given) : ObjectBase<OptimizerBase, Args, Self>(std::move(given)) {
    const Args& args = this->args_;
    this->start(args.name.empty() ? detail::optimizer_name(Self::kName) : args.name,
                args.learning_rate,
                {.weight_decay = args.weight_decay, NYALA_OPTIMIZER_OPTIONS(NYALA_OPTION_COPY)});
  }
  Config get_config() const override {
    Config config = ObjectBase<OptimizerBase, Args, Self>::get_config();
    config["name"] = this->name();
    config["learning_rate"] = this->learning_rate_config();
    config["loss_scale_factor"] =
        ConfigCodec<std::optional<double>>::to(this->loss_scale_factor());  // of what is around it
    if (!this->args_.lazy) config.erase("lazy");  // Keras does not know it
    return config;
  }
};

}  // namespace optimizers
}  // namespace nyala

/// In the source of a class: defines how it is made from its Args.
#define NYALA_OPTIMIZER(Name, Class)                            \
  std::shared_ptr<OptimizerBase> make_object(Name##Args args) { \
    return std::make_shared<Class>(std::move(args));            \
  }

#pragma GCC visibility pop
