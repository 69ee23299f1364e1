#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

class SGDOptimizer final : public OptimizerOf<SGDArgs, SGDOptimizer> {
 public:
  static constexpr const char* kName = "SGD";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    if (args_.momentum != 0) momentums_ = add_slot(variables, "momentum");
  }
  bool keeps_idle_rows() const override { return args_.momentum == 0; }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const Tensor rate = step.learning_rate();
    if (args_.momentum == 0)
      return w.variable().assign(ops::descend(w.variable(), w.gradient(), rate));
    const Tensor descent = w.gradient() * rate;
    const VariableView momentum = w.slot(momentums_);
    const Tensor velocity = momentum * args_.momentum - descent;
    momentum.assign(velocity);
    w.variable().assign_add(args_.nesterov ? velocity * args_.momentum - descent : velocity);
  }

  std::vector<Variable> momentums_;
};

class LionOptimizer final : public OptimizerOf<LionArgs, LionOptimizer> {
 public:
  static constexpr const char* kName = "Lion";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    momentums_ = add_slot(variables, "momentum");
  }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const VariableView momentum = w.slot(momentums_);
    const Tensor m = momentum;
    const Tensor& g = w.gradient();
    const Tensor direction = ops::sign(m * args_.beta_1 + g * (1 - args_.beta_1));
    w.variable().assign_sub(step.learning_rate() * direction);
    momentum.assign(m * args_.beta_2 + g * (1 - args_.beta_2));
  }

  std::vector<Variable> momentums_;
};

class FtrlOptimizer final : public OptimizerOf<FtrlArgs, FtrlOptimizer> {
 public:
  static constexpr const char* kName = "Ftrl";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    auto slots =
        add_slots(variables, {{"accumulator", args_.initial_accumulator_value}, {"linear"}});
    accumulators_ = std::move(slots[0]);
    linears_ = std::move(slots[1]);
  }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const VariableView old_linear = w.slot(linears_), accumulator = w.slot(accumulators_);
    const Tensor rate = step.learning_rate(), value = w.variable(), sum = accumulator;
    const double power = -args_.learning_rate_power;
    const Tensor new_sum = sum + w.map_gradient(ops::square);
    const Tensor new_root = ops::power(new_sum, power);
    const Tensor shrunk = w.gradient() + value * (2 * args_.l2_shrinkage_regularization_strength);
    const Tensor linear =
        old_linear + (shrunk - (new_root - ops::power(sum, power)) / rate * value);
    old_linear.assign(linear);
    const Tensor l2 = args_.beta / (2.0 * rate) + args_.l2_regularization_strength;
    const Tensor quadratic = new_root / rate + 2 * l2;
    const double l1 = args_.l1_regularization_strength;
    w.variable().assign((ops::clip(linear, -l1, l1) - linear) / quadratic);
    accumulator.assign(new_sum);
  }

  std::vector<Variable> accumulators_;
  std::vector<Variable> linears_;
};

}  // namespace

NYALA_OPTIMIZER(SGD, SGDOptimizer)
NYALA_OPTIMIZER(Lion, LionOptimizer)
NYALA_OPTIMIZER(Ftrl, FtrlOptimizer)

}  // namespace nyala::optimizers
