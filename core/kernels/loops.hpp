#pragma once
/// The tables of elementwise loops: one function for each op and type, for contiguous arrays.
#include <array>
#include <cstddef>
#include <utility>

#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/scalar.hpp>

namespace nyala::kernels {

/// One element after another, for what has no loop with vectors; null where the op does not take
/// the type.
UnaryLoop scalar_unary_loop(Unary op, DType dtype);
BinaryLoops scalar_binary_loops(Binary op, DType dtype);

/// With the widest vectors of this CPU; null where there is no such loop. For float32 and float64.
UnaryLoop vector_unary_loop(Unary op, DType dtype);

/// The same of two inputs.
BinaryLoops vector_binary_loops(Binary op, DType dtype);

/// Casts between float32 and 16 bits; null for others.
UnaryLoop vector_cast_loop(DType from, DType to);

/// Plain loops compiled for vectors, of comparisons and integers; null where there are no such
/// loops.
BinaryLoops plain_binary_loops(Binary op, DType dtype);

}  // namespace nyala::kernels
