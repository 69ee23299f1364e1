#pragma once
/// What layers with heads share. Not part of the public API.
#include <cmath>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nyala/layers/activation.hpp>
#include <nyala/layers/attention.hpp>
#include <nyala/layers/regularization.hpp>

namespace nyala::layers {

/// Attention of projected queries, keys and values: (batch, ..., heads, size).
template <class Args>
class HeadsLayer : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  void check(Inputs<Shape> inputs) const override {
    if (inputs.size() != 2 && inputs.size() != 3) {
      throw ValueError(this->label() + " received " + std::to_string(inputs.size()) +
                       " inputs, expected query, value and perhaps key");
    }
    for (const Shape& shape : inputs) this->expect_min_rank(shape, 3);
    const Shape &value = inputs[1], &key = inputs[inputs.size() - 1];
    bool fit = value.rank() == key.rank();
    for (int i = 1; fit && i < value.rank() - 1; ++i)
      fit = value[i] == key[i] || value[i] == None || key[i] == None;
    if (!fit) {
      throw ShapeError(this->label() + " received a value of shape " + value.str() +
                       " and a key of shape " + key.str() +
                       ", expected the same axes between the first and the last");
    }
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    const Tensor &query = inputs[0], &value = inputs[1], &key = inputs[inputs.size() - 1];
    const Tensor seen = seen_keys(inputs, call);
    const Tensor q = one(query_dense_, query), k = one(key_dense_, key),
                 v = one(value_dense_, value);
    const bool with_weights = call.flag("return_attention_scores");
    Tensor weights;
    Tensor result = with_weights || args().dropout > 0 || q.rank() != 4
                        ? this->weighted(q, k, v, seen, call, weights)
                        : this->fused(q, k, v, seen);
    if (args().use_gate) result = result * one(gate_dense_, query);
    result = one(output_dense_, result);
    if (with_weights) return {result, weights};
    return {result};
  }
  bool supports_masking() const override { return true; }

 protected:
  /// The weights of the values with a mask over (batch, heads, queries..., keys...).
  struct Equations {
    std::string scores;    ///< of key and query
    std::string combined;  ///< of weights and value
    int num_axes = 1;      ///< that are attended over
  };

  virtual Tensor query_mask(Inputs<Tensor> inputs, const CallArgs& call) const = 0;
  virtual double scale() const = 0;
  /// Keys or values as the heads of the query take them.
  virtual Tensor for_query_heads(const Tensor& x) const { return x; }

  EinsumDense projection(const std::string& name,
                         const std::string& equation,
                         const std::vector<std::int64_t>& output_shape,
                         const std::string& bias_axes,
                         const activations::Activation& activation = {}) const {
    return EinsumDense(
        EinsumDenseArgs{.equation = equation,
                        .output_shape = Shape(output_shape),
                        .activation = activation,
                        .bias_axes = args().use_bias ? std::optional(bias_axes) : std::nullopt,
                        .kernel_initializer = renewed(args().kernel_initializer),
                        .bias_initializer = renewed(args().bias_initializer),
                        .kernel_regularizer = args().kernel_regularizer,
                        .bias_regularizer = args().bias_regularizer,
                        .activity_regularizer = args().activity_regularizer,
                        .kernel_constraint = args().kernel_constraint,
                        .bias_constraint = args().bias_constraint,
                        .name = name,
                        .dtype = this->dtype_policy()});
  }
  void keep(Layer& member, const char* attribute, Layer layer, const Shape& input) {
    member = std::move(layer);
    this->track(attribute, member);
    member.build(input);
  }
  void build_attention(Equations equations) {
    equations_ = std::move(equations);
    const int n = equations_.num_axes;
    std::vector<int> last;
    for (int i = -n; i < 0; ++i) last.push_back(i);
    softmax_ = Softmax(SoftmaxArgs{.axis = last, .dtype = this->dtype_policy()});
    dropout_ = Dropout(
        DropoutArgs{.rate = args().dropout, .seed = args().seed, .dtype = this->dtype_policy()});
    this->track("_softmax", softmax_);
    this->track("_dropout_layer", dropout_);
  }

  Layer query_dense_, key_dense_, gate_dense_, value_dense_, output_dense_;

 private:
  // An initializer of the same configuration, so that no two kernels start alike.
  static initializers::Initializer renewed(const initializers::Initializer& initializer) {
    if (!initializer) return initializer;
    const auto& registry = initializers::InitializerBase::registry();
    if (registry.find(initializer->class_name()) == nullptr) return initializer;
    return initializers::Initializer(registry.from_config(serialize_object(initializer.get())));
  }
  static Tensor one(const Layer& layer, const Tensor& x) { return layer->apply({x})[0]; }

  // The mask as Keras has it for any rank: new axes before those that are attended over.
  Tensor with_heads(Tensor mask, int rank) const {
    while (mask.rank() < rank) mask = ops::expand_dims(mask, -2 * equations_.num_axes - 1);
    return mask;
  }
  Tensor fused(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& seen) const {
    DotProductAttentionArgs options{.scale = scale()};
    if (seen.defined()) options.mask = with_heads(seen, 4);
    return ops::dot_product_attention(q, k, v, options);
  }
  Tensor weighted(const Tensor& q,
                  const Tensor& k,
                  const Tensor& v,
                  const Tensor& seen,
                  const CallArgs& call,
                  Tensor& weights) const {
    const Tensor scores = ops::einsum(equations_.scores, {for_query_heads(k), q * scale()});
    CallArgs masked;
    if (seen.defined()) masked.mask = {with_heads(seen, scores.rank())};
    weights = softmax_->apply({scores}, masked)[0];
    const Tensor kept = args().dropout > 0
                            ? dropout_->apply({weights}, {.training = call.is_training()})[0]
                            : weights;
    return ops::einsum(equations_.combined, {kept, for_query_heads(v)});
  }

  // Which keys each query sees, (batch, queries, keys) or what attention_mask has; undefined for
  // all.
  Tensor seen_keys(Inputs<Tensor> inputs, const CallArgs& call) const {
    Tensor seen;
    const auto add = [&seen](const Tensor& mask) {
      if (mask.defined()) seen = seen.defined() ? ops::logical_and(seen, mask) : mask;
    };
    const auto mask_at = [&](std::size_t i, int axis) {
      if (i >= inputs.size() || i >= call.mask.size() || !call.mask[i].defined()) return Tensor();
      return ops::expand_dims(ops::cast(call.mask[i], DType::bool_), axis);
    };
    if (const Tensor own = query_mask(inputs, call); own.defined())
      add(ops::expand_dims(ops::cast(own, DType::bool_), -1));
    add(mask_at(1, -2));
    add(mask_at(2, -2));
    const std::int64_t queries = inputs[0].shape()[1], keys = inputs[1].shape()[1];
    if (call.flag("use_causal_mask")) add(ops::attention_span(queries, keys));
    if (args().sliding_window) add(ops::attention_span(queries, keys, *args().sliding_window));
    if (const Tensor given = call.tensor("attention_mask"); given.defined())
      add(ops::cast(given, DType::bool_));
    return seen;
  }

  Equations equations_;
  Layer softmax_, dropout_;
};

}  // namespace nyala::layers
