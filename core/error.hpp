#pragma once
/// The exceptions that Nyala throws. Each message is one sentence that names the op, layer or file,
/// what came, and what was wanted.
#include <stdexcept>
#include <string>

#pragma GCC visibility push(default)

namespace nyala {

/// Base of every exception that leaves the library. A message is one line: control characters,
/// which names from a file may hold, are escaped.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message);
};

/// A value outside what is allowed: Python's ValueError.
class ValueError : public Error {
 public:
  using Error::Error;
};

/// Shapes that do not fit each other or the operation.
class ShapeError : public ValueError {
 public:
  using ValueError::ValueError;
};

/// A dtype or kind of object that is not accepted: Python's TypeError.
class TypeError : public Error {
 public:
  using Error::Error;
};

/// A name or position that does not exist: Python's IndexError and KeyError.
class IndexError : public Error {
 public:
  using Error::Error;
};

/// Bytes that are not what their format says.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// Legal, but not something that Nyala does.
class UnsupportedError : public Error {
 public:
  using Error::Error;
};

/// A size over a budget, or memory that is not to be had.
class LimitError : public Error {
 public:
  using Error::Error;
};

/// Reading or writing failed; the message holds the system's reason.
class IoError : public Error {
 public:
  using Error::Error;
};

/// A call that comes too early or too late: a model that is not built, a tape already used.
class StateError : public Error {
 public:
  using Error::Error;
};

/// An error of the same type that says `message`: for callers that add who or where.
[[noreturn]] void rethrow_as(const Error& error, const std::string& message);

/// Runs `f`. What it throws then begins with `who`, unless it names `who` already.
template <class F>
decltype(auto) naming(const std::string& who, F&& f) {
  try {
    return f();
  } catch (const Error& error) {
    const std::string what = error.what();
    rethrow_as(error, what.find(who) == std::string::npos ? who + ": " + what : what);
  }
}

/// Text from a file for a message: cut at 200 bytes.
std::string cut(const std::string& text);

}  // namespace nyala

#pragma GCC visibility pop
