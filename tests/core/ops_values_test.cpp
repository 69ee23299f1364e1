// Values of ops at the edges that recorded cases do not reach; NumPy's results by hand.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <nyala/core/error.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/fused.hpp>

using namespace nyala;
using namespace nyala::ops;

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

bool is(const Tensor& got, const Nested<double>& want) {
  return got.shape() == want.shape() &&
         ops::allclose(got, ops::array<double>(want), {.rtol = 1e-12, .equal_nan = true});
}
Tensor matrix() { return array<double>({{1, 2, 3}, {4, 5, 6}}); }
Tensor unknown(const Shape& shape) { return Tensor::abstract(shape, float32); }

}  // namespace

TEST_CASE("fmax and fmin give a number where there is one") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const Tensor x = array<double>({1, nan, 3, nan, 2}), y = array<double>({2, 1, nan, nan, 2});
  CHECK(is(fmax(x, y), {2, 1, 3, nan, 2}));
  CHECK(is(fmin(x, y), {1, 1, 3, nan, 2}));
  CHECK(is(fmax(x, 1.5), {1.5, 1.5, 3, 1.5, 2}));
  CHECK(fmin(array<int>({1, 4}), 2).dtype() == int32);
  CHECK(fmax(array<int>({1, 4}), array<float>({2.5F, 1})).dtype() == float32);
}

TEST_CASE("joining and cutting") {
  const Tensor x = matrix();
  CHECK(is(concatenate({x, x}, {.axis = -1})[0], {1, 2, 3, 1, 2, 3}));
  CHECK(concatenate({array<int>({1}), array<float>({2})}).dtype() == float32);
  CHECK(is(stack({x[0], x[1]}, {.axis = -1}), {{1, 4}, {2, 5}, {3, 6}}));
  CHECK(is(unstack(x, {.axis = 1})[2], {3, 6}));
  CHECK(is(split(x, 3, {.axis = 1})[1], {{2}, {5}}));
  const std::vector<Tensor> parts = split(x, {1, 2}, {.axis = 1});
  CHECK(parts.size() == 3);
  CHECK(is(parts[2], {{3}, {6}}));
  CHECK(split(x, {2}, {.axis = 1}).size() == 2);
  CHECK(parts[0].data() == x.data());
  CHECK(split(x, {3}, {.axis = 1})[1].shape() == Shape{2, 0});
  CHECK_THROWS_AS(split(x, {5}, {.axis = 1}), ValueError);
}

TEST_CASE("more elements: pad, tile, repeat") {
  const Tensor x = array<double>({1, 2, 3});
  CHECK(is(pad(x, {{1, 2}}, {.constant_values = 9}), {9, 1, 2, 3, 9, 9}));
  CHECK(is(pad(x, {{2, 2}}, {.mode = "reflect"}), {3, 2, 1, 2, 3, 2, 1}));
  CHECK(is(pad(x, {{2, 3}}, {.mode = "symmetric"}), {2, 1, 1, 2, 3, 3, 2, 1}));
  CHECK(is(tile(x, {2, 1}), {{1, 2, 3}, {1, 2, 3}}));
  CHECK(is(tile(array<double>({{1}, {2}}), {2}), {{1, 1}, {2, 2}}));
  CHECK(tile(x, {0}).shape() == Shape{0});
  CHECK(is(repeat(x, 2), {1, 1, 2, 2, 3, 3}));
  CHECK(is(repeat(matrix(), {2, 0, 1}, {.axis = 1}), {{1, 1, 3}, {4, 4, 6}}));
}

TEST_CASE("turning and shifting") {
  const Tensor x = matrix();
  CHECK(is(flip(x), {{6, 5, 4}, {3, 2, 1}}));
  CHECK(is(flip(x, 0), {{4, 5, 6}, {1, 2, 3}}));
  CHECK(is(roll(x, -1, {.axis = 1}), {{2, 3, 1}, {5, 6, 4}}));
  CHECK(is(roll(x, 7), {{6, 1, 2}, {3, 4, 5}}));
  CHECK(is(rot90(x), {{3, 6}, {2, 5}, {1, 4}}));
  CHECK(is(rot90(x, 2), {{6, 5, 4}, {3, 2, 1}}));
  CHECK(is(rot90(x, -1), {{4, 1}, {5, 2}, {6, 3}}));
  CHECK(is(diff(array<double>({1, 4, 9, 16}), 2), {2, 2}));
  CHECK(is(slice(x, {0, 1}, {-1, 2}), {{2, 3}, {5, 6}}));
}

TEST_CASE("diagonals") {
  const Tensor x = array<double>({{1, 2, 3}, {4, 5, 6}, {7, 8, 9}});
  CHECK(is(diagonal(x, 1), {2, 6}));
  CHECK(is(diagonal(x, -1), {4, 8}));
  CHECK(is(diagonal(matrix(), 1), {2, 6}));
  CHECK(is(diagonal(matrix(), -1), {4}));
  CHECK(diagonal(x, 3).shape() == Shape{0});
  CHECK(diagonal(zeros({2, 3, 4, 3}), 0, {1, 3}).shape() == Shape{2, 4, 3});
  CHECK(is(diag(array<double>({1, 2}), -1), {{0, 0, 0}, {1, 0, 0}, {0, 2, 0}}));
  CHECK(is(tril(x, 1), {{1, 2, 0}, {4, 5, 6}, {7, 8, 9}}));
  CHECK(is(triu(matrix()), {{1, 2, 3}, {0, 5, 6}}));
  CHECK(trace(x).item<double>() == 15);
  CHECK(diag(array<double>({kInf})).item<double>() == kInf);
}

TEST_CASE("indices of any integer dtype, from either end") {
  const Tensor x = matrix();
  CHECK(is(take(x, array<int>({{-1, 0}}), {.axis = 1})[1], {{6, 4}}));
  CHECK(is(take(x, array<std::uint8_t>({5, 1})), {6, 2}));
  CHECK(take(x, Tensor::scalar(1, int32), {.axis = 0}).shape() == Shape{3});
  CHECK(is(take_along_axis(x, array<int>({{1}}), {.axis = 1}), {{2}, {5}}));
  const Tensor sums = scatter_add(array<int>({1, -1, 1}), array<double>({1, 2, 3}), {3});
  CHECK(is(sums, {0, 4, 2}));
  CHECK(is(one_hot(array<int>({2, 3, -1}), 3, {.axis = 0}), {{0, 0, 0}, {0, 0, 0}, {1, 0, 0}}));
  CHECK(one_hot(array<int>({1}), 2, {.dtype = bool_}).dtype() == bool_);
  CHECK(is(segment_sum(array<double>({1, 2, 4, 8}), array<int>({0, 7, 1, -1}), {2}), {1, 4}));
  CHECK(is(segment_sum(x, array<int>({1, 1})), {{0, 0, 0}, {5, 7, 9}}));
  CHECK(is(bincount(array<int>({1, 3, 1}), {.weights = array<double>({1, 2, 3})}), {0, 4, 0, 2}));
  CHECK(is(unravel_index(array<int>({-1}), {2, 3})[1], {2}));
}

TEST_CASE("the order of elements") {
  const Tensor x = array<double>({3, kNan, 1, 2, 1});
  CHECK(is(sort(x), {1, 1, 2, 3, kNan}));
  CHECK(is(sort(x, {.descending = true}), {3, 2, 1, 1, kNan}));
  CHECK(is(argsort(x), {2, 4, 3, 0, 1}));
  CHECK(is(argsort(x, {.descending = true}), {0, 3, 2, 4, 1}));
  const TopK best = top_k(array<int>({{5, 7, 5}, {1, 2, 2}}), 2);
  CHECK(is(best.values, {{7, 5}, {2, 2}}));
  CHECK(is(best.indices, {{1, 0}, {1, 2}}));
  CHECK(argmax(x).item<int>() == 1);
  CHECK(argmin(array<int>({2, 0, 0})).item<int>() == 1);
  CHECK(argmax(matrix(), {.axis = 0, .keepdims = true}).shape() == Shape{1, 3});
  CHECK(is(searchsorted(array<double>({1, 2, 2, 3}), array<double>({2, 9})), {1, 4}));
  CHECK(is(searchsorted(array<double>({1, 2, 2, 3}), array<double>({2, 0}), true), {3, 0}));
  CHECK(is(median(array<int>({3, 1, 2})), Nested<double>(2)));
  CHECK(is(quantile(array<double>({1, 2, 3}), array<double>({0, 0.25, 1})), {1, 1.5, 3}));
}

TEST_CASE("reductions at their edges") {
  const double log_two = std::log(2.0);
  CHECK(is(logsumexp(array<double>({{1000, 1000}, {-kInf, -kInf}}), {.axis = 1}),
           {1000 + log_two, -kInf}));
  CHECK(is(logsumexp(zeros({2, 3, 4}, {.dtype = float64}), {.axis = {0, 2}}),
           {3 * log_two, 3 * log_two, 3 * log_two}));
  CHECK(logsumexp(zeros({0})).item<float>() == -std::numeric_limits<float>::infinity());
  CHECK(prod(array<bool>({true, true})).dtype() == int32);
  CHECK(var(array<int>({1, 3})).item<float>() == 1);
  CHECK(is(average(matrix(), {.axis = 1, .weights = array<double>({1, 0, 1})}), {2, 5}));
  CHECK(is(cumsum(matrix(), {.axis = 1, .reverse = true}), {{6, 5, 3}, {15, 11, 6}}));
  CHECK(is(cumprod(array<double>({2, 3, 4}), {.exclusive = true}), {1, 2, 6}));
  CHECK(is(norm(array<double>({3, -4}), {.ord = kInf}), Nested<double>(4)));
  CHECK(is(norm(matrix(), {.ord = 1, .axis = {0, 1}}), Nested<double>(9)));
  CHECK(is(norm(array<double>({3, 0}), {.ord = 0}), Nested<double>(1)));
  CHECK(is(softmax(zeros({2, 2}, {.dtype = float64}), {.axis = {0, 1}}),
           {{0.25, 0.25}, {0.25, 0.25}}));
  CHECK(is(softmax(array<double>({1000, -kInf})), {1, 0}));
  CHECK(is(log_softmax(array<double>({0, -1000})), {0, -1000}));
}

TEST_CASE("einsum and its kin") {
  const Tensor x = matrix();
  CHECK(einsum("ij,ij->", {x, x}).item<double>() == 91);
  CHECK(einsum("ii", {matmul(x, transpose(x))}).item<double>() == 91);
  CHECK(array_equal(einsum("ba", {x}), transpose(x)));
  CHECK(array_equal(einsum("ij, kj -> ik", {x, x}), matmul(x, transpose(x))));
  CHECK(array_equal(einsum("ij,jk,kl->il", {x, transpose(x), x}),
                    matmul(matmul(x, transpose(x)), x)));
  CHECK(array_equal(einsum("i,i->i", {x[0], x[1]}), x[0] * x[1]));
  CHECK(array_equal(einsum("ij,j->ij", {x, x[0]}), x * x[0]));
  CHECK(einsum("...ij,...jk", {ones({1, 2, 3}), ones({4, 3, 5})}).shape() == Shape{4, 2, 5});
  CHECK(einsum("...ij,jk", {ones({7, 4, 2, 3}), ones({3, 5})}).shape() == Shape{7, 4, 2, 5});
  CHECK(einsum("ij,k->", {x, array<double>({1, 1})}).item<double>() == 42);
  CHECK(einsum("ij,jk->ik", {ones({2, 0}), ones({0, 3})}).shape() == Shape{2, 3});
  CHECK(is(kron(array<double>({1, 10}), array<double>({1, 2})), {1, 2, 10, 20}));
  CHECK(is(cross(array<double>({1, 0, 0}), array<double>({0, 1})), {0, 0, 1}));
  CHECK(tensordot(x, x, 0).shape() == Shape{2, 3, 2, 3});
  CHECK(dot(x, Tensor::scalar(2, float64)).shape() == Shape{2, 3});
}

TEST_CASE("unknown sizes pass through what is made of several ops") {
  const Tensor x = unknown({None, None, 4});
  CHECK(expand_dims(x, 1).shape() == Shape{None, 1, None, 4});
  CHECK(squeeze(unknown({None, 1, None}), 1).shape() == Shape{None, None});
  CHECK(tile(x, {1, 1, 2}).shape() == Shape{None, None, 8});
  CHECK(repeat(x, 3, {.axis = 1}).shape() == Shape{None, None, 4});
  CHECK(stack({x, x}, {.axis = -1}).shape() == Shape{None, None, 4, 2});
  CHECK(concatenate({x, x}).shape() == Shape{None, None, 4});
  CHECK(split(x, 2, {.axis = 2})[0].shape() == Shape{None, None, 2});
  CHECK(softmax(x).shape() == x.shape());
  CHECK(logsumexp(x, {.axis = 2}).shape() == Shape{None, None});
  CHECK(argmax(x, {.axis = 1}).shape() == Shape{None, 4});
  CHECK(top_k(x, 3).values.shape() == Shape{None, None, 3});
  CHECK(einsum("bij,bkj->bik", {x, x}).shape() == Shape{None, None, None});
  CHECK(l2_normalize(x).shape() == x.shape());
  CHECK(take(unknown({10, 3}), Tensor::abstract({None, 5}, int32), {.axis = 0}).shape() ==
        Shape{None, 5, 3});
  CHECK_THROWS_AS(reshape(x, {-1, -1, -1}), ShapeError);
}

TEST_CASE("a normalised batch_dot is its parts, however it is computed") {
  const auto waves = [](const Shape& shape) {
    return reshape(sin(cast(arange(shape.num_elements()), float64)), shape);
  };
  const auto check = [&](const Shape& x_shape, const Shape& y_shape, std::pair<int, int> axes) {
    const Tensor x = waves(x_shape), y = waves(y_shape);
    const Tensor got = normalized_batch_dot(x, y, axes);
    const Tensor want = batch_dot(
        l2_normalize(x, {.axis = axes.first}), l2_normalize(y, {.axis = axes.second}), axes);
    CHECK(got.shape() == want.shape());
    CHECK(allclose(got, want, {.rtol = 1e-12, .atol = 1e-14}));
  };
  check({4, 5}, {4, 5}, {1, 1});
  check({2, 3, 5}, {2, 4, 5}, {2, 2});
  check({2, 5, 3}, {2, 5}, {1, 1});
  check({2, 3, 5, 2}, {2, 5, 4}, {2, 1});      // an axis in the middle
  check({1, 600, 512}, {1, 20, 512}, {2, 2});  // a large sample
  CHECK_THROWS_AS(check({2, 3, 5}, {2, 3, 4}, {2, 2}), ShapeError);
  const Tensor x = unknown({None, None, 3});
  CHECK(normalized_batch_dot(x, x, {2, 2}).shape() == Shape{None, None, None});
}

TEST_CASE("uint64 is in order beyond the largest int64") {
  constexpr std::uint64_t kHigh = 0x8000000000000000u;
  const Tensor x =
      Tensor::from(std::vector<std::uint64_t>{0, 5, kHigh - 1, kHigh, ~0u + kHigh}, {5});
  const Tensor y = Tensor::from(std::vector<std::uint64_t>{kHigh, 5, kHigh, kHigh - 1, kHigh}, {5});
  const auto bits = [](const std::vector<bool>& values) { return Tensor::from(values, {5}); };
  CHECK(array_equal(x < y, bits({true, false, true, false, false})));
  CHECK(array_equal(x <= y, bits({true, true, true, false, false})));
  CHECK(array_equal(x > y, bits({false, false, false, true, true})));
  CHECK(array_equal(x >= y, bits({false, true, false, true, true})));
  CHECK(array_equal(greater(x, 5), bits({false, false, true, true, true})));
}
