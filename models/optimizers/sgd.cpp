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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    if (args_.momentum == 0) return assign(variable, ops::descend(variable, gradient, rate));
    const Tensor step = gradient * rate;
    const Variable& momentum = momentums_[index];
    const Tensor velocity = momentum.value() * args_.momentum - step;
    assign(momentum, velocity);
    assign_add(variable, args_.nesterov ? velocity * args_.momentum - step : velocity);
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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const Tensor m = momentums_[index];
    assign_sub(variable, rate * ops::sign(m * args_.beta_1 + gradient * (1 - args_.beta_1)));
    assign(momentums_[index], m * args_.beta_2 + gradient * (1 - args_.beta_2));
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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const Tensor w = variable, sum = accumulators_[index];
    const double power = -args_.learning_rate_power;
    const Tensor new_sum = sum + map_gradient(gradient, ops::square);
    const Tensor new_root = ops::power(new_sum, power);
    const Tensor shrunk = gradient + w * (2 * args_.l2_shrinkage_regularization_strength);
    const Tensor linear =
        linears_[index].value() + (shrunk - (new_root - ops::power(sum, power)) / rate * w);
    assign(linears_[index], linear);
    const Tensor l2 = args_.beta / (2.0 * rate) + args_.l2_regularization_strength;
    const Tensor quadratic = new_root / rate + 2 * l2;
    const double l1 = args_.l1_regularization_strength;
    assign(variable, (ops::clip(linear, -l1, l1) - linear) / quadratic);
    assign(accumulators_[index], new_sum);
  }

  std::vector<Variable> accumulators_;
  std::vector<Variable> linears_;
};

}  // namespace

std::shared_ptr<OptimizerBase> make_object(SGDArgs args) {
  return std::make_shared<SGDOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(LionArgs args) {
  return std::make_shared<LionOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(FtrlArgs args) {
  return std::make_shared<FtrlOptimizer>(std::move(args));
}

}  // namespace nyala::optimizers
