#pragma once
/// The options that optimizers share: each is said once, in one of the lists below.
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

#include <nyala/core/fields.hpp>
#include <nyala/models/optimizers/schedules.hpp>
#include <nyala/models/option_list.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace optimizers {

/// A number, or a schedule that gives one for each step.
struct LearningRate {
  double value = 0;
  schedules::Schedule schedule;

  template <class T>
  requires std::is_arithmetic_v<T> LearningRate(T rate) : value(static_cast<double>(rate)) {}
  /// Throws ValueError for an empty one.
  LearningRate(schedules::Schedule rates) : schedule(std::move(rates)) {
    if (!schedule) throw ValueError("learning_rate is an empty schedule, expected a number or one");
  }
};

// The options that every optimizer takes behind its own and weight_decay, in Keras's order.
#define NYALA_OPTIMIZER_OPTIONS(OPTION)                       \
  OPTION(std::optional<double>, clipnorm, {})                 \
  OPTION(std::optional<double>, clipvalue, {})                \
  OPTION(std::optional<double>, global_clipnorm, {})          \
  OPTION(bool, use_ema, false)                                \
  OPTION(double, ema_momentum, 0.99)                          \
  OPTION(std::optional<int>, ema_overwrite_frequency, {})     \
  OPTION(std::optional<double>, loss_scale_factor, {})        \
  OPTION(std::optional<int>, gradient_accumulation_steps, {}) \
  OPTION(bool, lazy, false)

#define NYALA_OPTIMIZER_ARGS_AFTER_DECAY       \
  NYALA_OPTIMIZER_OPTIONS(NYALA_OPTION_MEMBER) \
  std::string name = {}
#define NYALA_OPTIMIZER_ARGS               \
  std::optional<double> weight_decay = {}; \
  NYALA_OPTIMIZER_ARGS_AFTER_DECAY

// The options of Adam and its kin.
#define NYALA_ADAM_ARGS  \
  double beta_1 = 0.9;   \
  double beta_2 = 0.999; \
  double epsilon = 1e-7

/// What every optimizer has.
struct OptimizerOptions {
  std::optional<double> weight_decay = {};
  NYALA_OPTIMIZER_OPTIONS(NYALA_OPTION_MEMBER)
};

/// The fields of an optimizer's Args: the common ones, in the order of Keras's configuration, then
/// its own.
template <class A, class... Own>
constexpr auto optimizer_fields(Own... own) {
  return std::tuple{
      Field{"name", &A::name, "Its name."},
      Field{"learning_rate", &A::learning_rate, "A number or a schedule."},
      Field{"weight_decay",
            &A::weight_decay,
            "Share of a variable, times the learning rate, that each step takes away.",
            Range::at_least(0)},
      Field{"clipnorm", &A::clipnorm, "Largest norm of each gradient.", Range::at_least(0)},
      Field{"global_clipnorm",
            &A::global_clipnorm,
            "Largest norm of all gradients together.",
            Range::at_least(0)},
      Field{"clipvalue", &A::clipvalue, "Largest element of a gradient.", Range::at_least(0)},
      Field{"use_ema", &A::use_ema, "Whether to keep moving averages of the variables."},
      Field{"ema_momentum", &A::ema_momentum, "Their momentum.", Range::from_0_to_1()},
      Field{"ema_overwrite_frequency",
            &A::ema_overwrite_frequency,
            "After how many steps they replace the variables.",
            Range::at_least(1)},
      Field{"loss_scale_factor",
            &A::loss_scale_factor,
            "What the loss is multiplied by, and gradients divided by.",
            Range::positive()},
      Field{"gradient_accumulation_steps",
            &A::gradient_accumulation_steps,
            "How many gradients make one step.",
            Range::at_least(2)},
      own...,
      Field{"lazy", &A::lazy, "Whether to leave rows of a table that no sample looked up."}};
}

/// The fields of Adam and its kin, then others.
template <class A, class... Own>
constexpr auto adam_fields(Own... own) {
  return optimizer_fields<A>(
      Field{"beta_1", &A::beta_1, "Momentum of the mean gradient.", Range::from_0_to_1()},
      Field{"beta_2", &A::beta_2, "Momentum of the mean square.", Range::from_0_to_1()},
      Field{"epsilon", &A::epsilon, "Added to the root.", Range::at_least(0)},
      own...);
}

}  // namespace optimizers

/// The number as the float32 that Keras keeps, or the schedule.
template <>
struct ConfigCodec<optimizers::LearningRate> {
  static Config to(const optimizers::LearningRate& rate);
  static optimizers::LearningRate from(const Config& config);
};

}  // namespace nyala

#pragma GCC visibility pop
