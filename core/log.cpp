#include <nyala/core/log.hpp>

#include <array>
#include <atomic>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace nyala {
namespace {

constexpr std::array<std::string_view, 6> kNames = {
    "trace", "debug", "info", "warning", "error", "off"};
constexpr std::array<spdlog::level::level_enum, 6> kLevels = {spdlog::level::trace,
                                                              spdlog::level::debug,
                                                              spdlog::level::info,
                                                              spdlog::level::warn,
                                                              spdlog::level::err,
                                                              spdlog::level::off};

LogLevel level_of_environment() {
  const char* value = std::getenv("NYALA_LOG_LEVEL");
  for (std::size_t i = 0; value != nullptr && i < kNames.size(); ++i) {
    if (kNames[i] == value) return static_cast<LogLevel>(i);
  }
  return LogLevel::warning;
}

std::atomic<LogLevel>& current_level() {
  static std::atomic<LogLevel> level{level_of_environment()};
  return level;
}

struct Output {
  std::mutex mutex;
  LogSink sink;
  spdlog::logger logger{"nyala", std::make_shared<spdlog::sinks::stderr_sink_mt>()};
  Output() {
    logger.set_level(spdlog::level::trace);
    logger.set_pattern("%n: %l: %v");
  }
};

// Never destroyed, so that a destructor at the program's end may still log.
Output& output() {
  static auto* const output = new Output;
  return *output;
}

}  // namespace

LogLevel log_level() { return current_level().load(std::memory_order_relaxed); }

void set_log_level(LogLevel level) { current_level().store(level, std::memory_order_relaxed); }

void set_log_sink(LogSink sink) {
  const std::lock_guard lock(output().mutex);
  output().sink = std::move(sink);
}

bool log_enabled(LogLevel level) { return level >= log_level() && level != LogLevel::off; }

void log_message(LogLevel level, const std::string& message) {
  if (!log_enabled(level)) return;
  Output& out = output();
  const std::lock_guard lock(out.mutex);
  if (out.sink) {
    out.sink(level, message);
  } else {
    out.logger.log(kLevels[static_cast<std::size_t>(level)], "{}", message);
  }
}

}  // namespace nyala
