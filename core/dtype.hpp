#pragma once
/// The types of a tensor's elements, and how they combine.
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>
#include <type_traits>

#include <nyala/core/text.hpp>

namespace nyala {

/// Element types, in the order of Keras's promotion. float16 and bfloat16 are reserved: they have a
/// name and a size, no kernel yet.
enum class DType : std::uint8_t { bool_, uint8, int32, int64, float16, bfloat16, float32, float64 };

inline constexpr DType bool_ = DType::bool_;
inline constexpr DType uint8 = DType::uint8;
inline constexpr DType int32 = DType::int32;
inline constexpr DType int64 = DType::int64;
inline constexpr DType float16 = DType::float16;
inline constexpr DType bfloat16 = DType::bfloat16;
inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::bool_:
    case DType::uint8: return 1;
    case DType::float16:
    case DType::bfloat16: return 2;
    case DType::int32:
    case DType::float32: return 4;
    default: return 8;
  }
}
constexpr bool is_floating(DType dtype) { return dtype >= DType::float16; }
/// float16 and bfloat16, for which there are no kernels.
constexpr bool is_half(DType dtype) { return dtype == DType::float16 || dtype == DType::bfloat16; }
/// uint8, int32, int64: bool is neither integer nor floating, as in NumPy.
constexpr bool is_integer(DType dtype) { return dtype > DType::bool_ && dtype < DType::float16; }

/// Keras's name of a dtype: "float32", "bool".
std::string_view name_of(DType dtype);
/// The dtype of that name; throws TypeError for a name that is none.
DType dtype_from_name(std::string_view name);
std::ostream& operator<<(std::ostream& out, DType dtype);

/// The dtype of a result of both, by Keras 3's rules (`keras.backend.result_type`): integers with
/// floats give the float, floats the wider one.
DType result_type(DType a, DType b);
/// floatx (float32) for bool and integers, a floating dtype as it is.
DType at_least_float(DType dtype);

/// Keras's `floatx`: the dtype of layers and of floats that name none. float32 at first.
DType floatx();
void set_floatx(DType dtype);

/// A dtype given as itself or by its name.
struct DTypeLike {
  DType value;
  constexpr DTypeLike(DType dtype) : value(dtype) {}
  DTypeLike(const char* name) : value(dtype_from_name(detail::text_of(name))) {}
  DTypeLike(std::string_view name) : value(dtype_from_name(name)) {}
  constexpr operator DType() const { return value; }
};

namespace detail {
template <class T>
constexpr DType dtype_of() {
  using U = std::remove_cv_t<T>;
  if constexpr (std::is_same_v<U, bool>)
    return DType::bool_;
  else if constexpr (std::is_same_v<U, float>)
    return DType::float32;
  else if constexpr (std::is_same_v<U, double>)
    return DType::float64;
  else if constexpr (std::is_same_v<U, std::uint8_t>)
    return DType::uint8;
  else if constexpr (std::is_integral_v<U> && std::is_signed_v<U> && sizeof(U) == 4)
    return DType::int32;
  else if constexpr (std::is_integral_v<U> && std::is_signed_v<U> && sizeof(U) == 8)
    return DType::int64;
  else
    static_assert(sizeof(U) == 0, "Nyala has no dtype for this C++ type");
}
}  // namespace detail

/// The dtype that holds a C++ type: `dtype_of<float>` is float32.
template <class T>
inline constexpr DType dtype_of = detail::dtype_of<T>();

/// Calls `f.template operator()<T>()` with the C++ type of `dtype`; throws TypeError for the
/// reserved half floats.
[[noreturn]] void throw_no_kernel(DType dtype);
template <class F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::bool_: return f.template operator()<bool>();
    case DType::uint8: return f.template operator()<std::uint8_t>();
    case DType::int32: return f.template operator()<std::int32_t>();
    case DType::int64: return f.template operator()<std::int64_t>();
    case DType::float32: return f.template operator()<float>();
    case DType::float64: return f.template operator()<double>();
    default: throw_no_kernel(dtype);
  }
}
/// The same for float32 and float64 only.
template <class F>
decltype(auto) visit_float(DType dtype, F&& f) {
  switch (dtype) {
    case DType::float32: return f.template operator()<float>();
    case DType::float64: return f.template operator()<double>();
    default: throw_no_kernel(dtype);
  }
}

/// The one of two that is for this floating dtype: a kernel, a table of kernels. Throws TypeError
/// for any dtype but float32 and float64, so that no memory is read as another type than it holds.
template <class T>
constexpr const T& select_float(DType dtype, const T& single, const T& dual) {
  if (dtype == DType::float32) return single;
  if (dtype != DType::float64) throw_no_kernel(dtype);
  return dual;
}

}  // namespace nyala
