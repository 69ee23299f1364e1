#pragma once
/// Progbar: the line that shows how far a loop is, byte for byte that of `keras.utils.Progbar`.
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include <nyala/models/callbacks/logs.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

struct ProgbarArgs {
  /// Steps in all; nothing when unknown.
  std::optional<std::int64_t> target = {};
  int width = 20;
  /// 1: a bar that is drawn anew; 2: one line at the end.
  int verbose = 1;
  /// The least time between drawings, in seconds.
  double interval = 0.05;
  std::string unit_name = "step";
  /// Whether the bar moves: with colours, over what it drew before. Without, only the last line is
  /// written, as plain text.
  bool dynamic = true;
};

/// Turns steps and times into text; it neither writes nor looks at a clock.
class Progbar {
 public:
  /// `now` in seconds, of any clock.
  Progbar(ProgbarArgs args, double now);

  /// The text to write after `current` steps: empty when it is not time yet. `values` are shown as
  /// they are, in the order in which their names first came.
  std::string update(std::int64_t current, const Logs& values, double now, bool finalize);
  /// Whether `update` would draw.
  bool is_due(double now) const;
  void set_target(std::int64_t target) { args_.target = target; }

 private:
  double step_duration(std::int64_t current, double now);
  bool has_target() const { return args_.target.value_or(0) > 0; }
  std::string counter(std::int64_t current) const;
  std::string bar(std::int64_t current) const;
  std::string duration(std::int64_t current, double per_unit, double now, bool finalize) const;
  std::string time_per_unit(double seconds) const;
  std::string draw(std::int64_t current, double per_unit, double now, bool finalize);
  std::string line(std::int64_t current, double per_unit, double now) const;

  ProgbarArgs args_;
  Logs values_;
  double start_;
  double last_update_ = -std::numeric_limits<double>::infinity();
  std::optional<double> after_first_step_;
  std::size_t drawn_width_ = 0;
};

}  // namespace nyala::callbacks

#pragma GCC visibility pop
