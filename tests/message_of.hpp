#pragma once
/// What a call that fails says.
#include <string>
#include <utility>

#include <nyala/core/error.hpp>

namespace nyala {

/// The message of the Error that `f` throws; "no error" when it throws none.
template <class F>
std::string message_of(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace nyala
