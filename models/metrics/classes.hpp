#pragma once
/// The metrics of Keras. Options stand in Keras's order.
#include <nyala/models/metrics/confusion_metrics.hpp>
#include <nyala/models/metrics/mean_metrics.hpp>
#include <nyala/models/metrics/score_metrics.hpp>

#pragma GCC visibility push(default)

namespace nyala::metrics {

/// The classes that users name, and how each is made.
#define METRIC(Class, ...)                                   \
  std::shared_ptr<MetricBase> make_object(Class##Args args); \
  using Class = MetricOf<Class##Args>;
#define VALUE_METRIC(Class, ...)                             \
  std::shared_ptr<MetricBase> make_object(Class##Args args); \
  using Class = ValueMetricOf<Class##Args>;
#include <nyala/models/metrics/metrics.def>
#undef METRIC

}  // namespace nyala::metrics

#pragma GCC visibility pop
