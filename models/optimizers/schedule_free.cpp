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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const DType dtype = variable.dtype();
    const Tensor warm = once(kRate, dtype, [&] {
      if (args_.warmup_steps == 0) return rate;
      return rate * ops::minimum(step_number(dtype) / args_.warmup_steps, 1.0);
    });
    const Tensor correction = once(
        kCorrection, dtype, [&] { return 1.0 - ops::power(args_.beta_2, step_number(dtype)); });
    const Tensor weight = once(kWeight, dtype, [&] { return 1.0 / step_number(dtype); });
    const Tensor v =
        ops::lerp(velocities_[index], map_gradient(gradient, ops::square), 1 - args_.beta_2);
    assign(velocities_[index], v);
    const Tensor point =
        points_[index].value() - warm * gradient / (ops::sqrt(v / correction) + args_.epsilon);
    assign(points_[index], point);
    // The mean is what the variable holds beside the point. As in Keras on TensorFlow that is the
    // point after the step, which the first authors take before it.
    const double share = args_.beta_1;
    const Tensor mean = (variable.value() - point * (1 - share)) / share;
    const Tensor next = (1.0 - weight) * mean + weight * point;
    assign(variable, point * (1 - share) + next * share);
  }

  std::vector<Variable> points_;  // Keras calls them momentum
  std::vector<Variable> velocities_;
};

}  // namespace

std::shared_ptr<OptimizerBase> make_object(ScheduleFreeAdamWArgs args) {
  return std::make_shared<ScheduleFreeAdamWOptimizer>(std::move(args));
}

}  // namespace nyala::optimizers
