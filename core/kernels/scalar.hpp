#pragma once
/// What each elementwise op computes for one element: the integer kernels' arithmetic and the
/// fallback of the floating ones.
#include <cmath>
#include <limits>
#include <type_traits>

#include <nyala/core/checked.hpp>
#include <nyala/core/kernels/elementwise.hpp>

namespace nyala::kernels::scalar {

/// Whether an op takes a type.
template <class T, class Op>
constexpr bool takes(Op op) {
  const Takes taken = traits_of(op).takes;
  return taken == Takes::any || (taken == Takes::floats) == std::is_floating_point_v<T>;
}
/// False, for the last branch of a chain that knows all ops of its kind.
template <auto op>
inline constexpr bool is_known = false;

/// The unsigned type in which T wraps: at least int wide, so that nothing is promoted to int.
template <class T>
using Wrap =
    std::conditional_t<(sizeof(T) < sizeof(unsigned)),
                       unsigned,
                       std::make_unsigned_t<std::conditional_t<std::is_same_v<T, bool>, int, T>>>;

template <class T>
constexpr T wrap_multiply(T x, T y) {
  return static_cast<T>(static_cast<Wrap<T>>(x) * static_cast<Wrap<T>>(y));
}

template <class T>
constexpr T floor_divide_integer(T x, T y) {
  if (y == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) return static_cast<T>(Wrap<T>{0} - static_cast<Wrap<T>>(x));
    const T quotient = static_cast<T>(x / y);
    return static_cast<T>(quotient - ((x % y != 0) && ((x < 0) != (y < 0)) ? 1 : 0));
  } else {
    return static_cast<T>(x / y);
  }
}

template <class T>
constexpr T mod_integer(T x, T y) {
  if (y == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (y == -1) return 0;
    const T rest = static_cast<T>(x % y);
    return static_cast<T>(rest != 0 && ((rest < 0) != (y < 0)) ? rest + y : rest);
  } else {
    return static_cast<T>(x % y);
  }
}

template <class T>
constexpr T power_integer(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) {
      if (base == 1) return 1;
      if (base == -1) return (exponent & 1) != 0 ? T{-1} : T{1};
      return 0;
    }
  }
  T result = 1;
  for (auto rest = static_cast<std::make_unsigned_t<T>>(exponent); rest != 0;
       rest = static_cast<std::make_unsigned_t<T>>(rest >> 1)) {
    if ((rest & 1) != 0) result = wrap_multiply(result, base);
    base = wrap_multiply(base, base);
  }
  return result;
}

template <class T>
T mod_float(T x, T y) {
  T rest = std::fmod(x, y);
  if (rest == 0) return std::copysign(T{0}, y);
  if ((rest < 0) != (y < 0)) rest += y;
  return rest;
}

/// As Python's float floor division: exact where the plain quotient would round up.
template <class T>
T floor_divide_float(T x, T y) {
  if (y == 0) return x / y;
  T rest = std::fmod(x, y);
  T quotient = (x - rest) / y;
  if (rest != 0 && ((rest < 0) != (y < 0))) quotient -= 1;
  if (quotient == 0) return std::copysign(T{0}, x / y);
  const T floored = std::floor(quotient);
  return quotient - floored > T{0.5} ? floored + 1 : floored;
}

template <class T>
T sigmoid(T x) {
  // exp of a negative number cannot overflow.
  const T e = std::exp(-std::abs(x));
  return (x >= 0 ? T{1} : e) / (1 + e);
}

template <class T>
T softplus(T x) {
  return std::isnan(x) ? x : std::fmax(x, T{0}) + std::log1p(std::exp(-std::abs(x)));
}

template <class T>
T bounded_probability(T p) {
  constexpr T low = static_cast<T>(kLeastProbability), high = static_cast<T>(1 - kLeastProbability);
  const T above = low > p ? low : p;  // in this order it is one instruction, and NaN stays
  return high < above ? high : above;
}

template <class T>
T gelu(T x) {
  constexpr T root_half = T(0.70710678118654752440);
  if (x == -std::numeric_limits<T>::infinity()) return T(-0.0);
  return T{0.5} * x * std::erfc(-x * root_half);
}

template <class T>
T gelu_tanh(T x) {
  // x sigmoid(2 z) is 0.5 x (1 + tanh z) without its cancellation.
  constexpr T scale = T(1.5957691216057307118);  // 2 sqrt(2 / pi)
  if (x == -std::numeric_limits<T>::infinity()) return T(-0.0);
  return x * sigmoid(scale * (x + T(0.044715) * x * x * x));
}

template <class T>
T silu(T x) {
  if (x == -std::numeric_limits<T>::infinity()) return T(-0.0);
  return x * sigmoid(x);
}

template <Unary op, class T>
auto unary_integer(T x) {
  if constexpr (op == Unary::negative)
    return static_cast<T>(Wrap<T>{0} - static_cast<Wrap<T>>(x));
  else if constexpr (op == Unary::square)
    return wrap_multiply(x, x);
  else if constexpr (op == Unary::logical_not)
    return x == 0;
  else if constexpr (op == Unary::isnan || op == Unary::isinf)
    return false;
  else if constexpr (op == Unary::isfinite)
    return true;
  else if constexpr (op == Unary::abs) {
    if constexpr (std::is_signed_v<T>)
      return x < 0 ? unary_integer<Unary::negative>(x) : x;
    else
      return x;
  } else if constexpr (op == Unary::sign)
    return static_cast<T>((x > 0) - (x < 0));
  else if constexpr (op == Unary::relu)
    return x > 0 ? x : T{0};
  else if constexpr (op == Unary::floor || op == Unary::ceil || op == Unary::round ||
                     op == Unary::trunc)
    return x;
  else
    static_assert(is_known<op>, "scalar.hpp does not compute this op of integers");
}

template <Unary op, class T>
auto unary_float(T x) {
  if constexpr (op == Unary::negative)
    return -x;
  else if constexpr (op == Unary::abs)
    return std::abs(x);
  else if constexpr (op == Unary::sign)
    return x > 0 ? T{1} : x < 0 ? T{-1} : x;
  else if constexpr (op == Unary::square)
    return x * x;
  else if constexpr (op == Unary::relu)
    return x < 0 ? T{0} : x;
  else if constexpr (op == Unary::floor)
    return std::floor(x);
  else if constexpr (op == Unary::ceil)
    return std::ceil(x);
  else if constexpr (op == Unary::round)
    return std::nearbyint(x);
  else if constexpr (op == Unary::trunc)
    return std::trunc(x);
  else if constexpr (op == Unary::logical_not)
    return x == 0;
  else if constexpr (op == Unary::isnan)
    return std::isnan(x);
  else if constexpr (op == Unary::isinf)
    return std::isinf(x);
  else if constexpr (op == Unary::isfinite)
    return std::isfinite(x);
  else if constexpr (op == Unary::sqrt)
    return std::sqrt(x);
  else if constexpr (op == Unary::rsqrt)
    return 1 / std::sqrt(x);
  else if constexpr (op == Unary::reciprocal)
    return 1 / x;
  else if constexpr (op == Unary::exp)
    return std::exp(x);
  else if constexpr (op == Unary::expm1)
    return std::expm1(x);
  else if constexpr (op == Unary::log)
    return std::log(x);
  else if constexpr (op == Unary::log1p)
    return std::log1p(x);
  else if constexpr (op == Unary::log2)
    return std::log2(x);
  else if constexpr (op == Unary::log10)
    return std::log10(x);
  else if constexpr (op == Unary::sin)
    return std::sin(x);
  else if constexpr (op == Unary::cos)
    return std::cos(x);
  else if constexpr (op == Unary::tan)
    return std::tan(x);
  else if constexpr (op == Unary::arcsin)
    return std::asin(x);
  else if constexpr (op == Unary::arccos)
    return std::acos(x);
  else if constexpr (op == Unary::arctan)
    return std::atan(x);
  else if constexpr (op == Unary::sinh)
    return std::sinh(x);
  else if constexpr (op == Unary::cosh)
    return std::cosh(x);
  else if constexpr (op == Unary::tanh)
    return std::tanh(x);
  else if constexpr (op == Unary::arcsinh)
    return std::asinh(x);
  else if constexpr (op == Unary::arccosh)
    return std::acosh(x);
  else if constexpr (op == Unary::arctanh)
    return std::atanh(x);
  else if constexpr (op == Unary::erf)
    return std::erf(x);
  else if constexpr (op == Unary::erfc)
    return std::erfc(x);
  else if constexpr (op == Unary::sigmoid)
    return sigmoid(x);
  else if constexpr (op == Unary::softplus)
    return softplus(x);
  else if constexpr (op == Unary::gelu)
    return gelu(x);
  else if constexpr (op == Unary::gelu_tanh)
    return gelu_tanh(x);
  else if constexpr (op == Unary::silu)
    return silu(x);
  else
    static_assert(is_known<op>, "scalar.hpp does not compute this op of floats");
}

template <Unary op, class T>
auto unary(T x) {
  if constexpr (std::is_floating_point_v<T>)
    return unary_float<op>(x);
  else if constexpr (std::is_same_v<T, bool>) {
    if constexpr (is_predicate(op))
      return unary_integer<op>(x);
    else
      return x;  // true and false are fixed points of what takes bool; negation included
  } else
    return unary_integer<op>(x);
}

/// The ops that mean the same for every type.
template <Binary op, class T>
auto binary_common(T x, T y) {
  if constexpr (op == Binary::equal)
    return x == y;
  else if constexpr (op == Binary::not_equal)
    return x != y;
  else if constexpr (op == Binary::less)
    return x < y;
  else if constexpr (op == Binary::less_equal)
    return x <= y;
  else if constexpr (op == Binary::greater)
    return x > y;
  else if constexpr (op == Binary::greater_equal)
    return x >= y;
  else if constexpr (op == Binary::logical_and)
    return x != 0 && y != 0;
  else if constexpr (op == Binary::logical_or)
    return x != 0 || y != 0;
  else if constexpr (op == Binary::logical_xor)
    return (x != 0) != (y != 0);
  else if constexpr (op == Binary::relu_grad)
    return x > 0 ? y : T{0};
  else
    static_assert(is_known<op>, "scalar.hpp does not compute this op");
}
constexpr bool is_common(Binary op) { return is_predicate(op) || op == Binary::relu_grad; }

template <Binary op, class T>
T binary_integer(T x, T y) {
  if constexpr (op == Binary::add)
    return static_cast<T>(static_cast<Wrap<T>>(x) + static_cast<Wrap<T>>(y));
  else if constexpr (op == Binary::subtract)
    return static_cast<T>(static_cast<Wrap<T>>(x) - static_cast<Wrap<T>>(y));
  else if constexpr (op == Binary::multiply)
    return wrap_multiply(x, y);
  else if constexpr (op == Binary::maximum)
    return x < y ? y : x;
  else if constexpr (op == Binary::minimum)
    return y < x ? y : x;
  else if constexpr (op == Binary::floor_divide)
    return floor_divide_integer(x, y);
  else if constexpr (op == Binary::mod)
    return mod_integer(x, y);
  else if constexpr (op == Binary::power)
    return power_integer(x, y);
  else if constexpr (op == Binary::bitwise_and)
    return static_cast<T>(x & y);
  else if constexpr (op == Binary::bitwise_or)
    return static_cast<T>(x | y);
  else if constexpr (op == Binary::bitwise_xor)
    return static_cast<T>(x ^ y);
  else
    static_assert(is_known<op>, "scalar.hpp does not compute this op of integers");
}

template <Binary op>
bool binary_bool(bool x, bool y) {
  if constexpr (op == Binary::add || op == Binary::maximum || op == Binary::bitwise_or)
    return x || y;
  else if constexpr (op == Binary::subtract || op == Binary::bitwise_xor)
    return x != y;
  else if constexpr (op == Binary::power)
    return x || !y;
  else if constexpr (op == Binary::mod)
    return false;
  else if constexpr (op == Binary::multiply || op == Binary::minimum ||
                     op == Binary::floor_divide || op == Binary::bitwise_and)
    return x && y;
  else
    static_assert(is_known<op>, "scalar.hpp does not compute this op of bool");
}

template <Binary op, class T>
T binary_float(T x, T y) {
  if constexpr (op == Binary::add)
    return x + y;
  else if constexpr (op == Binary::subtract)
    return x - y;
  else if constexpr (op == Binary::multiply)
    return x * y;
  else if constexpr (op == Binary::maximum)
    return x > y || std::isnan(x) ? x : y;
  else if constexpr (op == Binary::minimum)
    return x < y || std::isnan(x) ? x : y;
  else if constexpr (op == Binary::floor_divide)
    return floor_divide_float(x, y);
  else if constexpr (op == Binary::mod)
    return mod_float(x, y);
  else if constexpr (op == Binary::power)
    return std::pow(x, y);
  else if constexpr (op == Binary::tanh_grad)
    return y * (1 - x * x);
  else if constexpr (op == Binary::sigmoid_grad)
    return y * x * (1 - x);
  else if constexpr (op == Binary::divide)
    return x / y;
  else if constexpr (op == Binary::crossentropy)
    return -(y * std::log(bounded_probability(x)) + (1 - y) * std::log(1 - bounded_probability(x)));
  else if constexpr (op == Binary::crossentropy_slope)
    return x == bounded_probability(x) ? (1 - y) / (1 - x) - y / x : T{0};
  else if constexpr (op == Binary::logit_crossentropy)
    return softplus(x) - x * y;
  else if constexpr (op == Binary::arctan2)
    return std::atan2(x, y);
  else
    static_assert(is_known<op>, "scalar.hpp does not compute this op of floats");
}

template <Binary op, class T>
auto binary(T x, T y) {
  if constexpr (is_common(op))
    return binary_common<op>(x, y);
  else if constexpr (std::is_floating_point_v<T>)
    return binary_float<op>(x, y);
  else if constexpr (std::is_same_v<T, bool>)
    return binary_bool<op>(x, y);
  else
    return binary_integer<op>(x, y);
}

/// Converts without undefined behaviour; floats become integers as whole_number says.
template <class To, class From>
To convert(From stored) {
  const Computed<From> x = stored;
  if constexpr (std::is_same_v<To, bool>) {
    return x != 0;
  } else if constexpr (is_float_type<From> && std::is_integral_v<To>) {
    return whole_number<To>(x);
  } else {
    return static_cast<To>(x);
  }
}

}  // namespace nyala::kernels::scalar
