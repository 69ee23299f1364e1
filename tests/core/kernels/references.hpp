#pragma once
/// What tests of kernels against a reference in double share.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

/// Numbers from -3 to 5.
template <class T>
std::vector<T> numbers(std::int64_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> value(-3, 5);
  std::vector<T> x(static_cast<std::size_t>(count));
  for (T& element : x) element = static_cast<T>(value(random));
  return x;
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
