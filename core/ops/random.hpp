#pragma once
/// Random numbers as functions of a state: an int64 tensor {key, call}. Equal states give equal
/// numbers; the numbers of two states have nothing to do with each other. `nyala::random` keeps
/// such states.
#include <nyala/core/tensor.hpp>

namespace nyala::ops {

/// In [low, high). float32 or float64; throws ValueError for another dtype, as the next two do.
Tensor random_uniform(
    const Tensor& state, const Shape& shape, double low, double high, DTypeLike dtype);
Tensor random_normal(
    const Tensor& state, const Shape& shape, double mean, double stddev, DTypeLike dtype);
/// Normal, drawn again beyond two standard deviations.
Tensor random_truncated_normal(
    const Tensor& state, const Shape& shape, double mean, double stddev, DTypeLike dtype);
/// Whole numbers in [low, high). uint8, int32 or int64; throws ValueError for another dtype, for
/// limits that it does not hold and for an empty range.
Tensor random_integers(
    const Tensor& state, const Shape& shape, std::int64_t low, std::int64_t high, DTypeLike dtype);
/// 0 .. n-1 in random order, int64.
Tensor random_permutation(const Tensor& state, std::int64_t n);

}  // namespace nyala::ops
