#pragma once
/// The types of a tensor's elements, and how they combine.
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string_view>
#include <type_traits>

#include <nyala/core/half.hpp>
#include <nyala/core/text.hpp>

#pragma GCC visibility push(default)

namespace nyala {

// Every dtype: DTYPE(enumerator, name, kind, C++ type of an element, the dtype that kernels compute
// it in). Nothing else says what a dtype is; no order is to be relied on.
#define NYALA_DTYPES(DTYPE)                                \
  DTYPE(bool_, "bool", boolean, bool, bool_)               \
  DTYPE(uint8, "uint8", whole, std::uint8_t, uint8)        \
  DTYPE(int8, "int8", integer, std::int8_t, int32)         \
  DTYPE(uint16, "uint16", whole, std::uint16_t, int32)     \
  DTYPE(int16, "int16", integer, std::int16_t, int32)      \
  DTYPE(uint32, "uint32", whole, std::uint32_t, int64)     \
  DTYPE(int32, "int32", integer, std::int32_t, int32)      \
  DTYPE(uint64, "uint64", whole, std::uint64_t, int64)     \
  DTYPE(int64, "int64", integer, std::int64_t, int64)      \
  DTYPE(float16, "float16", floating, Float16, float32)    \
  DTYPE(bfloat16, "bfloat16", floating, BFloat16, float32) \
  DTYPE(float32, "float32", floating, float, float32)      \
  DTYPE(float64, "float64", floating, double, float64)

/// The types of elements. float16 and bfloat16 are stored in 16 bits and computed in float32, small
/// and unsigned integers are computed in int32 or int64; results are rounded, or wrap, to the dtype
/// itself. uint64 beyond 2^63 is exact in casts, copies, sums, differences and products alone.
enum class DType : std::uint8_t {
#define NYALA_ROW(dtype, name, kind, type, computed) dtype,
  NYALA_DTYPES(NYALA_ROW)
#undef NYALA_ROW
};

#define NYALA_ROW(dtype, name, kind, type, computed) inline constexpr DType dtype = DType::dtype;
NYALA_DTYPES(NYALA_ROW)
#undef NYALA_ROW

/// bool is neither integer nor floating, as in NumPy; `whole` is an unsigned integer.
enum class DTypeKind : std::uint8_t { boolean, whole, integer, floating };

/// What is known of a dtype.
struct DTypeTraits {
  std::string_view name;
  std::size_t size;  ///< bytes of an element
  DTypeKind kind;
  DType computed;  ///< the dtype that kernels compute it in
};
inline constexpr DTypeTraits kDTypeTraits[] = {
#define NYALA_ROW(dtype, name, kind, type, computed) \
  {name, sizeof(type), DTypeKind::kind, DType::computed},
    NYALA_DTYPES(NYALA_ROW)
#undef NYALA_ROW
};
/// All dtypes.
inline constexpr DType kDTypes[] = {
#define NYALA_ROW(dtype, name, kind, type, computed) DType::dtype,
    NYALA_DTYPES(NYALA_ROW)
#undef NYALA_ROW
};

constexpr const DTypeTraits& traits_of(DType dtype) {
  return kDTypeTraits[static_cast<std::size_t>(dtype)];
}
constexpr std::size_t size_of(DType dtype) { return traits_of(dtype).size; }
constexpr bool is_floating(DType dtype) { return traits_of(dtype).kind == DTypeKind::floating; }
/// Signed and unsigned integers, not bool.
constexpr bool is_integer(DType dtype) {
  return traits_of(dtype).kind == DTypeKind::integer || traits_of(dtype).kind == DTypeKind::whole;
}
/// The dtype that kernels compute `dtype` in: itself where they take it.
constexpr DType computed_in(DType dtype) { return traits_of(dtype).computed; }
constexpr bool has_kernels(DType dtype) { return computed_in(dtype) == dtype; }

/// Keras's name of a dtype: "float32", "bool".
std::string_view name_of(DType dtype);
/// The dtype of that name; throws TypeError for a name that is none.
DType dtype_from_name(std::string_view name);
std::ostream& operator<<(std::ostream& out, DType dtype);

/// The dtype of a result of both, by Keras 3's rules (`keras.backend.result_type`): integers with
/// floats give the float, floats the wider one, float16 and bfloat16 float32, signed and unsigned
/// integers the next signed one, which for uint64 is floatx.
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
/// Whether U is `Stored`, or an integer that is the same but for its name (long, long long).
template <class U, class Stored>
constexpr bool is_stored_as = std::is_same_v<U, Stored> ||
                              (std::is_integral_v<U> && std::is_integral_v<Stored> &&
                               sizeof(U) == sizeof(Stored) && sizeof(U) > 1 &&
                               std::is_signed_v<U> == std::is_signed_v<Stored>);
template <class T>
constexpr DType dtype_of() {
  using U = std::remove_cv_t<T>;
#define NYALA_ROW(dtype, name, kind, type, computed) \
  if constexpr (is_stored_as<U, type>)               \
    return DType::dtype;                             \
  else
  NYALA_DTYPES(NYALA_ROW)
#undef NYALA_ROW
  static_assert(sizeof(U) == 0, "Nyala has no dtype for this C++ type");
}
}  // namespace detail

/// The dtype that holds a C++ type: `dtype_of<float>` is float32.
template <class T>
inline constexpr DType dtype_of = detail::dtype_of<T>();

[[noreturn]] void throw_no_kernel(DType dtype);
/// Calls `f.template operator()<T>()` with the C++ type of `dtype`.
template <class F>
decltype(auto) visit_stored(DType dtype, F&& f) {
  switch (dtype) {
#define NYALA_ROW(dtype, name, kind, type, computed) \
  case DType::dtype: return f.template operator()<type>();
    NYALA_DTYPES(NYALA_ROW)
#undef NYALA_ROW
  }
  throw_no_kernel(dtype);
}
/// The same for the dtypes that kernels compute in; throws TypeError for the others.
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

#pragma GCC visibility pop
