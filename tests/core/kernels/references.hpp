#pragma once
/// What tests of kernels against a reference in double share.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "core/kernels/numbers.hpp"

/// Numbers whose mean is not 0.
template <class T>
std::vector<T> uneven_numbers(std::int64_t size, unsigned seed) {
  return numbers<T>(size, seed, -3, 5);
}

/// The largest distance, beside the largest wanted size (1 at least).
template <class T>
double distance(const std::vector<T>& got, const std::vector<double>& want) {
  double worst = 0, size = 1;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::abs(static_cast<double>(got[i]) - want[i]));
    size = std::max(size, std::abs(want[i]));
  }
  return worst / size;
}
