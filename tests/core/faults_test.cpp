// Values at the edges, which went wrong once: reductions of nothing, infinities, sizes at the ends
// of 64 bits, indices that are no numbers.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>

#include <nyala/core/ops.hpp>

using namespace nyala;
using namespace nyala::ops;

namespace {

constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool is(const Tensor& x, const std::vector<double>& wanted) {
  const auto values = cast(x, float64).to_vector<double>();
  if (values.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(wanted[i]) ? !std::isnan(values[i]) : values[i] != wanted[i]) return false;
  }
  return true;
}

template <class E>
std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "nothing was thrown";
}

}  // namespace

TEST_CASE("sums and products over nothing are what changes nothing") {
  const Tensor nothing = zeros({2, 0});
  CHECK(is(sum(nothing, 1), {0, 0}));
  CHECK(is(prod(nothing, 1), {1, 1}));
  CHECK(is(any(nothing, 1), {0, 0}));
  CHECK(is(all(nothing, 1), {1, 1}));
  CHECK(is(logsumexp(nothing, 1), {-kInf, -kInf}));
  CHECK(is(matmul(nothing, zeros({0, 2})), {0, 0, 0, 0}));
  CHECK(is(matmul(zeros({3, 2, 0}), zeros({3, 0, 1})), {0, 0, 0, 0, 0, 0}));
  CHECK(is(tensordot(nothing, zeros({0, 2}), 1), {0, 0, 0, 0}));
  CHECK(is(einsum("ij,kj->ik", {nothing, nothing}), {0, 0, 0, 0}));
  const Tensor bias = array<float>({1, -2});
  for (const Shape& rows : {Shape{3, 0}, Shape{3, 1, 0}, Shape{1, 3, 0}})
    CHECK(is(linear(zeros(rows), zeros({0, 2}), bias), {1, -2, 1, -2, 1, -2}));
  CHECK(is(linear(zeros({2, 1, 0}), zeros({0, 2}), bias, true), {1, 0, 1, 0}));
}

TEST_CASE("nothing has no largest element") {
  CHECK_THROWS_AS(max(zeros({2, 0}), 1), ValueError);
  CHECK_THROWS_AS(min(zeros({0})), ValueError);
  CHECK_THROWS_AS(argmax(zeros({2, 0}), 1), ValueError);
  CHECK(max(zeros({0, 3}), 1).shape() == Shape{0});
  CHECK(is(segment_max(zeros({0, 1}), zeros({0}, {.dtype = int32}), {.num_segments = 2}),
           {std::numeric_limits<float>::lowest(), std::numeric_limits<float>::lowest()}));
}

TEST_CASE("infinities and NaN as NumPy has them") {
  const Tensor a = array<double>({kInf, kInf, 1, kInf, kNan});
  const Tensor b = array<double>({kInf, -kInf, kInf, 1, kNan});
  CHECK(is(isclose(a, b), {1, 0, 0, 0, 0}));
  CHECK(is(isclose(a, b, {.equal_nan = true}), {1, 0, 0, 0, 1}));
  CHECK(!allclose(array<double>({1}), array<double>({kInf})));
  CHECK(is(hypot(array<double>({kInf, -kInf, kInf, 3}), array<double>({kInf, 2, kNan, 4})),
           {kInf, kInf, kInf, 5}));
  CHECK(is(median(array<double>({{1, kNan, 3}, {3, 1, 2}}), 1), {kNan, 2}));
  CHECK(is(quantile(array<double>({1, 2, kNan}), array<double>({0, 1})), {kNan, kNan}));
  CHECK(is(quantile(array<double>({1, 2, kInf}), array<double>({0, 0.5, 1})), {1, 2, kInf}));
}

TEST_CASE("floats that no integer holds") {
  const Tensor x = array<double>({kNan, kInf, -kInf, 1e300, -1.5, 300});
  CHECK(is(cast(x, int32), {-2147483648.0, 2147483647.0, -2147483648.0, 2147483647.0, -1, 300}));
  CHECK(is(cast(x, uint8), {0, 255, 0, 255, 0, 255}));
  CHECK(x[0].item<int>() == std::numeric_limits<int>::min());
  CHECK(Tensor::scalar(kInf, int64).item<std::int64_t>() == kMost);
}

TEST_CASE("slices at the ends of 64 bits") {
  const Tensor x = arange(5);
  CHECK(is(slice_axis(x, 0, 0, 5, kMost), {0}));
  CHECK(is(slice_axis(x, 0, kLeast, kMost, 2), {0, 2, 4}));
  CHECK(is(slice_axis(x, 0, kMost, kLeast, kLeast), {4}));
  CHECK(is(slice_axis(x, 0, kMost, kLeast, -2), {4, 2, 0}));
  CHECK(slice_axis(x, 0, kMost, kMost).size() == 0);
  CHECK_THROWS_AS(slice(x, {kMost}, {kMost}), LimitError);
  CHECK(is(roll(x, kLeast, 0), {3, 4, 0, 1, 2}));
  CHECK(diff(x, std::numeric_limits<int>::max()).size() == 0);
  CHECK(triu(ones({2, 2}), std::numeric_limits<int>::min()).size() == 4);
  CHECK_THROWS_AS(segment_sum(x, full({5}, kMost, {.dtype = int64})), LimitError);
}

TEST_CASE("a view stays within its base") {
  const Tensor x = arange(6);
  CHECK(is(Tensor::strided(x, {2, 2}, {3, 1}, 1), {1, 2, 4, 5}));
  CHECK(is(Tensor::strided(flip(x), {2}, {-5}, 0), {5, 0}));
  CHECK(is(Tensor::strided(x, {3}, {0}, 5), {5, 5, 5}));
  CHECK_THROWS_AS(Tensor::strided(x, {4}, {1000000}, 0), ValueError);
  CHECK_THROWS_AS(Tensor::strided(x, {2, 2}, {3, 1}, 3), ValueError);
  CHECK_THROWS_AS(Tensor::strided(x, {2}, {-1}, 0), ValueError);
  CHECK_THROWS_AS(Tensor::strided(x, {1}, {1}, -1), ValueError);
  CHECK_THROWS_AS(Tensor::strided(x, {3}, {kMost}, 0), LimitError);
  CHECK_THROWS_AS(Tensor::strided(x, {3}, {1, 1}, 0), ValueError);
  CHECK_THROWS_AS(Tensor::strided(slice_axis(x, 0, 0, 2), {3}, {1}, 0), ValueError);
  CHECK(Tensor::strided(x, {0}, {kMost}, kMost).size() == 0);
}

TEST_CASE("sizes are checked where they come in") {
  Shape shape{2, 3};
  CHECK_THROWS_AS(shape.insert(3, 1), IndexError);
  CHECK_THROWS_AS(shape.insert(-1, 1), IndexError);
  CHECK_THROWS_AS(shape.erase(2), IndexError);
  CHECK(shape == Shape{2, 3});
  CHECK(Shape{-1, -5}.str() == "(None, -5)");
  CHECK_THROWS_AS(Tensor::abstract({None, -5}, float32), ShapeError);
  CHECK_THROWS_AS(Tensor::abstract({None, kMost, 4}, float32), LimitError);
  CHECK(message_of<ShapeError>([] { zeros({-5}); }).find("negative") != std::string::npos);
}

TEST_CASE("indices that are no numbers or not there") {
  const Tensor nan_label = array<float>({1, static_cast<float>(kNan)});
  const Tensor output = full({2, 3}, 1.0 / 3);
  CHECK(message_of<IndexError>([&] {
          sparse_categorical_crossentropy(nan_label, output);
        }).find("label nan is out of bounds for 3 classes") != std::string::npos);
  CHECK_THROWS_AS(one_hot(nan_label, 3), IndexError);
  CHECK_THROWS_AS(take(output, cast(nan_label, int32), 0), IndexError);
  CHECK_THROWS_AS(in_top_k(cast(nan_label, int64), output, 1), IndexError);
  CHECK_THROWS_AS(unravel_index(array<int>({0, 6}), {2, 3}), IndexError);
  CHECK_THROWS_AS(unravel_index(array<int>({-7}), {2, 3}), IndexError);
  CHECK(is(unravel_index(array<int>({-1, 4}), {2, 3})[1], {2, 1}));
  CHECK_THROWS_AS(split(zeros({4}), {2, 5}), ValueError);
  CHECK_THROWS_AS(split(zeros({4}), {3, 1}), ValueError);
  CHECK(split(zeros({4}), {0, 4})[2].size() == 0);
}

TEST_CASE("labels of shape (batch, 1) are those of (batch,)") {
  const Tensor output = array<float>({{0.7f, 0.2f, 0.1f}, {0.1f, 0.8f, 0.1f}});
  const Tensor labels = array<int>({0, 2});
  CHECK(array_equal(sparse_categorical_crossentropy(expand_dims(labels, 1), output),
                    sparse_categorical_crossentropy(labels, output)));
}

TEST_CASE("a tensor without values says so") {
  const Tensor none = Tensor::abstract({None, 2}, float32);
  CHECK(message_of<StateError>([&] { none.item<float>(); }).find("no values here") !=
        std::string::npos);
}

TEST_CASE("tensors are compared element by element, and rebound by +=") {
  Tensor x = array<float>({1, 2, 3});
  const Tensor same = x;
  CHECK(is(x == array<float>({1, 0, 3}), {1, 0, 1}));
  CHECK(is(x != 2, {1, 0, 1}));
  x += 1;
  x *= x;
  x -= array<float>({0, 1, 2});
  x /= 2;
  CHECK(is(x, {2, 4, 7}));
  CHECK(is(same, {1, 2, 3}));
  CHECK(message_of<TypeError>([&] { x ^ x; }).find("ops::power") != std::string::npos);
  CHECK(is(array<int>({5}) ^ array<int>({3}), {6}));
}

TEST_CASE("the axis second is the axis option") {
  const Tensor x = reshape(arange(24, {.dtype = float32}), {2, 3, 4});
  CHECK(array_equal(sum(x, 1), sum(x, {.axis = 1})));
  CHECK(array_equal(mean(x, {1, 2}, {.keepdims = true}),
                    mean(x, {.axis = {1, 2}, .keepdims = true})));
  CHECK(array_equal(max(x, std::int64_t{-1}), max(x, {.axis = -1})));
  CHECK(array_equal(sum(x, {0, true}), sum(x, {.axis = 0, .keepdims = true})));
  CHECK(array_equal(sum(x, Axes{0, 2}), sum(x, {.axis = {0, 2}})));
  CHECK(array_equal(sum(x, {}), sum(x)));
  CHECK(array_equal(argmax(x, 1, {.keepdims = true}), argmax(x, {.axis = 1, .keepdims = true})));
  CHECK(array_equal(softmax(x, 0), softmax(x, {.axis = 0})));
  CHECK(array_equal(softmax(x, {1, 2}), softmax(x, {.axis = {1, 2}})));
  CHECK(array_equal(cumsum(x, 1), cumsum(x, {.axis = 1})));
  CHECK(array_equal(sort(x, 0), sort(x, {.axis = 0})));
  CHECK(array_equal(concatenate({x, x}, 1), concatenate({x, x}, {.axis = 1})));
  CHECK(array_equal(stack({x, x}, -1), stack({x, x}, {.axis = -1})));
  CHECK(array_equal(take(x, array<int>({1, 0}), 1), take(x, array<int>({1, 0}), {.axis = 1})));
  CHECK(array_equal(split(x, 2, 2)[1], split(x, 2, {.axis = 2})[1]));
  CHECK(array_equal(repeat(x, 2, 1), repeat(x, 2, {.axis = 1})));
  CHECK(array_equal(quantile(x, full({}, 0.5), 2), median(x, 2)));
  CHECK_THROWS_AS(sum(x, kMost), IndexError);
}
