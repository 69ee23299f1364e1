#pragma once
/// Scalar: a plain C++ number beside tensors. Like a Python number it takes the tensor's dtype:
/// `x * 2` keeps float64 as it is, `ids + 1.5` makes int32 a float.
#include <cstdint>
#include <type_traits>

#include <nyala/core/checked.hpp>
#include <nyala/core/dtype.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class Scalar {
 public:
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr Scalar(T value) {
    if constexpr (std::is_same_v<T, bool>) {
      kind_ = Kind::boolean;
      integer_ = value ? 1 : 0;
      real_ = value ? 1 : 0;
    } else if constexpr (std::is_integral_v<T>) {
      kind_ = Kind::integer;
      integer_ = static_cast<std::int64_t>(value);
      real_ = static_cast<double>(value);
    } else {
      kind_ = Kind::real;
      real_ = static_cast<double>(value);
    }
  }

  constexpr bool is_real() const { return kind_ == Kind::real; }
  constexpr bool is_bool() const { return kind_ == Kind::boolean; }
  constexpr double real() const { return real_; }
  /// A real number's whole part; see whole_number for what does not fit.
  constexpr std::int64_t integer() const {
    return kind_ == Kind::real ? whole_number<std::int64_t>(real_) : integer_;
  }
  /// The dtype that this number has beside a tensor of `other`.
  DType dtype_beside(DType other) const {
    if (kind_ == Kind::real) return at_least_float(other);
    if (kind_ == Kind::integer) return other == DType::bool_ ? DType::int32 : other;
    return other;
  }

 private:
  enum class Kind : std::uint8_t { boolean, integer, real };
  double real_ = 0;
  std::int64_t integer_ = 0;
  Kind kind_ = Kind::real;
};

}  // namespace nyala

#pragma GCC visibility pop
