#pragma once
/// Scaled dot-product attention, a head at a time: some queries against all keys, in scratch memory
/// that a cache holds. Heads are spread over the threads; blocks depend on sizes only, and with
/// them the results.
#include <array>
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// What a score is where a mask hides a key, as Keras has it.
constexpr double kHiddenScore = -0.7 * 3.38953e38;

/// Query is (batch, queries, heads, size), key and value (batch, keys, own_heads, size or
/// value_size), all contiguous.
struct AttentionPlan {
  DType dtype;  ///< float32 or float64
  std::int64_t batch, queries, keys;
  std::int64_t heads, own_heads;  ///< a multiple of the other
  std::int64_t size, value_size;
  double scale;
  bool is_causal;
  /// Of bias and mask over (batch, heads, queries, keys), in elements; 0 where one serves all.
  std::array<std::int64_t, 4> bias_strides, mask_strides;

  std::int64_t group() const { return own_heads == 0 ? 0 : heads / own_heads; }
};

/// Whether the forward pass keeps the weights of the values for the gradient: those of a head are
/// then few enough for a cache. Else the gradient makes them anew.
constexpr bool keeps_attention_weights(std::int64_t queries, std::int64_t keys) {
  constexpr std::int64_t most = std::int64_t{1} << 14;
  return keys == 0 || queries <= most / keys;
}

struct AttentionInputs {
  const void* query;
  const void* key;
  const void* value;
  const void* bias;  ///< null for none
  const bool* mask;  ///< null for none; true where a key counts
};
struct AttentionForward {
  void* y;        ///< (batch, queries, heads, value_size)
  void* weights;  ///< (batch, heads, queries, keys) where they are kept
};
struct AttentionBackward {
  const void* dy;
  const void* weights;  ///< as the forward pass left them
  void* dquery;
  void* dkey;
  void* dvalue;
};

/// Bytes of workspace, aligned to 64.
std::int64_t attention_workspace(const AttentionPlan& plan, bool backward);
void attention_forward(const AttentionPlan& plan,
                       const AttentionInputs& in,
                       const AttentionForward& out,
                       void* workspace);
void attention_backward(const AttentionPlan& plan,
                        const AttentionInputs& in,
                        const AttentionBackward& arrays,
                        void* workspace);

}  // namespace nyala::kernels
