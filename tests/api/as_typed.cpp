// As a Keras user types it: the axis second, comparisons and += on tensors.
#include <nyala/nyala.hpp>

#include "check.hpp"

using namespace nyala;

namespace {

void ops_as_typed() {
  const Tensor x = ops::reshape(ops::arange(24, {.dtype = float32}), {2, 3, 4});
  CHECK(ops::sum(x, 1).shape() == Shape{2, 4});
  CHECK(ops::mean(x, {1, 2}, {.keepdims = true}).shape() == Shape{2, 1, 1});
  CHECK(ops::array_equal(ops::argmax(x, -1), ops::argmax(x, {.axis = -1})));
  CHECK(ops::concatenate({x, x}, 1).shape() == Shape{2, 6, 4});
  CHECK(ops::softmax(x, 0).shape() == x.shape());
  CHECK(ops::sort(x, 0).shape() == x.shape());

  Tensor y = x;
  y += 1;
  y *= 2.0f;
  CHECK(ops::all(y == (x + 1) * 2).item<bool>());
  CHECK(!ops::any(y != y).item<bool>());
  CHECK(ops::array_equal(ops::power(x, 2), x * x));  // x ^ 2 does not compile, and says so

  const Tensor w = ops::ones({4, 2}), b = ops::zeros({2});
  CHECK(ops::linear(x, w, b).shape() == Shape{2, 3, 2});
  const ops::BatchNormResult normal = [&] {
    const Tensor one = ops::ones({4}), none = ops::zeros({4});
    return ops::batch_norm(x, one, none, {.axis = -1});
  }();
  CHECK(normal.y.shape() == x.shape());
}

}  // namespace

int main() { ops_as_typed(); }
