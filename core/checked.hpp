#pragma once
/// Arithmetic of sizes: what shapes, options and files give is added and multiplied here, and a
/// result that does not fit 64 bits is an error instead of another number.
#include <cstdint>
#include <limits>
#include <string>
#include <type_traits>

#include <nyala/core/error.hpp>
#include <nyala/core/shape.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace detail {
/// Throws LimitError: "WHO: 9 * 9 does not fit 64 bits".
[[noreturn]] void throw_overflow(const char* who, std::int64_t a, char sign, std::int64_t b);
}  // namespace detail

/// a + b, a - b, a * b; each throws LimitError, naming `who`, when that does not fit.
inline std::int64_t checked_add(std::int64_t a, std::int64_t b, const char* who) {
  std::int64_t result = 0;
  if (__builtin_add_overflow(a, b, &result)) [[unlikely]]
    detail::throw_overflow(who, a, '+', b);
  return result;
}
inline std::int64_t checked_subtract(std::int64_t a, std::int64_t b, const char* who) {
  std::int64_t result = 0;
  if (__builtin_sub_overflow(a, b, &result)) [[unlikely]]
    detail::throw_overflow(who, a, '-', b);
  return result;
}
inline std::int64_t checked_multiply(std::int64_t a, std::int64_t b, const char* who) {
  std::int64_t result = 0;
  if (__builtin_mul_overflow(a, b, &result)) [[unlikely]]
    detail::throw_overflow(who, a, '*', b);
  return result;
}

/// Sizes of axes: the same, and None where one is None.
inline std::int64_t add_sizes(std::int64_t a, std::int64_t b, const char* who) {
  return a == None || b == None ? None : checked_add(a, b, who);
}
inline std::int64_t multiply_sizes(std::int64_t a, std::int64_t b, const char* who) {
  return a == None || b == None ? None : checked_multiply(a, b, who);
}
/// The product of the sizes that are known and not 0; throws LimitError, naming `who`.
std::int64_t known_elements(const Shape& shape, const char* who);

/// A floating number as an integer, without undefined behaviour: its whole part. Beyond the range
/// it is the nearest integer that T has; NaN is the lowest one (0 where T is unsigned), which no
/// count, index or class number equals.
template <class T, class From>
constexpr T whole_number(From x) {
  static_assert(std::is_integral_v<T> && !std::is_same_v<T, bool>);
  using Limits = std::numeric_limits<T>;
  // Both limits are exact powers of two in From (the upper one plus one).
  constexpr From low = static_cast<From>(Limits::lowest());
  // NOLINTNEXTLINE(bugprone-integer-division): max is odd, so max / 2 + 1 is exactly its half.
  constexpr From high = From{2} * static_cast<From>(Limits::max() / 2 + 1);
  if (!(x > low)) return Limits::lowest();
  return x < high ? static_cast<T>(x) : Limits::max();
}

}  // namespace nyala

#pragma GCC visibility pop
