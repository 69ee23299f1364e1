#include <nyala/models/callbacks/progbar.hpp>

#include <cmath>

#include <nyala/models/callbacks/text.hpp>

namespace nyala::callbacks {
namespace {

using detail::formatted;

std::string repeated(const char* text, std::int64_t times) {
  std::string all;
  for (std::int64_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string padded(const std::string& text, std::size_t width) {
  return text.size() < width ? std::string(width - text.size(), ' ') + text : text;
}

std::string two_digits(std::int64_t number) {
  return (number < 10 ? "0" : "") + std::to_string(number);
}

std::string without_colours(const std::string& text) {
  std::string plain;
  bool escape = false;
  for (const char c : text) {
    if (c == '\x1b') escape = true;
    if (!escape) plain += c;
    if (c == 'm') escape = false;
  }
  return plain;
}

// Columns on a screen: bytes that begin a character.
std::size_t columns(const std::string& text) {
  std::size_t count = 0;
  for (const char c : without_colours(text))
    count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

}  // namespace

Progbar::Progbar(ProgbarArgs args, double now) : args_(std::move(args)), start_(now) {}

bool Progbar::is_due(double now) const { return now - last_update_ >= args_.interval; }

// The mean time of a step, the first of which is no measure.
double Progbar::step_duration(std::int64_t current, double now) {
  if (current == 0) return 0;
  const auto steps = static_cast<double>(current);
  const double mean = after_first_step_ && current > 1 ? (now - *after_first_step_) / (steps - 1)
                                                       : (now - start_) / steps;
  if (current == 1) after_first_step_ = now;
  return mean;
}

std::string Progbar::time_per_unit(double seconds) const {
  std::string number;
  if (seconds >= 1 || seconds == 0)
    number = formatted("%.0fs", seconds);
  else if (seconds >= 1e-3)
    number = formatted("%.0fms", seconds * 1e3);
  else
    number = formatted("%.0fus", seconds * 1e6);
  return " " + number + "/" + args_.unit_name;
}

std::string Progbar::counter(std::int64_t current) const {
  const std::string target = std::to_string(*args_.target);
  return padded(std::to_string(current), target.size()) + "/" + target;
}

std::string Progbar::bar(std::int64_t current) const {
  if (!has_target()) return padded(std::to_string(current), 7) + "/Unknown";
  const double share = static_cast<double>(current) / static_cast<double>(*args_.target);
  const auto done = static_cast<std::int64_t>(args_.width * share);
  std::string text = "\x1b[1m" + counter(current) + "\x1b[0m ";
  if (done > 0) text += "\x1b[32m" + repeated("━", done) + "\x1b[0m";
  return text + "\x1b[37m" + repeated("━", args_.width - done) + "\x1b[0m";
}

// The time that is left, or at the end the time that it took.
std::string Progbar::duration(std::int64_t current,
                              double per_unit,
                              double now,
                              bool finalize) const {
  if (!has_target() || finalize) return formatted("%.0fs", now - start_);
  const double left = per_unit * static_cast<double>(*args_.target - current);
  const auto seconds = static_cast<std::int64_t>(left);
  if (left > 3600) {
    return std::to_string(seconds / 3600) + ":" + two_digits(seconds % 3600 / 60) + ":" +
           two_digits(seconds % 60);
  }
  if (left > 60) return std::to_string(seconds / 60) + ":" + two_digits(seconds % 60);
  return std::to_string(seconds) + "s";
}

std::string Progbar::draw(std::int64_t current, double per_unit, double now, bool finalize) {
  std::string text = bar(current) + " \x1b[1m" + duration(current, per_unit, now, finalize) +
                     "\x1b[0m" + time_per_unit(per_unit);
  for (const auto& [name, value] : values_) {
    text += " - " + name + ": " + formatted(std::abs(value) > 1e-3 ? "%.4f" : "%.4e", value);
  }
  const std::size_t width = columns(text);
  std::string before;
  if (args_.dynamic) {
    before = std::string(drawn_width_, '\b') + "\r";
    if (drawn_width_ > width) text += std::string(drawn_width_ - width, ' ');
  } else {
    text = without_colours(text);
  }
  drawn_width_ = width;
  return before + text + (finalize ? "\n" : "");
}

std::string Progbar::line(std::int64_t current, double per_unit, double now) const {
  std::string text =
      counter(current) + " - " + formatted("%.0fs", now - start_) + " -" + time_per_unit(per_unit);
  for (const auto& [name, value] : values_) {
    text += " - " + name + ": " + formatted(value > 1e-3 ? "%.4f" : "%.4e", value);
  }
  return text + "\n";
}

std::string Progbar::update(std::int64_t current, const Logs& values, double now, bool finalize) {
  for (const auto& [name, value] : values) values_[name] = value;
  const double per_unit = step_duration(current, now);
  if (args_.verbose == 2) return finalize && has_target() ? line(current, per_unit, now) : "";
  if (args_.verbose != 1 || (!finalize && (!args_.dynamic || !is_due(now)))) return "";
  last_update_ = now;
  return draw(current, per_unit, now, finalize);
}

}  // namespace nyala::callbacks
