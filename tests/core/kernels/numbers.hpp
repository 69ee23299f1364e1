#pragma once
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

/// `size` numbers from low to high, the same for each seed.
template <class T>
std::vector<T> numbers(std::int64_t size, unsigned seed, double low = -1, double high = 1) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> value(low, high);
  std::vector<T> data(static_cast<std::size_t>(size));
  for (T& x : data) x = static_cast<T>(value(random));
  return data;
}
