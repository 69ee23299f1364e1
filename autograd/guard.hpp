#pragma once
/// Where memory that runs out becomes an error of the library. Not part of the public API.
#include <new>
#include <utility>

#include <nyala/core/memory.hpp>

#pragma GCC visibility push(default)

namespace nyala::detail {

/// Calls `f`; std::bad_alloc leaves as LimitError.
template <class F>
decltype(auto) guard_memory(F&& f) {
  try {
    return std::forward<F>(f)();
  } catch (const std::bad_alloc&) {
    throw_out_of_memory();
  }
}

}  // namespace nyala::detail

#pragma GCC visibility pop
