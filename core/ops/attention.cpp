#include <nyala/core/ops/attention.hpp>

#include <cmath>

#include <nyala/core/ops/support.hpp>

namespace nyala::ops {
namespace {

// What a score is where the mask hides a key, as Keras has it.
constexpr double kHidden = -0.7 * 3.38953e38;

[[noreturn]] void refuse(const Tensor& query, const Tensor& key, const Tensor& value) {
  throw ShapeError("dot_product_attention: received shapes " + query.shape().str() + ", " +
                   key.shape().str() + " and " + value.shape().str() +
                   ", expected (batch, queries, heads, size) and keys and values (batch, keys, "
                   "heads or a divisor of it, size)");
}

// Keys or values with each head repeated for the queries' heads that share it.
Tensor for_each_head(const Tensor& x, std::int64_t heads) {
  const std::int64_t own = x.shape()[2];
  return own == heads || own == None || heads == None ? x : repeat(x, heads / own, {.axis = 2});
}

void check(const Tensor& query, const Tensor& key, const Tensor& value) {
  const Shape &q = query.shape(), &k = key.shape(), &v = value.shape();
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4) refuse(query, key, value);
  bool fits = sizes_fit(q[0], k[0]) && sizes_fit(k[0], v[0]) && sizes_fit(k[1], v[1]) &&
              sizes_fit(k[2], v[2]) && sizes_fit(q[3], k[3]);
  if (q[2] != None && k[2] != None) fits = fits && k[2] > 0 && q[2] % k[2] == 0;
  if (!fits) refuse(query, key, value);
}

}  // namespace

Tensor attention_span(std::int64_t queries, std::int64_t keys, std::optional<std::int64_t> window) {
  if (queries == None || keys == None) return Tensor::abstract({1, queries, keys}, DType::bool_);
  const Tensor ahead =
      reshape(arange(keys), {1, 1, keys}) - reshape(arange(queries), {1, queries, 1});
  return window ? abs(ahead) < *window : ahead <= 0;
}

Tensor dot_product_attention(const Tensor& query,
                             const Tensor& key,
                             const Tensor& value,
                             const DotProductAttentionArgs& args) {
  check(query, key, value);
  const DType dtype =
      to_float(promote(promote(query, key).first, promote(query, value).second).first).dtype();
  const std::int64_t heads = query.shape()[2];
  const Tensor q = cast(query, dtype);
  const Tensor k = for_each_head(cast(key, dtype), heads);
  const Tensor v = for_each_head(cast(value, dtype), heads);
  const double scale =
      args.scale ? *args.scale : 1 / std::sqrt(static_cast<double>(query.shape()[3]));
  Tensor scores = einsum("btnh,bsnh->bnts", {q, k}) * scale;
  if (args.bias.defined()) scores = scores + cast(args.bias, dtype);
  Tensor seen = args.mask.defined() ? cast(args.mask, DType::bool_) : Tensor();
  if (args.is_causal) {
    const Tensor past = attention_span(query.shape()[1], key.shape()[1]);
    seen = seen.defined() ? logical_and(seen, past) : past;
  }
  if (seen.defined()) scores = where(seen, scores, kHidden);
  return einsum("bnts,bsnh->btnh", {softmax(scores), v});
}

}  // namespace nyala::ops
