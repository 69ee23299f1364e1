#include <nyala/models/optimizers/schedules.hpp>

#include <cmath>
#include <numbers>

#include <nyala/core/ops.hpp>

namespace nyala::optimizers::schedules {
namespace {

Tensor as_float(const Tensor& step) { return ops::cast(step, floatx()); }

double checked(const char* who, const char* option, const Steps& steps) {
  if (steps.count > 0 && std::isfinite(steps.count)) return steps.count;
  throw ValueError(std::string(who) + ": received " + option + " = " + std::to_string(steps.count) +
                   ", expected a number above 0");
}

// Half a wave: 1 at 0, 0 at 1.
Tensor half_wave(const Tensor& x) { return 0.5 * (1.0 + ops::cos(x * std::numbers::pi)); }

class ExponentialDecayObject final
    : public ObjectBase<ScheduleBase, ExponentialDecayArgs, ExponentialDecayObject> {
 public:
  static constexpr const char* kName = "ExponentialDecay";
  explicit ExponentialDecayObject(ExponentialDecayArgs args) : ObjectBase(std::move(args)) {
    checked(kName, "decay_steps", args_.decay_steps);
  }
  Tensor operator()(const Tensor& step) const override {
    Tensor p = as_float(step) / args_.decay_steps.value.count;
    if (args_.staircase) p = ops::floor(p);
    return ops::power(args_.decay_rate.value, p) * args_.initial_learning_rate.value;
  }
};

class PiecewiseConstantDecayObject final
    : public ObjectBase<ScheduleBase, PiecewiseConstantDecayArgs, PiecewiseConstantDecayObject> {
 public:
  static constexpr const char* kName = "PiecewiseConstantDecay";
  explicit PiecewiseConstantDecayObject(PiecewiseConstantDecayArgs args)
      : ObjectBase(std::move(args)) {
    if (args_.boundaries.empty() || args_.boundaries.size() + 1 != args_.values.size()) {
      throw ValueError("PiecewiseConstantDecay: received " +
                       std::to_string(args_.boundaries.size()) + " boundaries and " +
                       std::to_string(args_.values.size()) +
                       " values, expected one value more than boundaries");
    }
  }
  Tensor operator()(const Tensor& step) const override {
    const Tensor first = ops::full_like(as_float(step), args_.values.front());
    Tensor rate = first;
    for (std::size_t i = 0; i < args_.boundaries.size(); ++i) {
      const Steps& bound = args_.boundaries[i];
      const Tensor after =
          bound.is_whole() ? step > static_cast<std::int64_t>(bound.count) : step > bound.count;
      rate = ops::where(after, args_.values[i + 1], rate);
    }
    return rate;
  }
};

class PolynomialDecayObject final
    : public ObjectBase<ScheduleBase, PolynomialDecayArgs, PolynomialDecayObject> {
 public:
  static constexpr const char* kName = "PolynomialDecay";
  explicit PolynomialDecayObject(PolynomialDecayArgs args) : ObjectBase(std::move(args)) {
    checked(kName, "decay_steps", args_.decay_steps);
  }
  Tensor operator()(const Tensor& step) const override {
    const double steps = args_.decay_steps.value.count;
    const Tensor now = as_float(step);
    Tensor p;
    if (args_.cycle) {
      const Tensor cycles = ops::where(ops::equal(now, 0), 1.0, ops::ceil(now / steps));
      p = now / (cycles * steps);
    } else {
      p = ops::minimum(now, steps) / steps;
    }
    const double end = args_.end_learning_rate;
    return ops::power(1 - p, args_.power) * (args_.initial_learning_rate.value - end) + end;
  }
};

class InverseTimeDecayObject final
    : public ObjectBase<ScheduleBase, InverseTimeDecayArgs, InverseTimeDecayObject> {
 public:
  static constexpr const char* kName = "InverseTimeDecay";
  explicit InverseTimeDecayObject(InverseTimeDecayArgs args) : ObjectBase(std::move(args)) {
    checked(kName, "decay_steps", args_.decay_steps);
  }
  Tensor operator()(const Tensor& step) const override {
    Tensor p = as_float(step) / args_.decay_steps.value.count;
    if (args_.staircase) p = ops::floor(p);
    return args_.initial_learning_rate.value / (1 + p * args_.decay_rate.value);
  }
};

class CosineDecayObject final
    : public ObjectBase<ScheduleBase, CosineDecayArgs, CosineDecayObject> {
 public:
  static constexpr const char* kName = "CosineDecay";
  explicit CosineDecayObject(CosineDecayArgs args) : ObjectBase(std::move(args)) {
    checked(kName, "decay_steps", args_.decay_steps);
  }
  Tensor operator()(const Tensor& step) const override {
    const double steps = args_.decay_steps.value.count, start = args_.initial_learning_rate.value;
    const Tensor now = as_float(step);
    if (!args_.warmup_target) return decayed(ops::minimum(now, steps) / steps, start);
    const double target = *args_.warmup_target, warmup = args_.warmup_steps.count;
    Tensor fall = decayed((ops::minimum(now, steps + warmup) - warmup) / steps, target);
    if (warmup <= 0) return fall;
    return ops::where(now < warmup, (now / warmup) * (target - start) + start, fall);
  }

 private:
  Tensor decayed(const Tensor& p, double from) const {
    return (half_wave(p) * (1 - args_.alpha) + args_.alpha) * from;
  }
};

class CosineDecayRestartsObject final
    : public ObjectBase<ScheduleBase, CosineDecayRestartsArgs, CosineDecayRestartsObject> {
 public:
  static constexpr const char* kName = "CosineDecayRestarts";
  explicit CosineDecayRestartsObject(CosineDecayRestartsArgs args) : ObjectBase(std::move(args)) {
    checked(kName, "first_decay_steps", args_.first_decay_steps);
  }
  Tensor operator()(const Tensor& step) const override {
    const double t = args_.t_mul;
    Tensor p = as_float(step) / args_.first_decay_steps.value.count;
    Tensor restarts;
    if (t == 1) {
      restarts = ops::floor(p);
      p = p - restarts;
    } else {
      // The lengths so far are a geometric series: 1 + t + t^2 + ...
      restarts = ops::floor(ops::log(1.0 - p * (1.0 - t)) / std::log(t));
      const Tensor length = ops::power(t, restarts);
      p = (p - (1.0 - length) / (1.0 - t)) / length;
    }
    const Tensor wave = ops::power(args_.m_mul, restarts) * half_wave(p);
    return (wave * (1 - args_.alpha) + args_.alpha) * args_.initial_learning_rate.value;
  }
};

}  // namespace

std::shared_ptr<ScheduleBase> make_object(ExponentialDecayArgs args) {
  return std::make_shared<ExponentialDecayObject>(std::move(args));
}
std::shared_ptr<ScheduleBase> make_object(PiecewiseConstantDecayArgs args) {
  return std::make_shared<PiecewiseConstantDecayObject>(std::move(args));
}
std::shared_ptr<ScheduleBase> make_object(PolynomialDecayArgs args) {
  return std::make_shared<PolynomialDecayObject>(std::move(args));
}
std::shared_ptr<ScheduleBase> make_object(InverseTimeDecayArgs args) {
  return std::make_shared<InverseTimeDecayObject>(std::move(args));
}
std::shared_ptr<ScheduleBase> make_object(CosineDecayArgs args) {
  return std::make_shared<CosineDecayObject>(std::move(args));
}
std::shared_ptr<ScheduleBase> make_object(CosineDecayRestartsArgs args) {
  return std::make_shared<CosineDecayRestartsObject>(std::move(args));
}

ObjectRegistry<ScheduleBase>& ScheduleBase::registry() {
  static ObjectRegistry<ScheduleBase> all(
      "learning-rate schedule",
      {{{"ExponentialDecay"}, ExponentialDecayObject::from_config},
       {{"PiecewiseConstantDecay"}, PiecewiseConstantDecayObject::from_config},
       {{"PolynomialDecay"}, PolynomialDecayObject::from_config},
       {{"InverseTimeDecay"}, InverseTimeDecayObject::from_config},
       {{"CosineDecay"}, CosineDecayObject::from_config},
       {{"CosineDecayRestarts"}, CosineDecayRestartsObject::from_config}});
  return all;
}

}  // namespace nyala::optimizers::schedules
