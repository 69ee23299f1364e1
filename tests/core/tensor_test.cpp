#include <doctest/doctest.h>

#include <nyala/core/ops.hpp>

using namespace nyala;

TEST_CASE("tensors are made, viewed, computed and copied out") {
  Tensor a = ops::reshape(ops::arange(6, {.dtype = float32}), {2, 3});
  Tensor row = Tensor::from(std::vector<float>{10, 20, 30}, {3});
  Tensor sum = a + row;
  CHECK(sum.shape() == Shape{2, 3});
  CHECK(sum.to_vector<float>() == std::vector<float>{10, 21, 32, 13, 24, 35});
  CHECK(ops::array_equal(a[1], ops::array<float>({3, 4, 5})));
  CHECK(ops::array_equal(a[-1], a[1]));
  CHECK(a[1].data() == a.data<float>() + 3);
  CHECK(ops::array_equal(ops::transpose(a)[0], ops::array<float>({0, 3})));
  CHECK_THROWS_AS(a[2], IndexError);
  CHECK(ops::sum(a).item<float>() == 15.0f);
  CHECK(ops::array_equal(ops::mean(a, {.axis = 1}), ops::array<float>({1, 4})));
  CHECK(
      ops::array_equal(ops::max(a, {.axis = 0, .keepdims = true}), ops::array<float>({{3, 4, 5}})));
  CHECK(ops::array_equal(ops::where(a > 2.0f, a, ops::zeros_like(a)),
                         ops::array<float>({{0, 0, 0}, {3, 4, 5}})));
  CHECK(
      ops::array_equal(ops::matmul(a, ops::transpose(a)), ops::array<float>({{5, 14}, {14, 50}})));
}

TEST_CASE("a plain number takes the tensor's dtype") {
  const Tensor ids = ops::array<int>({1, 2, 3});
  CHECK((ids % 2).dtype() == int32);
  CHECK((ids + 0.5).dtype() == float32);
  CHECK((ops::array<double>({1}) * 2.0f).dtype() == float64);
  CHECK((ids / 2).to_vector<float>() == std::vector<float>{0.5f, 1.0f, 1.5f});
}

TEST_CASE("tensors print as NumPy's arrays do") {
  CHECK(to_string(ops::array<int>({{1, 2}, {3, 4}})) == "[[1 2]\n [3 4]]");
  CHECK(to_string(ops::array<float>({1, 2.5, -3})) == "[ 1.   2.5 -3. ]");
  CHECK(to_string(ops::array<float>({0.1, 10000000})) == "[1.e-01 1.e+07]");
  CHECK(to_string(ops::array<bool>({true, false})) == "[ True False]");
  CHECK(to_string(ops::sum(ops::array<float>({0.5}))) == "0.5");
  CHECK(to_string(ops::array<float>({true, 1e6})) == "[1.e+00 1.e+06]");
  CHECK(to_string(ops::array<double>({100, 2.0 / 3})) == "[100.           0.66666667]");
  CHECK(to_string(ops::sum(ops::array<double>({2.0 / 3}))) == "0.6666666666666666");
  CHECK(to_string(ops::arange(100, 140, 2)).find('\n') == 72);
  CHECK(to_string(ops::arange(2000)) == "[   0    1    2 ... 1997 1998 1999]");
}

TEST_CASE("a view of the user's memory sees it change") {
  std::vector<float> buffer(12, 1.0f);
  const Tensor view = Tensor::view(buffer.data(), {3, 4});
  buffer[0] = 5.0f;
  CHECK(view[0][0].item<float>() == 5.0f);
}

TEST_CASE("a reshape of a transpose copies only where it must") {
  const Tensor x = ops::reshape(ops::arange(24), {2, 3, 4});
  const Tensor t = ops::transpose(x, {1, 0, 2});
  const Tensor kept = ops::reshape(t, {3, 2, 2, 2});
  CHECK(kept.data() == x.data());
  CHECK(ops::array_equal(ops::reshape(kept, {3, 2, 4}), t));
  const Tensor flat = ops::reshape(t, {-1});
  CHECK(flat.data() != x.data());
  CHECK(flat.to_vector<std::int64_t>()[4] == 12);
}

TEST_CASE("batch_dot gives Keras's shapes") {
  const Tensor x = ops::reshape(ops::arange(10), {1, 5, 2});
  const Tensor y = ops::reshape(ops::arange(10, 20), {1, 2, 5});
  const Tensor z = ops::batch_dot(x, y, {1, 2});
  CHECK(z.shape() == Shape{1, 2, 2});
  CHECK(z.to_vector<std::int64_t>() == std::vector<std::int64_t>{260, 360, 320, 445});
  CHECK(ops::batch_dot(ops::ones({5, 3}), ops::ones({5, 3}), {1, 1}).shape() == Shape{5, 1});
}

TEST_CASE("errors name the op and what came") {
  const Tensor a = ops::ones({2, 3});
  try {
    a + ops::ones({2});
    CHECK(false);
  } catch (const ShapeError& error) {
    CHECK(std::string(error.what()) == "add: shapes (2, 3) and (2,) do not broadcast together");
  }
  CHECK_THROWS_AS(ops::reshape(a, {4, -1}), ShapeError);
  CHECK_THROWS_AS(ops::matmul(a, a), ShapeError);
  CHECK_THROWS_AS(a.data<double>(), TypeError);
  CHECK_THROWS_AS(ops::add(a, Tensor()), StateError);
  CHECK_THROWS_AS(a.item<float>(), ValueError);
}
