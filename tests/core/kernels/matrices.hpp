#pragma once
/// Sizes and layouts of matrices that tests of products go through.
#include <cstdint>

#include <nyala/core/kernels/matmul.hpp>

struct Size {
  std::int64_t m, n, k;
};

/// A way to lay a matrix out, for its numbers of rows and columns.
inline nyala::kernels::MatrixStrides strides(int layout, std::int64_t rows, std::int64_t columns) {
  switch (layout) {
    case 0: return {columns, 1};
    case 1: return {1, rows};
    case 2: return {columns + 3, 1};
    case 3: return {2 * columns, 2};
    default: return {1, rows + 5};
  }
}
inline constexpr int kLayouts = 5;
