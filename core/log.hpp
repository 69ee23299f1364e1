#pragma once
/// Messages for people: one line each, to standard error unless a sink takes them.
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#pragma GCC visibility push(default)

namespace nyala {

enum class LogLevel : std::uint8_t { trace, debug, info, warning, error, off };

/// The least level that is written: at first what the environment variable NYALA_LOG_LEVEL names
/// (trace, debug, info, warning, error, off), else warning.
LogLevel log_level();
void set_log_level(LogLevel level);

/// Receives each message instead of standard error; an empty function restores that. It may be
/// called from any thread, one call at a time.
using LogSink = std::function<void(LogLevel level, std::string_view message)>;
void set_log_sink(LogSink sink);

/// For the library itself.
bool log_enabled(LogLevel level);
void log_message(LogLevel level, const std::string& message);
inline void log_debug(const std::string& message) { log_message(LogLevel::debug, message); }
inline void log_info(const std::string& message) { log_message(LogLevel::info, message); }
inline void log_warning(const std::string& message) { log_message(LogLevel::warning, message); }

}  // namespace nyala

#pragma GCC visibility pop
