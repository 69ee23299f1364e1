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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const double rho = args_.rho;
    const Tensor velocity =
        velocities_[index].value() * rho + map_gradient(gradient, ops::square) * (1 - rho);
    assign(velocities_[index], velocity);
    Tensor square = velocity;
    if (args_.centered) {
      const Tensor average = averages_[index].value() * rho + gradient * (1 - rho);
      assign(averages_[index], average);
      square = velocity - ops::square(average);
    }
    const Tensor step = rate * gradient / ops::sqrt(square + args_.epsilon);
    if (args_.momentum == 0) {
      assign_sub(variable, step);
      return;
    }
    const Tensor momentum = momentums_[index].value() * args_.momentum + step;
    assign(momentums_[index], momentum);
    assign_sub(variable, momentum);
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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const Tensor sum = accumulators_[index].value() + map_gradient(gradient, ops::square);
    assign(accumulators_[index], sum);
    assign_sub(variable, rate * gradient / ops::sqrt(sum + args_.epsilon));
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
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const double rho = args_.rho, epsilon = args_.epsilon;
    const Tensor squares = map_gradient(gradient, ops::square);
    const Tensor square = gradients_[index].value() * rho + squares * (1 - rho);
    assign(gradients_[index], square);
    const Tensor steps = steps_[index];
    const Tensor factor = ops::sqrt(steps + epsilon) / ops::sqrt(square + epsilon);
    // The squares of the steps: like those of the gradients, of each occurrence of a row by itself.
    assign(steps_[index], steps * rho + squares * ops::square(factor) * (1 - rho));
    assign_sub(variable, rate * (factor * gradient));
  }

  std::vector<Variable> gradients_;
  std::vector<Variable> steps_;
};

}  // namespace

std::shared_ptr<OptimizerBase> make_object(RMSpropArgs args) {
  return std::make_shared<RMSpropOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(AdagradArgs args) {
  return std::make_shared<AdagradOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(AdadeltaArgs args) {
  return std::make_shared<AdadeltaOptimizer>(std::move(args));
}

}  // namespace nyala::optimizers
