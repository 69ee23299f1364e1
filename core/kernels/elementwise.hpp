#pragma once
/// Elementwise kernels over strided inputs. Outputs are contiguous, row-major, and never overlap an
/// input unless they are exactly it. Strides count elements; 0 broadcasts, negative ones run back.
#include <cstdint>
#include <span>
#include <string_view>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// An input: its first element, and one stride for each axis of the output's shape.
struct In {
  const void* data;
  const std::int64_t* strides;
};

enum class Unary : std::uint8_t {
  negative,
  abs,
  sign,
  square,
  relu,
  floor,
  ceil,
  round,  ///< half to even
  trunc,
  logical_not,  ///< this and the next three write bool
  isnan,
  isinf,
  isfinite,
  sqrt,  ///< from here on: floats only
  rsqrt,
  reciprocal,
  exp,
  expm1,
  log,
  log1p,
  log2,
  log10,
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  tanh,
  asinh,
  acosh,
  atanh,
  erf,
  erfc,
  sigmoid,
  softplus,
  gelu,  ///< x times the normal distribution function
  gelu_tanh,
  silu,
};
inline constexpr int kNumUnary = static_cast<int>(Unary::silu) + 1;

enum class Binary : std::uint8_t {
  add,
  subtract,
  multiply,
  maximum,  ///< NaN wins, here and in minimum
  minimum,
  floor_divide,  ///< integers: 0 where the divisor is 0
  mod,           ///< the divisor's sign, as in Python
  power,         ///< integers wrap; a negative exponent gives 0 but for bases 1 and -1
  relu_grad,     ///< (x, dy): dy where x > 0, else 0
  tanh_grad,     ///< (y, dy): dy (1 - y^2)
  sigmoid_grad,  ///< (y, dy): dy y (1 - y)
  equal,         ///< from here to logical_xor the output is bool
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  logical_and,
  logical_or,
  logical_xor,
  bitwise_and,  ///< this and the next two: bool and integers only
  bitwise_or,
  bitwise_xor,
  divide,  ///< from here on: floats only
  arctan2,
  crossentropy,        ///< (p, t): -t log(q) - (1 - t) log(1 - q), q being p within its bounds
  crossentropy_slope,  ///< (p, t): its derivative, which is 0 where p is out of bounds
  logit_crossentropy,  ///< (x, t): max(x, 0) - x t + log(1 + exp(-|x|))
};
inline constexpr int kNumBinary = static_cast<int>(Binary::logit_crossentropy) + 1;
/// The least probability that a cross-entropy takes the logarithm of, and one less the greatest:
/// Keras's `backend.epsilon()`.
inline constexpr double kLeastProbability = 1e-7;

/// The op's name, for messages.
std::string_view name_of(Unary op);
std::string_view name_of(Binary op);

/// out = op(x). Throws TypeError where the op does not take the dtype.
void unary(Unary op, DType dtype, std::span<const std::int64_t> shape, In x, void* out);
/// out = op(x, y), both of `dtype`. Throws TypeError where the op does not take the dtype.
void binary(Binary op, DType dtype, std::span<const std::int64_t> shape, In x, In y, void* out);
/// out = condition ? x : y, for a bool condition.
void select(DType dtype, std::span<const std::int64_t> shape, In condition, In x, In y, void* out);
/// Converts; floats out of an integer's range saturate, NaN gives 0, bool is "not zero".
void cast(DType from, DType to, std::span<const std::int64_t> shape, In x, void* out);
/// Gathers a strided input into contiguous memory.
void copy(DType dtype, std::span<const std::int64_t> shape, In x, void* out);
/// Copies strided to strided; no two output elements may share an address.
void copy_strided(DType dtype,
                  std::span<const std::int64_t> shape,
                  In x,
                  void* out,
                  const std::int64_t* out_strides);
/// Writes `n` times the element at `value`.
void fill(DType dtype, std::int64_t n, const void* value, void* out);

/// The loops below the driver, for callers that bind them once (a compiled program). They run over
/// contiguous arrays on the calling thread; `out` may be an input.
using UnaryLoop = void (*)(const void* x, void* out, std::int64_t n);
using BinaryLoop = void (*)(const void* x, const void* y, void* out, std::int64_t n);
struct BinaryLoops {
  BinaryLoop both;      ///< two arrays
  BinaryLoop scalar_y;  ///< y is one element
  BinaryLoop scalar_x;  ///< x is one element
};
/// out = condition ? x : y; `select_loop` says which of x and y are one element.
using SelectLoop =
    void (*)(const void* condition, const void* x, const void* y, void* out, std::int64_t n);
SelectLoop select_loop(DType dtype, bool scalar_x, bool scalar_y);
UnaryLoop cast_loop(DType from, DType to);
/// Throw TypeError where the op does not take the dtype.
UnaryLoop unary_loop(Unary op, DType dtype);
BinaryLoops binary_loops(Binary op, DType dtype);
/// Whether an element costs more than a few instructions.
bool is_slow(Unary op);
bool is_slow(Binary op);
/// The dtype that the op writes.
DType output_dtype(Unary op, DType dtype);
DType output_dtype(Binary op, DType dtype);

}  // namespace nyala::kernels
