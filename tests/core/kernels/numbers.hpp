#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

/// `size` numbers from -1 to 1, the same for each seed.
template <class T>
std::vector<T> numbers(std::int64_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> value(-1, 1);
  std::vector<T> data(static_cast<std::size_t>(size));
  for (T& x : data) x = static_cast<T>(value(random));
  return data;
}
