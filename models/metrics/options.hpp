#pragma once
/// What the Args of metrics share.
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/models/metrics/metric.hpp>

#pragma GCC visibility push(default)

/// The two options that all metrics have, and their fields.
#define NYALA_METRIC_OPTIONS(default_name) \
  std::string name = default_name;         \
  std::optional<DTypeLike> dtype = {}
#define NYALA_METRIC_FIELDS(Args)                                                          \
  Field{"name", &Args::name, "Name of the metric; made from the class if empty."}, Field { \
    "dtype", &Args::dtype, "Dtype of the state; the default one if null."                  \
  }
/// A metric without options of its own.
#define NYALA_PLAIN_METRIC_ARGS(Class, default_name) \
  struct Class##Args {                               \
    NYALA_METRIC_OPTIONS(default_name);              \
    template <class A = Class##Args>                 \
    static constexpr auto fields() {                 \
      return std::tuple{NYALA_METRIC_FIELDS(A)};     \
    }                                                \
  }

namespace nyala {
namespace metrics {

/// One threshold or several, for each of which the metric then gives a number; or none.
class Thresholds {
 public:
  Thresholds() = default;
  Thresholds(std::nullopt_t) {}
  Thresholds(double threshold) : values_{threshold}, kind_(Kind::one) {}
  Thresholds(std::initializer_list<double> thresholds) : values_(thresholds), kind_(Kind::list) {}
  Thresholds(std::vector<double> thresholds) : values_(std::move(thresholds)), kind_(Kind::list) {}

  bool given() const { return kind_ != Kind::none; }
  bool is_list() const { return kind_ == Kind::list; }
  const std::vector<double>& values() const { return values_; }

 private:
  enum class Kind : std::uint8_t { none, one, list };
  std::vector<double> values_;
  Kind kind_ = Kind::none;
};

}  // namespace metrics

template <>
struct ConfigCodec<metrics::Thresholds> {
  static Config to(const metrics::Thresholds& thresholds) {
    if (!thresholds.given()) return {};
    if (!thresholds.is_list()) return thresholds.values()[0];
    return ConfigCodec<std::vector<double>>::to(thresholds.values());
  }
  static metrics::Thresholds from(const Config& config) {
    if (config.is_null()) return {};
    if (config.is_number()) return config.as_double();
    return ConfigCodec<std::vector<double>>::from(config);
  }
};

}  // namespace nyala

#pragma GCC visibility pop
