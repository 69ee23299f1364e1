#pragma once
/// Attention: means of values, weighted by how well their keys fit a query.
#include <cstdint>
#include <optional>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Bias and mask broadcast to (batch, heads, queries, keys).
struct DotProductAttentionArgs {
  Tensor bias = {};                  ///< added to the scores
  Tensor mask = {};                  ///< true where a key counts for a query
  std::optional<double> scale = {};  ///< of the scores; 1 / sqrt(size) without one
  bool is_causal = false;            ///< whether query t sees the keys 0 to t alone
};

namespace ops {

/// softmax(scale * query . key + bias) . value for each head: query (batch, queries, heads, size),
/// key and value (batch, keys, heads or a divisor of it, size), result (batch, queries, heads,
/// size of value). A query that sees no key takes the mean of all. Throws ShapeError for other
/// ranks and for sizes that do not fit.
Tensor dot_product_attention(const Tensor& query,
                             const Tensor& key,
                             const Tensor& value,
                             const DotProductAttentionArgs& args = {});

/// bool (1, queries, keys): true for the keys up to the query's place, or with `window` for those
/// less than `window` places away on either side. Sizes may be None, on symbols.
Tensor attention_span(std::int64_t queries,
                      std::int64_t keys,
                      std::optional<std::int64_t> window = {});

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
