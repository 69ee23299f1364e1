#pragma once
/// The exceptions that Nyala throws. Each message is one sentence that names the op, layer or file,
/// what came, and what was wanted.
#include <stdexcept>
#include <string>

namespace nyala {

/// Base of every exception that leaves the library.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
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

}  // namespace nyala
