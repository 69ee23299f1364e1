// Attention, beyond the recorded cases.
#include <doctest/doctest.h>

#include <cmath>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

Tensor steps(const Shape& shape, int seed) { return random::normal(shape, {.seed = seed}); }
Tensor doubles(const Shape& shape, int seed) { return ops::cast(steps(shape, seed), float64); }

// What dot_product_attention computes, in plain ops.
Tensor attention_in_ops(const Tensor& q,
                        const Tensor& k,
                        const Tensor& v,
                        const DotProductAttentionArgs& args) {
  const Repeats group = q.shape()[2] / k.shape()[2];
  const Tensor each_k = ops::repeat(k, group, {.axis = 2}),
               each_v = ops::repeat(v, group, {.axis = 2});
  const double scale = args.scale.value_or(1 / std::sqrt(static_cast<double>(q.shape()[3])));
  Tensor scores = ops::einsum("btnh,bsnh->bnts", {q, each_k}) * scale;
  if (args.bias.defined()) scores = scores + args.bias;
  Tensor seen = ops::ones_like(scores) > 0;
  if (args.mask.defined()) seen = ops::logical_and(seen, args.mask);
  if (args.is_causal)
    seen = ops::logical_and(seen, ops::attention_span(q.shape()[1], k.shape()[1]));
  scores = ops::where(seen, scores, ops::ones_like(scores) * -2.37e38);
  return ops::einsum("bnts,bsnh->btnh", {ops::softmax(scores), each_v});
}

struct Gradients {
  Tensor y;
  std::vector<Tensor> of;
};
template <class F>
Gradients gradients_of(F&& f, const std::vector<Tensor>& at, const Tensor& dy) {
  GradientTape tape;
  for (const Tensor& x : at) tape.watch(x);
  const Tensor y = f(at[0], at[1], at[2]);
  return {y, tape.gradient(ops::sum(y * dy), at)};
}

}  // namespace

TEST_CASE("dot_product_attention shares heads of keys among queries") {
  const Tensor q = steps({2, 3, 4, 5}, 1), k = steps({2, 6, 2, 5}, 2), v = steps({2, 6, 2, 3}, 3);
  const Tensor shared = ops::dot_product_attention(q, k, v);
  CHECK(shared.shape() == Shape{2, 3, 4, 3});
  const Tensor each =
      ops::dot_product_attention(q, ops::repeat(k, 2, {.axis = 2}), ops::repeat(v, 2, {.axis = 2}));
  CHECK(ops::array_equal(shared, each));
  CHECK_THROWS_AS(ops::dot_product_attention(q, steps({2, 6, 3, 5}, 4), steps({2, 6, 3, 3}, 5)),
                  ShapeError);
  CHECK_THROWS_AS(ops::dot_product_attention(q, k, steps({2, 5, 2, 3}, 5)), ShapeError);
}

TEST_CASE("dot_product_attention and its gradients are those of plain ops") {
  struct Sizes {
    std::int64_t queries, keys, heads, own_heads;
  };
  // The last two are too many for their weights to be kept: queries are then taken in blocks, the
  // last of which is shorter.
  for (const Sizes s : {Sizes{7, 5, 2, 2},
                        Sizes{1, 9, 4, 1},
                        Sizes{20, 20, 2, 1},
                        Sizes{203, 131, 2, 1},
                        Sizes{131, 203, 1, 1}}) {
    CAPTURE(s.queries);
    CAPTURE(s.keys);
    const std::vector<Tensor> at = {doubles({2, s.queries, s.heads, 6}, 1),
                                    doubles({2, s.keys, s.own_heads, 6}, 2),
                                    doubles({2, s.keys, s.own_heads, 3}, 3)};
    const Tensor dy = doubles({2, s.queries, s.heads, 3}, 4);
    const Tensor bias = doubles({s.heads, s.queries, 1}, 5);
    const Tensor padding = doubles({2, 1, 1, s.keys}, 6) > 0;
    const Tensor some = doubles({2, s.heads, s.queries, s.keys}, 7) > 1;  // few: some rows see none
    const Tensor strided = ops::transpose(doubles({s.keys, s.queries}, 8)) > 0;
    for (const DotProductAttentionArgs& args :
         {DotProductAttentionArgs{},
          DotProductAttentionArgs{.is_causal = true},
          DotProductAttentionArgs{.bias = bias, .mask = padding, .scale = 0.3},
          DotProductAttentionArgs{.mask = some},
          DotProductAttentionArgs{.mask = strided, .is_causal = true}}) {
      const Gradients ours = gradients_of(
          [&](const Tensor& q, const Tensor& k, const Tensor& v) {
            return ops::dot_product_attention(q, k, v, args);
          },
          at,
          dy);
      const Gradients plain = gradients_of(
          [&](const Tensor& q, const Tensor& k, const Tensor& v) {
            return attention_in_ops(q, k, v, args);
          },
          at,
          dy);
      // Sums of up to 406 products of numbers near 1.
      CHECK(ops::allclose(ours.y, plain.y, {.rtol = 1e-11, .atol = 1e-12}));
      for (std::size_t i = 0; i < 3; ++i)
        CHECK(ops::allclose(ours.of[i], plain.of[i], {.rtol = 1e-11, .atol = 1e-12}));
    }
  }
}

TEST_CASE("dot_product_attention gives the same bits with any number of threads") {
  const std::vector<Tensor> at = {
      steps({3, 150, 4, 16}, 1), steps({3, 150, 2, 16}, 2), steps({3, 150, 2, 16}, 3)};
  const auto run = [&](int threads) {
    set_num_threads(threads);
    return gradients_of(
        [](const Tensor& q, const Tensor& k, const Tensor& v) {
          return ops::dot_product_attention(q, k, v, {.is_causal = true});
        },
        at,
        ops::ones_like(at[0]));
  };
  const int before = num_threads();
  const Gradients one = run(1);
  for (const int threads : {2, 8}) {
    const Gradients many = run(threads);
    CHECK(ops::array_equal(one.y, many.y));
    for (std::size_t i = 0; i < 3; ++i) CHECK(ops::array_equal(one.of[i], many.of[i]));
  }
  set_num_threads(before);
}

TEST_CASE("a query that sees no key takes the mean of all values") {
  const Tensor q = steps({1, 2, 1, 3}, 1), k = steps({1, 4, 1, 3}, 2);
  const Tensor none = ops::cast(ops::zeros({1, 1, 2, 4}), DType::bool_);
  const Tensor y = ops::dot_product_attention(q, k, k, {.mask = none});
  const Tensor mean = ops::broadcast_to(ops::mean(k, {.axis = 1, .keepdims = true}), {1, 2, 1, 3});
  CHECK(ops::allclose(y, mean, {.rtol = 1e-6, .atol = 1e-6}));
}

TEST_CASE("MultiHeadAttention gives the same with its weights and without") {
  const layers::MultiHeadAttention attention({.num_heads = 2, .key_dim = 3});
  const Tensor q = steps({2, 4, 5}, 1), v = steps({2, 6, 5}, 2);
  for (const bool causal : {false, true}) {
    const Tensor alone = attention(q, v, {.use_causal_mask = causal});
    const auto both =
        attention.call_all(q, v, {.return_attention_scores = true, .use_causal_mask = causal});
    REQUIRE(both.size() == 2);
    CHECK(ops::allclose(alone, both[0], {.rtol = 1e-5, .atol = 1e-6}));
    CHECK(both[1].shape() == Shape{2, 2, 4, 6});
    if (causal)
      CHECK(ops::slice(both[1], {{}, {}, {0, 1}, {1, {}}}).to_vector<float>() ==
            std::vector<float>(20, 0.0f));
  }
}

TEST_CASE("attention takes masks from its inputs and passes the query's on") {
  Tensor q = steps({1, 3, 4}, 1), v = steps({1, 4, 4}, 2);
  const Tensor query_mask = Tensor::from(std::vector<int>{1, 1, 0}, {1, 3}) > 0;
  const Tensor value_mask = Tensor::from(std::vector<int>{1, 0, 1, 1}, {1, 4}) > 0;
  const layers::MultiHeadAttention attention({.num_heads = 2, .key_dim = 3});
  const Tensor named = attention(q, v, {.value_mask = value_mask});
  CHECK(!named.mask().defined());
  v.set_mask(value_mask);
  CHECK(ops::array_equal(attention(q, v), named));
  q.set_mask(query_mask);
  CHECK(ops::array_equal(attention(q, v).mask(), query_mask));

  const Tensor y = layers::Attention()({q, v});
  CHECK(ops::array_equal(y.mask(), query_mask));
  CHECK(ops::slice(y, {{}, {2, 3}}).to_vector<float>() == std::vector<float>(4, 0.0f));
}

TEST_CASE("attention drops weights while training alone") {
  const layers::MultiHeadAttention attention(
      {.num_heads = 2, .key_dim = 3, .dropout = 0.5, .seed = 1});
  const Tensor x = steps({2, 8, 5}, 1);
  const Tensor calm = attention(x, x);
  CHECK(ops::array_equal(calm, attention(x, x)));
  CHECK(!ops::allclose(calm, attention(x, x, {.training = true})));
}

TEST_CASE("attention on symbols keeps its arguments in JSON") {
  const Symbol x = Input({.shape = {None, 6}});
  const layers::GroupQueryAttention attention(
      {.head_dim = 2, .num_query_heads = 4, .num_key_value_heads = 2});
  const Symbol y = attention(x, x, {.use_causal_mask = true});
  CHECK(y.shape().str() == Shape({None, None, 6}).str());
  const Model model(x, y);
  const Model again = model_from_json(model.to_json());
  again.set_weights(model.get_weights());
  const Tensor at = steps({2, 5, 6}, 3);
  CHECK(ops::array_equal(again(at), model(at)));
  CHECK(again.to_json() == model.to_json());
}

TEST_CASE("ReversibleEmbedding goes back by its table") {
  const layers::ReversibleEmbedding words({.input_dim = 5, .output_dim = 3, .logit_soft_cap = 2.0});
  const Tensor rows = words(Tensor::from(std::vector<int>{1, 4}, {1, 2}));
  const Tensor scores = words(rows, {.reverse = true});
  CHECK(scores.shape() == Shape{1, 2, 5});
  const Tensor raw = ops::matmul(rows, ops::transpose(words.get_weights()[0]));
  CHECK(ops::allclose(scores, ops::tanh(raw / 2) * 2, {.rtol = 1e-6, .atol = 1e-7}));
}

TEST_CASE("ReversibleEmbedding may go back by a table of its own") {
  const layers::ReversibleEmbedding words({.input_dim = 5, .output_dim = 3, .tie_weights = false});
  const Tensor rows = words(Tensor::from(std::vector<int>{1, 4}, {1, 2}));
  REQUIRE(words.weights().size() == 2);
  CHECK(words.weights()[1].path() == words.name() + "/reverse_embeddings");
  CHECK(ops::allclose(words(rows, {.reverse = true}),
                      ops::matmul(rows, words.get_weights()[1]),
                      {.rtol = 1e-6, .atol = 1e-7}));
  CHECK_THROWS_AS(words(ops::zeros({1, 2}), {.reverse = true}), ShapeError);
}

TEST_CASE("attention refuses what does not fit") {
  CHECK_THROWS_AS(layers::Attention({.score_mode = "cosine"}), ValueError);
  CHECK_THROWS_AS(layers::Attention()(steps({1, 2, 3}, 1)), ValueError);
  CHECK_THROWS_AS(
      layers::GroupQueryAttention({.head_dim = 2, .num_query_heads = 3, .num_key_value_heads = 2}),
      ValueError);
  const layers::MultiHeadAttention attention({.num_heads = 1, .key_dim = 2, .attention_axes = 3});
  CHECK_THROWS_AS(attention(steps({1, 2, 3}, 1), steps({1, 2, 3}, 1)), IndexError);
}
