#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

// What is computed once a step.
enum Key : int { kRate, kCorrection, kWeight };

class ScheduleFreeAdamWOptimizer final
    : public OptimizerOf<ScheduleFreeAdamWArgs, ScheduleFreeAdamWOptimizer> {
 public:
  static constexpr const char* kName = "ScheduleFreeAdamW";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    auto slots = add_slots(variables, {{"momentum"}, {"velocity"}});
    points_ = std::move(slots[0]);
    velocities_ = std::move(slots[1]);
    for (std::size_t i = 0; i < variables.size(); ++i) points_[i].assign(variables[i]);
  }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const Tensor warm = step.once(kRate, [&] {
      Tensor rate = step.learning_rate();
      if (args_.warmup_steps == 0) return rate;
      return rate * ops::minimum(step.number() / args_.warmup_steps, 1.0);
    });
    const Tensor correction =
        step.once(kCorrection, [&] { return 1.0 - ops::power(args_.beta_2, step.number()); });
    const Tensor weight = step.once(kWeight, [&] { return 1.0 / step.number(); });
    const VariableView old_v = w.slot(velocities_), old_point = w.slot(points_);
    const Tensor v = ops::lerp(old_v, w.map_gradient(ops::square), 1 - args_.beta_2);
    old_v.assign(v);
    const Tensor point =
        old_point - warm * w.gradient() / (ops::sqrt(v / correction) + args_.epsilon);
    old_point.assign(point);
    // The mean is what the variable holds beside the point. As in Keras on TensorFlow that is the
    // point after the step, which the first authors take before it.
    const double share = args_.beta_1;
    const Tensor mean = (w.variable() - point * (1 - share)) / share;
    const Tensor next = (1.0 - weight) * mean + weight * point;
    w.variable().assign(point * (1 - share) + next * share);
  }

  std::vector<Variable> points_;  // Keras calls them momentum
  std::vector<Variable> velocities_;
};

}  // namespace

NYALA_OPTIMIZER(ScheduleFreeAdamW, ScheduleFreeAdamWOptimizer)

}  // namespace nyala::optimizers
