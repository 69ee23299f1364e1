#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

// What is computed once a step.
enum Key : int { kAlpha, kBeta1, kBeta2, kNow, kNext, kProduct };

// Adam and its kin keep two means of each gradient: its own and that of its square.
template <class Args, class Self>
class TwoMeans : public OptimizerOf<Args, Self> {
 public:
  using OptimizerOf<Args, Self>::OptimizerOf;

 protected:
  void build_slots(const std::vector<Variable>& variables) override {
    auto slots = this->add_slots(variables, {{"momentum"}, {"velocity"}});
    momentums_ = std::move(slots[0]);
    velocities_ = std::move(slots[1]);
  }
  Tensor next_momentum(const Tensor& gradient, std::size_t index) const {
    const Tensor m = momentums_[index];
    Tensor next = ops::lerp(m, gradient, 1 - this->args_.beta_1);
    this->assign(momentums_[index], next);
    return next;
  }
  Tensor next_velocity(const Tensor& gradient, std::size_t index) const {
    const Tensor v = velocities_[index];
    const double share = 1 - this->args_.beta_2;
    Tensor next = this->is_gathered()
                      ? ops::lerp(v, this->map_gradient(gradient, ops::square), share)
                      : ops::lerp_square(v, gradient, share);
    this->assign(velocities_[index], next);
    return next;
  }
  // 1 - beta^step
  Tensor correction_1(DType dtype) {
    return this->once(kBeta1, dtype, [&] {
      return 1 - ops::power(this->args_.beta_1, this->step_number(dtype));
    });
  }
  Tensor correction_2(DType dtype) {
    return this->once(kBeta2, dtype, [&] {
      return 1 - ops::power(this->args_.beta_2, this->step_number(dtype));
    });
  }

 private:
  std::vector<Variable> momentums_;
  std::vector<Variable> velocities_;
};

template <class Args, class Self>
class AdamLike : public TwoMeans<Args, Self> {
 public:
  using TwoMeans<Args, Self>::TwoMeans;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    TwoMeans<Args, Self>::build_slots(variables);
    if (this->args_.amsgrad) velocity_hats_ = this->add_slot(variables, "velocity_hat");
  }
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const DType dtype = variable.dtype();
    const Tensor alpha = this->once(kAlpha, dtype, [&] {
      return rate * ops::sqrt(this->correction_2(dtype)) / this->correction_1(dtype);
    });
    const Tensor m = this->next_momentum(gradient, index);
    Tensor v = this->next_velocity(gradient, index);
    if (this->args_.amsgrad) {
      v = ops::maximum(velocity_hats_[index], v);
      this->assign(velocity_hats_[index], v);
    }
    this->assign(variable, ops::root_step(variable, m, v, alpha, this->args_.epsilon));
  }

  std::vector<Variable> velocity_hats_;
};

class AdamOptimizer final : public AdamLike<AdamArgs, AdamOptimizer> {
 public:
  static constexpr const char* kName = "Adam";
  using AdamLike::AdamLike;
};

class AdamWOptimizer final : public AdamLike<AdamWArgs, AdamWOptimizer> {
 public:
  static constexpr const char* kName = "AdamW";
  explicit AdamWOptimizer(AdamWArgs args) : AdamLike(checked(std::move(args))) {}

 private:
  static AdamWArgs checked(AdamWArgs args) {
    if (!args.weight_decay) throw ValueError("AdamW: received no weight_decay, expected a number");
    return args;
  }
};

class LambOptimizer final : public TwoMeans<LambArgs, LambOptimizer> {
 public:
  static constexpr const char* kName = "Lamb";
  using TwoMeans::TwoMeans;

 private:
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const DType dtype = variable.dtype();
    const Tensor m = next_momentum(gradient, index) / correction_1(dtype);
    const Tensor v = next_velocity(gradient, index) / correction_2(dtype);
    const Tensor step = m / (ops::sqrt(v) + args_.epsilon);
    const Tensor w_norm = ops::sqrt(ops::sum(ops::square(variable)));
    const Tensor step_norm = ops::sqrt(ops::sum(ops::square(step)));
    const Tensor both = ops::logical_and(w_norm > 0, step_norm > 0);
    const Tensor ratio = ops::where(both, w_norm / step_norm, 1.0);
    assign_sub(variable, ratio * rate * step);
  }
};

class NadamOptimizer final : public TwoMeans<NadamArgs, NadamOptimizer> {
 public:
  static constexpr const char* kName = "Nadam";
  using TwoMeans::TwoMeans;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    TwoMeans::build_slots(variables);
    const DType dtype = variables.empty() ? floatx() : variables[0].dtype();
    product_ = Variable(Tensor::scalar(1, dtype), {.trainable = false, .name = "variable"});
    add_variable(product_);
  }
  void begin_step() override {
    assign(product_, product_.value() * momentum_at(0, product_.dtype()));
  }
  // The momentum of this step, or of one `ahead`.
  Tensor momentum_at(int ahead, DType dtype) {
    return once(ahead == 0 ? kNow : kNext, dtype, [&] {
      return args_.beta_1 * (1.0 - 0.5 * ops::power(0.96, step_number(dtype) + ahead));
    });
  }
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const DType dtype = variable.dtype();
    const Tensor now = momentum_at(0, dtype), next = momentum_at(1, dtype);
    const Tensor product = once(kProduct, dtype, [&] { return ops::cast(product_, dtype); });
    const Tensor m = next_momentum(gradient, index);
    const Tensor v = next_velocity(gradient, index) / correction_2(dtype);
    const Tensor m_hat = next * m / (1 - product * next) + (1 - now) * gradient / (1 - product);
    assign_sub(variable, m_hat * rate / (ops::sqrt(v) + args_.epsilon));
  }

  Variable product_;
};

class AdamaxOptimizer final : public OptimizerOf<AdamaxArgs, AdamaxOptimizer> {
 public:
  static constexpr const char* kName = "Adamax";
  using OptimizerOf::OptimizerOf;

 private:
  void build_slots(const std::vector<Variable>& variables) override {
    auto slots = add_slots(variables, {{"momentum"}, {"norm"}});
    momentums_ = std::move(slots[0]);
    norms_ = std::move(slots[1]);
  }
  void update_step(const Tensor& gradient,
                   const Variable& variable,
                   const Tensor& rate,
                   std::size_t index) override {
    const DType dtype = variable.dtype();
    const Tensor correction =
        once(kBeta1, dtype, [&] { return 1 - ops::power(args_.beta_1, step_number(dtype)); });
    const Tensor old = momentums_[index];
    const Tensor m = ops::lerp(old, gradient, 1 - args_.beta_1);
    assign(momentums_[index], m);
    const Tensor norm =
        ops::maximum(norms_[index].value() * args_.beta_2, map_gradient(gradient, ops::abs));
    assign(norms_[index], norm);
    assign_sub(variable, rate * m / (correction * (norm + args_.epsilon)));
  }

  std::vector<Variable> momentums_;
  std::vector<Variable> norms_;
};

}  // namespace

std::shared_ptr<OptimizerBase> make_object(AdamArgs args) {
  return std::make_shared<AdamOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(AdamWArgs args) {
  return std::make_shared<AdamWOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(LambArgs args) {
  return std::make_shared<LambOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(NadamArgs args) {
  return std::make_shared<NadamOptimizer>(std::move(args));
}
std::shared_ptr<OptimizerBase> make_object(AdamaxArgs args) {
  return std::make_shared<AdamaxOptimizer>(std::move(args));
}

}  // namespace nyala::optimizers
