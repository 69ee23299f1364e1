#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala::optimizers {
namespace {

// What is computed once a step.
enum Key : int { kAlpha, kCorrection1, kCorrection2, kNow, kNext, kProduct };

// Adam and its kin keep two moving means for each variable, m and v. classes.hpp has the formulas.
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
  // m = beta_1 m + (1 - beta_1) g
  Tensor next_momentum(const VariableUpdate& w) const {
    const VariableView m = w.slot(momentums_);
    Tensor next = ops::lerp(m, w.gradient(), 1 - this->args_.beta_1);
    m.assign(next);
    return next;
  }
  // v = beta_2 v + (1 - beta_2) g^2
  Tensor next_velocity(const VariableUpdate& w) const {
    const VariableView v = w.slot(velocities_);
    const double share = 1 - this->args_.beta_2;
    Tensor next = w.is_gathered() ? ops::lerp(v, w.map_gradient(ops::square), share)
                                  : ops::lerp_square(v, w.gradient(), share);
    v.assign(next);
    return next;
  }
  // 1 - beta^t: what a mean that starts with 0 has to be divided by.
  Tensor correction_1(StepContext& step) const {
    return step.once(kCorrection1,
                     [&] { return 1 - ops::power(this->args_.beta_1, step.number()); });
  }
  Tensor correction_2(StepContext& step) const {
    return step.once(kCorrection2,
                     [&] { return 1 - ops::power(this->args_.beta_2, step.number()); });
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
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const Tensor alpha = step.once(kAlpha, [&] {
      return step.learning_rate() * ops::sqrt(this->correction_2(step)) / this->correction_1(step);
    });
    const Tensor m = this->next_momentum(w);
    Tensor v = this->next_velocity(w);
    if (this->args_.amsgrad) {
      const VariableView v_hat = w.slot(velocity_hats_);
      v = ops::maximum(v_hat, v);
      v_hat.assign(v);
    }
    w.variable().assign(ops::root_step(w.variable(), m, v, alpha, this->args_.epsilon));
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
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const Tensor m = next_momentum(w) / correction_1(step);
    const Tensor v = next_velocity(w) / correction_2(step);
    const Tensor direction = m / (ops::sqrt(v) + args_.epsilon);
    const Tensor w_norm = ops::sqrt(ops::sum(ops::square(w.variable())));
    const Tensor norm = ops::sqrt(ops::sum(ops::square(direction)));
    const Tensor both = ops::logical_and(w_norm > 0, norm > 0);
    const Tensor ratio = ops::where(both, w_norm / norm, 1.0);
    w.variable().assign_sub(ratio * step.learning_rate() * direction);
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
  void begin_step(OptimizerStep& step) override {
    step.assign(product_, product_.value() * momentum_at(step.in(product_.dtype()), 0));
  }
  // c_t, or that of a step `ahead`.
  Tensor momentum_at(StepContext& step, int ahead) const {
    return step.once(ahead == 0 ? kNow : kNext, [&] {
      return args_.beta_1 * (1.0 - 0.5 * ops::power(0.96, step.number() + ahead));
    });
  }
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const Tensor now = momentum_at(step, 0), next = momentum_at(step, 1);
    const Tensor product = step.once(kProduct, [&] { return ops::cast(product_, step.dtype()); });
    const Tensor m = next_momentum(w);
    const Tensor v = next_velocity(w) / correction_2(step);
    const Tensor m_hat = next * m / (1 - product * next) + (1 - now) * w.gradient() / (1 - product);
    w.variable().assign_sub(m_hat * step.learning_rate() / (ops::sqrt(v) + args_.epsilon));
  }

  Variable product_;  // p_t
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
  void update_step(StepContext& step, const VariableUpdate& w) override {
    const Tensor correction =
        step.once(kCorrection1, [&] { return 1 - ops::power(args_.beta_1, step.number()); });
    const VariableView old_m = w.slot(momentums_), old_norm = w.slot(norms_);
    const Tensor m = ops::lerp(old_m, w.gradient(), 1 - args_.beta_1);
    old_m.assign(m);
    const Tensor norm = ops::maximum(old_norm * args_.beta_2, w.map_gradient(ops::abs));
    old_norm.assign(norm);
    w.variable().assign_sub(step.learning_rate() * m / (correction * (norm + args_.epsilon)));
  }

  std::vector<Variable> momentums_;
  std::vector<Variable> norms_;
};

}  // namespace

NYALA_OPTIMIZER(Adam, AdamOptimizer)
NYALA_OPTIMIZER(AdamW, AdamWOptimizer)
NYALA_OPTIMIZER(Lamb, LambOptimizer)
NYALA_OPTIMIZER(Nadam, NadamOptimizer)
NYALA_OPTIMIZER(Adamax, AdamaxOptimizer)

}  // namespace nyala::optimizers
