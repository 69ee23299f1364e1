#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

class LossScale final : public ObjectBase<OptimizerBase, LossScaleOptimizerArgs, LossScale> {
 public:
  static constexpr const char* kName = "LossScaleOptimizer";

  explicit LossScale(LossScaleOptimizerArgs args) : ObjectBase(std::move(args)) {
    if (!args_.inner_optimizer)
      throw ValueError("LossScaleOptimizer: received no inner_optimizer, expected an optimizer");
    if (args_.name.empty()) args_.name = detail::optimizer_name(kName);
    start(args_.name, 0.0, OptimizerOptions());
    inner().set_loss_scale_factor({});
  }

  void apply_indexed(const std::vector<IndexedSlices>& gradients,
                     const std::vector<Variable>& variables) override;

  std::vector<Variable> variables() const override {
    std::vector<Variable> all = OptimizerBase::variables();
    for (const Variable& variable : inner().variables()) all.push_back(variable);
    return all;
  }
  const Variable& iterations() const override { return inner().iterations(); }
  Tensor learning_rate() const override { return inner().learning_rate(); }
  void set_learning_rate(const LearningRate& rate) override { inner().set_learning_rate(rate); }
  bool has_schedule() const override { return inner().has_schedule(); }
  void exclude_from_weight_decay(const std::vector<Variable>& variables,
                                 const std::vector<std::string>& names) override {
    inner().exclude_from_weight_decay(variables, names);
  }
  void finalize_variable_values(const std::vector<Variable>& variables) const override {
    inner().finalize_variable_values(variables);
  }
  Tensor scale_loss(const Tensor& loss) const override {
    return built() ? loss * scale_.value() : loss * args_.initial_scale;
  }
  void set_loss_scale_factor(std::optional<double>) override {
    throw ValueError("LossScaleOptimizer: cannot be inside another optimizer");
  }

 private:
  OptimizerBase& inner() const { return *args_.inner_optimizer; }

  void build_slots(const std::vector<Variable>& variables) override {
    steps_ = add_state("step_counter", Tensor::scalar(0, DType::int64));
    scale_ = add_state("dynamic_scale", Tensor::scalar(args_.initial_scale, DType::float32));
    inner().build(variables);
  }
  void update_step(StepContext&, const VariableUpdate&) override {}

  void apply_where(const Tensor& finite,
                   const std::vector<IndexedSlices>& gradients,
                   const std::vector<Variable>& variables);
  void move_scale(const Tensor& finite);

  Variable steps_;
  Variable scale_;
};

Tensor all_finite(const std::vector<IndexedSlices>& gradients) {
  Tensor finite = Tensor::scalar(true, DType::bool_);
  for (const IndexedSlices& gradient : gradients) {
    if (gradient.values.defined())
      finite = ops::logical_and(finite, ops::all(ops::isfinite(gradient.values)));
  }
  return finite;
}

void LossScale::apply_indexed(const std::vector<IndexedSlices>& gradients,
                              const std::vector<Variable>& variables) {
  const auto pause = GradientTape::stop_recording();
  // A wrong call is the inner optimizer's to refuse.
  const bool fits = !variables.empty() && variables.size() == gradients.size();
  if (!built() && !fits) return inner().apply_indexed(gradients, variables);
  build(variables);
  const Tensor scale = scale_.value();
  std::vector<IndexedSlices> unscaled = gradients;
  for (IndexedSlices& gradient : unscaled) {
    if (!gradient.values.defined()) continue;
    const Tensor wide = ops::cast(gradient.values, result_type(gradient.values.dtype(), float32));
    gradient.values = wide / ops::cast(scale, wide.dtype());
  }
  const Tensor finite = all_finite(gradients);
  if (finite.is_abstract())
    apply_where(finite, unscaled, variables);
  else if (finite.item<bool>())
    inner().apply_indexed(unscaled, variables);
  move_scale(finite);
}

// A traced step has no branches: it computes the new values, and keeps the old ones where the
// gradients are not finite.
void LossScale::apply_where(const Tensor& finite,
                            const std::vector<IndexedSlices>& gradients,
                            const std::vector<Variable>& variables) {
  std::vector<Variable> changed = targets();
  for (const Variable& variable : inner().variables()) changed.push_back(variable);
  std::vector<Tensor> before;
  for (const Variable& variable : changed) before.push_back(variable.value());
  inner().apply_indexed(gradients, variables);
  for (std::size_t i = 0; i < changed.size(); ++i) {
    const Tensor after = changed[i].value();
    if (!after.is(before[i])) changed[i].assign(ops::where(finite, after, before[i]));
  }
}

void LossScale::move_scale(const Tensor& finite) {
  const Tensor steps = steps_.value(), scale = scale_.value();
  const Tensor grows = ops::logical_and(finite, ops::equal(steps, args_.dynamic_growth_steps - 1));
  const Tensor counts = ops::logical_and(finite, ops::logical_not(grows));
  steps_.assign(ops::where(counts, steps + 1, 0));
  scale_.assign(ops::where(finite, ops::where(grows, scale * 2, scale), scale * 0.5));
}

}  // namespace

Config LossScaleOptimizerArgs::upgrade(Config config) {
#define NYALA_OPTION_NAME(type, option, value) #option,
  constexpr const char* kOthers[] = {"weight_decay", NYALA_OPTIMIZER_OPTIONS(NYALA_OPTION_NAME)};
#undef NYALA_OPTION_NAME
  Config usual = Config::dict();
  fields_to_config(SGDArgs(), usual);
  for (const char* key : kOthers) {
    const Config* value = config.find(key);
    if (value == nullptr) continue;
    if (*value != usual.at(key))
      throw ValueError("LossScaleOptimizer: does not take " + std::string(key) +
                       ", which belongs to its inner_optimizer");
    config.erase(key);
  }
  return config;
}

NYALA_OPTIMIZER(LossScaleOptimizer, LossScale)

}  // namespace nyala::optimizers
