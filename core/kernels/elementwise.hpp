#pragma once
/// Elementwise kernels over strided inputs. Outputs are contiguous, row-major, and never overlap an
/// input unless they are exactly it. Strides count elements; 0 broadcasts, negative ones run back.
#include <array>
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

/// What a row of core/elementwise.def says.
enum class Cost : std::uint8_t { cheap, slow };
enum class Takes : std::uint8_t { any, floats, whole };
enum class Result : std::uint8_t { same, logical };
enum class Loop : std::uint8_t { vectors, vectors_float, compiled, library };

#define BINARY(...)
#define UNARY(Struct, name, ...) name,
enum class Unary : std::uint8_t {
#include <nyala/core/elementwise.def>
};
#define UNARY(...)
#define BINARY(Struct, name, ...) name,
enum class Binary : std::uint8_t {
#include <nyala/core/elementwise.def>
};

struct ElementwiseTraits {
  std::string_view name;
  Cost cost;
  Takes takes;
  Result result;
  Loop loop;
};
#define BINARY(...)
#define UNARY(Struct, name, cost, takes, result, loop) \
  ElementwiseTraits{#name, Cost::cost, Takes::takes, Result::result, Loop::loop},
inline constexpr std::array kUnaryTraits = {
#include <nyala/core/elementwise.def>
};
#define UNARY(...)
#define BINARY(Struct, name, cost, takes, result, loop) \
  ElementwiseTraits{#name, Cost::cost, Takes::takes, Result::result, Loop::loop},
inline constexpr std::array kBinaryTraits = {
#include <nyala/core/elementwise.def>
};
inline constexpr int kNumUnary = static_cast<int>(kUnaryTraits.size());
inline constexpr int kNumBinary = static_cast<int>(kBinaryTraits.size());
constexpr const ElementwiseTraits& traits_of(Unary op) {
  return kUnaryTraits[static_cast<std::size_t>(op)];
}
constexpr const ElementwiseTraits& traits_of(Binary op) {
  return kBinaryTraits[static_cast<std::size_t>(op)];
}

/// The least probability that a cross-entropy takes the logarithm of, and one less the greatest:
/// Keras's `backend.epsilon()`.
inline constexpr double kLeastProbability = 1e-7;

/// The op's name, for messages.
constexpr std::string_view name_of(Unary op) { return traits_of(op).name; }
constexpr std::string_view name_of(Binary op) { return traits_of(op).name; }

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
constexpr bool is_slow(Unary op) { return traits_of(op).cost == Cost::slow; }
constexpr bool is_slow(Binary op) { return traits_of(op).cost == Cost::slow; }
/// Whether an op writes bool.
constexpr bool is_predicate(Unary op) { return traits_of(op).result == Result::logical; }
constexpr bool is_predicate(Binary op) { return traits_of(op).result == Result::logical; }
/// The dtype that the op writes.
constexpr DType output_dtype(Unary op, DType dtype) {
  return is_predicate(op) ? DType::bool_ : dtype;
}
constexpr DType output_dtype(Binary op, DType dtype) {
  return is_predicate(op) ? DType::bool_ : dtype;
}

}  // namespace nyala::kernels
