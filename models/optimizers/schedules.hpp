#pragma once
/// Learning-rate schedules: the learning rate as a function of the step.
#include <concepts>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace optimizers::schedules {

class ScheduleBase : public Object {
 public:
  std::string module() const override { return "keras.optimizers.schedules"; }
  /// The learning rate (floatx) at a step, or at each of several.
  virtual Tensor operator()(const Tensor& step) const = 0;
  /// The schedules by name; a program may add its own.
  static ObjectRegistry<ScheduleBase>& registry();
};

/// A shared handle to a schedule: `schedule(step)` is the rate at that step. On an empty handle
/// calls throw StateError.
class Schedule : public Handle<ScheduleBase> {
 public:
  using Handle::Handle;
  Schedule() = default;
  Schedule(const Handle& handle) : Handle(handle) {}
  template <std::derived_from<ScheduleBase> T>
  Schedule(std::shared_ptr<T> object) : Handle(std::shared_ptr<ScheduleBase>(std::move(object))) {}

  Tensor operator()(const Tensor& step) const { return at("operator()")(step); }
  template <class T>
  requires std::is_arithmetic_v<T> Tensor operator()(T step) const {
    return (*this)(Tensor::scalar(step, dtype_of<T>));
  }
  Config get_config() const { return at("get_config").get_config(); }
};

/// A number of steps: whole or not, and written as it was given.
class Steps {
 public:
  Steps() = default;
  template <class T>
  requires std::is_arithmetic_v<T> Steps(T number)
      : count(static_cast<double>(number)), is_whole_(std::is_integral_v<T>) {}

  double count = 0;
  bool is_whole() const { return is_whole_; }

 private:
  bool is_whole_ = true;
};

/// initial_learning_rate * decay_rate^(step / decay_steps); `staircase` takes the whole part.
struct ExponentialDecayArgs {
  Required<double> initial_learning_rate;
  Required<Steps> decay_steps;
  Required<double> decay_rate;
  bool staircase = false;
  std::optional<std::string> name = "ExponentialDecay";
  template <class A = ExponentialDecayArgs>
  static constexpr auto fields() {
    return std::tuple{
        Field{"initial_learning_rate", &A::initial_learning_rate, "At step 0."},
        Field{"decay_steps", &A::decay_steps, "Steps for one factor decay_rate."},
        Field{"decay_rate", &A::decay_rate, "The factor.", Range::at_least(0)},
        Field{"staircase", &A::staircase, "Whether it falls at once after decay_steps."},
        Field{"name", &A::name, "Its name."}};
  }
};

/// values[i] up to boundaries[i], the last value after the last boundary.
struct PiecewiseConstantDecayArgs {
  std::vector<Steps> boundaries;
  std::vector<double> values;
  std::optional<std::string> name = "PiecewiseConstant";
  template <class A = PiecewiseConstantDecayArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"boundaries", &A::boundaries, "The steps after which it changes."},
                      Field{"values", &A::values, "The rates: one more than boundaries."},
                      Field{"name", &A::name, "Its name."}};
  }
};

/// From initial_learning_rate to end_learning_rate within decay_steps, as (1 - step /
/// decay_steps)^power.
struct PolynomialDecayArgs {
  Required<double> initial_learning_rate;
  Required<Steps> decay_steps;
  double end_learning_rate = 0.0001;
  double power = 1;
  bool cycle = false;
  std::optional<std::string> name = "PolynomialDecay";
  template <class A = PolynomialDecayArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"initial_learning_rate", &A::initial_learning_rate, "At step 0."},
                      Field{"decay_steps", &A::decay_steps, "Steps to the end."},
                      Field{"end_learning_rate", &A::end_learning_rate, "At the end."},
                      Field{"power", &A::power, "1 for a straight line."},
                      Field{"cycle", &A::cycle, "Whether it rises and falls again afterwards."},
                      Field{"name", &A::name, "Its name."}};
  }
};

/// initial_learning_rate / (1 + decay_rate * step / decay_steps)
struct InverseTimeDecayArgs {
  Required<double> initial_learning_rate;
  Required<Steps> decay_steps;
  Required<double> decay_rate;
  bool staircase = false;
  std::optional<std::string> name = "InverseTimeDecay";
  template <class A = InverseTimeDecayArgs>
  static constexpr auto fields() {
    return std::tuple{
        Field{"initial_learning_rate", &A::initial_learning_rate, "At step 0."},
        Field{"decay_steps", &A::decay_steps, "Steps for one decay_rate."},
        Field{"decay_rate", &A::decay_rate, "How fast it falls."},
        Field{"staircase", &A::staircase, "Whether it falls at once after decay_steps."},
        Field{"name", &A::name, "Its name."}};
  }
};

/// Half a wave of the cosine, from initial_learning_rate down to alpha times that. With a
/// warmup_target it first rises to that within warmup_steps, and falls from there.
struct CosineDecayArgs {
  Required<double> initial_learning_rate;
  Required<Steps> decay_steps;
  double alpha = 0;
  std::optional<std::string> name = "CosineDecay";
  std::optional<double> warmup_target = {};
  Steps warmup_steps = 0;
  template <class A = CosineDecayArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"initial_learning_rate", &A::initial_learning_rate, "At step 0."},
                      Field{"decay_steps", &A::decay_steps, "Steps of the fall."},
                      Field{"alpha", &A::alpha, "What share is left."},
                      Field{"name", &A::name, "Its name."},
                      Field{"warmup_target", &A::warmup_target, "What it rises to first."},
                      Field{"warmup_steps", &A::warmup_steps, "Steps of the rise."}};
  }
};

/// CosineDecay again and again: each time t_mul as long, and starting at m_mul as much.
struct CosineDecayRestartsArgs {
  Required<double> initial_learning_rate;
  Required<Steps> first_decay_steps;
  double t_mul = 2;
  double m_mul = 1;
  double alpha = 0;
  std::optional<std::string> name = "SGDRDecay";
  template <class A = CosineDecayRestartsArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"initial_learning_rate", &A::initial_learning_rate, "At step 0."},
                      Field{"first_decay_steps", &A::first_decay_steps, "Steps of the first fall."},
                      Field{"t_mul", &A::t_mul, "Factor of the length.", Range::positive()},
                      Field{"m_mul", &A::m_mul, "Factor of the start."},
                      Field{"alpha", &A::alpha, "What share is left."},
                      Field{"name", &A::name, "Its name."}};
  }
};

std::shared_ptr<ScheduleBase> make_object(ExponentialDecayArgs args);
std::shared_ptr<ScheduleBase> make_object(PiecewiseConstantDecayArgs args);
std::shared_ptr<ScheduleBase> make_object(PolynomialDecayArgs args);
std::shared_ptr<ScheduleBase> make_object(InverseTimeDecayArgs args);
std::shared_ptr<ScheduleBase> make_object(CosineDecayArgs args);
std::shared_ptr<ScheduleBase> make_object(CosineDecayRestartsArgs args);

using ExponentialDecay = HandleOf<ScheduleBase, ExponentialDecayArgs, Schedule>;
using PiecewiseConstantDecay = HandleOf<ScheduleBase, PiecewiseConstantDecayArgs, Schedule>;
using PolynomialDecay = HandleOf<ScheduleBase, PolynomialDecayArgs, Schedule>;
using InverseTimeDecay = HandleOf<ScheduleBase, InverseTimeDecayArgs, Schedule>;
using CosineDecay = HandleOf<ScheduleBase, CosineDecayArgs, Schedule>;
using CosineDecayRestarts = HandleOf<ScheduleBase, CosineDecayRestartsArgs, Schedule>;

}  // namespace optimizers::schedules

template <>
struct ConfigCodec<optimizers::schedules::Steps> {
  static Config to(const optimizers::schedules::Steps& steps) {
    return steps.is_whole() ? Config(static_cast<std::int64_t>(steps.count)) : Config(steps.count);
  }
  static optimizers::schedules::Steps from(const Config& config) {
    if (config.is_int()) return config.as_int();
    return config.as_double();
  }
};

}  // namespace nyala

#pragma GCC visibility pop
