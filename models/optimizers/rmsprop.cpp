#include <nyala/core/ops.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

class RMSpropOptimizer final : public OptimizerOf<RMSpropArgs, RMSpropOptimizer> {
 public:
  static constexpr const char* kName = "RMSprop";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    velocities_ = add_slot(variables, "velocity");
    if (args_.momentum > 0) momentums_ = add_slot(variables, "momentum");
    if (args_.centered) averages_ = add_slot(variables, "average_gradient");
  }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const double rho = args_.rho;
    const VariableView old_velocity = w.slot(velocities_);
    const Tensor velocity = old_velocity * rho + w.map_gradient(ops::square) * (1 - rho);
    old_velocity.assign(velocity);
    Tensor square = velocity;
    if (args_.centered) {
      const VariableView old_average = w.slot(averages_);
      const Tensor average = old_average * rho + w.gradient() * (1 - rho);
      old_average.assign(average);
      square = velocity - ops::square(average);
    }
    const Tensor descent = step.learning_rate() * w.gradient() / ops::sqrt(square + args_.epsilon);
    if (args_.momentum == 0) return w.variable().assign_sub(descent);
    const VariableView old_momentum = w.slot(momentums_);
    const Tensor momentum = old_momentum * args_.momentum + descent;
    old_momentum.assign(momentum);
    w.variable().assign_sub(momentum);
  }

  std::vector<Variable> velocities_;
  std::vector<Variable> momentums_;
  std::vector<Variable> averages_;
};

class AdagradOptimizer final : public OptimizerOf<AdagradArgs, AdagradOptimizer> {
 public:
  static constexpr const char* kName = "Adagrad";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    accumulators_ = add_slot(variables, "accumulator", args_.initial_accumulator_value);
  }
  bool keeps_idle_rows() const override { return args_.epsilon > 0; }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const VariableView accumulator = w.slot(accumulators_);
    const Tensor sum = accumulator + w.map_gradient(ops::square);
    accumulator.assign(sum);
    w.variable().assign_sub(step.learning_rate() * w.gradient() / ops::sqrt(sum + args_.epsilon));
  }

  std::vector<Variable> accumulators_;
};

class AdadeltaOptimizer final : public OptimizerOf<AdadeltaArgs, AdadeltaOptimizer> {
 public:
  static constexpr const char* kName = "Adadelta";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    auto slots = add_slots(variables, {{"accumulated_grad"}, {"accumulated_delta_var"}});
    gradients_ = std::move(slots[0]);
    steps_ = std::move(slots[1]);
  }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const double rho = args_.rho, epsilon = args_.epsilon;
    const VariableView old_square = w.slot(gradients_), old_steps = w.slot(steps_);
    const Tensor squares = w.map_gradient(ops::square);
    const Tensor square = old_square * rho + squares * (1 - rho);
    old_square.assign(square);
    const Tensor steps = old_steps;
    const Tensor factor = ops::sqrt(steps + epsilon) / ops::sqrt(square + epsilon);
    // The squares of the steps: like those of the gradients, of each occurrence of a row by itself.
    old_steps.assign(steps * rho + squares * ops::square(factor) * (1 - rho));
    w.variable().assign_sub(step.learning_rate() * (factor * w.gradient()));
  }

  std::vector<Variable> gradients_;
  std::vector<Variable> steps_;
};

}  // namespace

NYALA_OPTIMIZER(RMSprop, RMSpropOptimizer)
NYALA_OPTIMIZER(Adagrad, AdagradOptimizer)
NYALA_OPTIMIZER(Adadelta, AdadeltaOptimizer)

}  // namespace nyala::optimizers
