#pragma once
/// Float16 and BFloat16: floating numbers of 16 bits, as they are stored. Arithmetic converts them
/// to float, which holds each of them exactly.
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>

#pragma GCC visibility push(default)

namespace nyala {
namespace detail {

/// The nearest float, except that a number between two floats gets an odd last bit: rounding that
/// to fewer bits is rounding the double once.
inline float round_to_odd(double x) {
  const auto near = static_cast<float>(x);
  const auto back = static_cast<double>(near);
  if (back == x || x != x) return near;
  auto bits = std::bit_cast<std::uint32_t>(near);
  const bool is_beyond =
      (back < 0 ? -back : back) > (x < 0 ? -x : x);  // so infinity becomes the largest float
  if ((bits & 1) == 0) bits = is_beyond ? bits - 1 : bits + 1;
  return std::bit_cast<float>(bits);
}

/// To the nearest, halves to the even one; too large numbers become infinity.
constexpr std::uint16_t float16_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  const std::uint32_t sign = bits >> 16 & 0x8000u;
  const std::uint32_t magnitude = bits & 0x7fffffffu;
  std::uint32_t half = 0;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u | (magnitude >> 13 & 0x1ffu);
  } else if (magnitude >= 0x477ff000u) {  // from 65520, halfway beyond the largest, on
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // below 2^-14: float adds 0.5 and so rounds at 2^-24
    const float shifted = std::bit_cast<float>(magnitude) + 0.5f;
    half = std::bit_cast<std::uint32_t>(shifted) - 0x3f000000u;
  } else {
    half = (magnitude - 0x38000000u + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | half);
}

constexpr float float16_value(std::uint16_t half) {
  const std::uint32_t sign = (half & 0x8000u) << 16;
  const std::uint32_t magnitude = half & 0x7fffu;
  std::uint32_t bits = 0;
  if (magnitude >= 0x7c00u) {
    bits = 0x7f800000u | (magnitude & 0x3ffu) << 13;
  } else if (magnitude >= 0x400u) {
    bits = (magnitude << 13) + 0x38000000u;
  } else {  // below 2^-14 the bits count steps of 2^-24
    bits = std::bit_cast<std::uint32_t>(static_cast<float>(magnitude) * 0x1p-24f);
  }
  return std::bit_cast<float>(sign | bits);
}

constexpr std::uint16_t bfloat16_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

constexpr float bfloat16_value(std::uint16_t half) {
  return std::bit_cast<float>(std::uint32_t{half} << 16);
}

}  // namespace detail

/// IEEE 754's binary16: 5 bits of exponent, 11 of precision, up to 65504.
struct Float16 {
  std::uint16_t bits = 0;

  constexpr Float16() = default;
  /// The nearest one, halves to even; infinity beyond the largest.
  explicit constexpr Float16(float x) : bits(detail::float16_bits(x)) {}
  explicit Float16(double x) : Float16(detail::round_to_odd(x)) {}
  template <class T>
  requires std::is_integral_v<T>
  explicit Float16(T x) : Float16(static_cast<double>(x)) {}
  constexpr operator float() const { return detail::float16_value(bits); }
};

/// bfloat16: the upper half of a float, 8 bits of exponent and 8 of precision.
struct BFloat16 {
  std::uint16_t bits = 0;

  constexpr BFloat16() = default;
  /// The nearest one, halves to even; infinity beyond the largest.
  explicit constexpr BFloat16(float x) : bits(detail::bfloat16_bits(x)) {}
  explicit BFloat16(double x) : BFloat16(detail::round_to_odd(x)) {}
  template <class T>
  requires std::is_integral_v<T>
  explicit BFloat16(T x) : BFloat16(static_cast<double>(x)) {}
  constexpr operator float() const { return detail::bfloat16_value(bits); }
};

/// Whether numbers of a C++ type have fractions: `std::is_floating_point_v`, and the 16-bit ones.
template <class T>
inline constexpr bool is_float_type =
    std::is_floating_point_v<T> || std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;
/// What a C++ type is computed in: float for the 16-bit ones.
template <class T>
using Computed = std::conditional_t<is_float_type<T> && sizeof(T) == 2, float, T>;

}  // namespace nyala

template <>
struct std::numeric_limits<nyala::Float16> {
  static constexpr bool is_specialized = true;
  static constexpr nyala::Float16 max() { return nyala::Float16(65504.0f); }
  static constexpr nyala::Float16 lowest() { return nyala::Float16(-65504.0f); }
  static constexpr nyala::Float16 epsilon() { return nyala::Float16(0x1p-10f); }
};
template <>
struct std::numeric_limits<nyala::BFloat16> {
  static constexpr bool is_specialized = true;
  static constexpr nyala::BFloat16 max() { return nyala::BFloat16(0x1.fep127f); }
  static constexpr nyala::BFloat16 lowest() { return nyala::BFloat16(-0x1.fep127f); }
  static constexpr nyala::BFloat16 epsilon() { return nyala::BFloat16(0x1p-7f); }
};

#pragma GCC visibility pop
