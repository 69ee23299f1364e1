// Gradients of functions that are made of several ops, away from their kinks, and of products with
// zeros in them.
#include <doctest/doctest.h>

#include <functional>

#include <nyala/autograd/gradient_check.hpp>
#include <nyala/core/ops.hpp>

using namespace nyala;
using namespace nyala::ops;

namespace {

using Function = std::function<Tensor(const std::vector<Tensor>&)>;

// No two elements alike, none near 0, both signs.
Tensor spread(const Shape& shape, double first = 0.37) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < shape.num_elements(); ++i) {
    const double size = 0.21 + 0.4 * static_cast<double>((i * 7) % 11) / 3 + 0.013 * first;
    values.push_back(i % 3 == 1 ? -size : size);
  }
  return Tensor::from(values, shape);
}

void check(const char* name, const Function& f, const std::vector<Tensor>& inputs) {
  CAPTURE(name);
  CHECK(gradient_error(f, inputs, {.order = 2}) < 1e-6);
}

#define NYALA_CHECK(expression, ...) \
  check(#expression, [](const auto& x) -> Tensor { return expression; }, {__VA_ARGS__})

}  // namespace

TEST_CASE("gradients of what is made of several ops") {
  const Tensor a = spread({3, 4});
  const Tensor b = spread({3, 4}, 2.9);
  const Tensor cube = spread({2, 3, 4});
  NYALA_CHECK(stack({x[0], x[1]}, {.axis = 1}), a, b);
  NYALA_CHECK(split(x[0], {1}, {.axis = 1})[1], a);
  NYALA_CHECK(pad(x[0], {{1, 2}, {0, 3}}, {.mode = "reflect"}), a);
  NYALA_CHECK(pad(x[0], {{1, 2}, {0, 3}}, {.mode = "symmetric"}), a);
  NYALA_CHECK(tile(x[0], {2, 1, 3}), a);
  NYALA_CHECK(repeat(x[0], {1, 0, 2}, {.axis = 0}), a);
  NYALA_CHECK(roll(flip(x[0], 0), 1), a);
  NYALA_CHECK(rot90(tril(x[0])), a);
  NYALA_CHECK(diag(diagonal(x[0], 1), -1), a);
  NYALA_CHECK(sort(x[0], {.axis = 0}), a);
  NYALA_CHECK(top_k(x[0], 2).values, a);
  NYALA_CHECK(segment_sum(x[0], array<int>({1, 0, 1})), a);
  NYALA_CHECK(prod(x[0], {.axis = {0, 2}}), cube);
  NYALA_CHECK(logsumexp(x[0], {.axis = {0, 2}, .keepdims = true}), cube);
  NYALA_CHECK(softmax(x[0], {.axis = {0, 2}}), cube);
  NYALA_CHECK(var(x[0], {.axis = {0, 2}}), cube);
  NYALA_CHECK(ops::std(x[0], {.axis = 1}), cube);
  NYALA_CHECK(median(x[0], {.axis = 1}), a);
  NYALA_CHECK(average(x[0], {.axis = 1, .weights = x[1][0]}), a, abs(b));
  NYALA_CHECK(norm(x[0], {.ord = 3, .axis = 1}), a);
  NYALA_CHECK(einsum("bij,kji->bk", {x[0], x[1]}), cube, spread({5, 4, 3}));
  NYALA_CHECK(einsum("ii,ij->j", {x[0], x[1]}), spread({3, 3}), a);
  NYALA_CHECK(tensordot(x[0], x[1], {{2, 0}, {0, 1}}), cube, spread({4, 2}));
  NYALA_CHECK(kron(x[0], cross(x[1], x[1] * x[1])), spread({2}), spread({3}));
  NYALA_CHECK(inv(x[0] + eye(3, {}, {.dtype = float64}) * 4), spread({3, 3}));
  NYALA_CHECK(cholesky(matmul(x[0], transpose(x[0])) + eye(3, {}, {.dtype = float64})), a);
  NYALA_CHECK(logaddexp(x[0], x[1]) + hypot(x[0], x[1]), a, b);
  NYALA_CHECK(sinc(x[0]) + cbrt(x[0]) + exp2(x[0]), a);
}

TEST_CASE("gradients of activations and of normalised rows") {
  const Tensor a = spread({3, 4});
  NYALA_CHECK(elu(x[0], 0.7) + selu(x[0]) + celu(x[0], 0.6), a);
  NYALA_CHECK(leaky_relu(x[0]) + relu6(x[0] * 5) + hard_silu(x[0]), a);
  NYALA_CHECK(mish(x[0]) + softsign(x[0]) + log_sigmoid(x[0]) + squareplus(x[0]), a);
  NYALA_CHECK(sparse_plus(x[0]) + sparse_sigmoid(x[0]) + tanh_shrink(x[0]), a);
  NYALA_CHECK(soft_shrink(x[0]) + hard_shrink(x[0]) + hard_tanh(x[0]), a);
  NYALA_CHECK(sparsemax(x[0]), a);
  NYALA_CHECK(glu(x[0], {.axis = 1}), a);
  NYALA_CHECK(l2_normalize(x[0]), a);
  NYALA_CHECK(l2_normalize(x[0], {.axis = {0, 1}, .legacy = true}), a);
  NYALA_CHECK(normalize(x[0], {.axis = 0, .order = 3}), a);
}

TEST_CASE("products with zeros have a gradient") {
  const Tensor none = array<double>({2, 3, 4});
  const Tensor one = array<double>({2, 0, 4});
  const Tensor two = array<double>({0, 3, 0, 5});
  for (const Tensor& factors : {none, one, two}) {
    NYALA_CHECK(prod(x[0]), factors);
    NYALA_CHECK(cumprod(x[0]), factors);
    NYALA_CHECK(cumprod(x[0], {.reverse = true}), factors);
    NYALA_CHECK(cumprod(x[0], {.exclusive = true}), factors);
  }
}
