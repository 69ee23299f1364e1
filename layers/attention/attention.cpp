#include <nyala/autograd/random.hpp>
#include <nyala/layers/attention.hpp>

namespace nyala::layers {
namespace {

// What is taken from the score of a hidden value, as Keras has it.
constexpr double kHidden = 1e9;

// All but the scores.
template <class Args>
class AttentionBase : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  void check(Inputs<Shape> inputs) const override {
    if (inputs.size() != 2 && inputs.size() != 3) {
      throw ValueError(this->label() + " received " + std::to_string(inputs.size()) +
                       " inputs, expected {query, value} or {query, value, key}");
    }
    for (const Shape& shape : inputs) this->expect_min_rank(shape, 2);
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    const Tensor &query = inputs[0], &value = inputs[1];
    Tensor scores = this->scores(query, inputs[inputs.size() - 1]);
    const Tensor seen = seen_values(scores, mask_of(call, 1), call.flag("use_causal_mask"));
    if (seen.defined()) scores = ops::where(seen, scores, scores - kHidden);
    Tensor weights = ops::softmax(scores);
    if (call.is_training() && args().dropout > 0)
      weights = random::dropout(weights, args().dropout, {.seed = *generator_});
    Tensor result = ops::matmul(weights, value);
    if (const Tensor mask = mask_of(call, 0); mask.defined())
      result = ops::where(ops::expand_dims(mask, -1), result, 0);
    if (call.flag("return_attention_scores")) return {result, weights};
    return {result};
  }
  bool supports_masking() const override { return true; }
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>& masks) override {
    return {masks.empty() ? Tensor() : masks[0]};
  }

 protected:
  /// (..., queries, values)
  virtual Tensor scores(const Tensor& query, const Tensor& key) const = 0;
  void validate() override {
    if (args().dropout > 0) generator_.emplace(args().seed);
  }
  /// query + key for each pair of steps: (..., queries, values, size).
  static Tensor each_sum(const Tensor& query, const Tensor& key) {
    return ops::expand_dims(query, -2) + ops::expand_dims(key, -3);
  }

 private:
  static Tensor mask_of(const CallArgs& call, std::size_t i) {
    if (i >= call.mask.size() || !call.mask[i].defined()) return {};
    return ops::cast(call.mask[i], DType::bool_);
  }
  static Tensor seen_values(const Tensor& scores, Tensor value_mask, bool causal) {
    if (value_mask.defined() && (causal || value_mask.rank() == 2))
      value_mask = ops::expand_dims(value_mask, -2);
    if (!causal) return value_mask;
    const Tensor past = ops::attention_span(scores.shape()[-2], scores.shape()[-1]);
    return value_mask.defined() ? ops::logical_and(value_mask, past) : past;
  }

  std::optional<random::SeedGenerator> generator_;
};

class AttentionLayer final : public AttentionBase<AttentionArgs> {
 public:
  using AttentionBase::AttentionBase;

  void build(Inputs<Shape>) override {
    if (args().use_scale) scale_ = number("scale");
    if (is_concat()) concat_weight_ = number("concat_score_weight");
  }

 private:
  bool is_concat() const { return args().score_mode == "concat"; }
  Variable number(const std::string& name) {
    return add_weight({.shape = {}, .initializer = "ones", .name = name});
  }
  Tensor weight(const Variable& variable) const { return ops::cast(variable, compute_dtype()); }
  Tensor scores(const Tensor& query, const Tensor& key) const override {
    if (is_concat()) {
      const Tensor sum = each_sum(query, key);
      const Tensor scaled = args().use_scale ? sum * weight(scale_) : sum;
      return ops::sum(ops::tanh(scaled), {.axis = -1}) * weight(concat_weight_);
    }
    const Tensor dots = ops::matmul(query, ops::swapaxes(key, -2, -1));
    return args().use_scale ? dots * weight(scale_) : dots;
  }
  void validate() override {
    AttentionBase::validate();
    if (args().score_mode == "dot" || is_concat()) return;
    throw ValueError(label() + ": received score_mode \"" + args().score_mode.substr(0, 200) +
                     "\", expected dot or concat");
  }

  Variable scale_;
  Variable concat_weight_;
};

class AdditiveAttentionLayer final : public AttentionBase<AdditiveAttentionArgs> {
 public:
  using AttentionBase::AttentionBase;

  void build(Inputs<Shape> inputs) override {
    if (args().use_scale) {
      scale_ = add_weight(
          {.shape = {inputs[0].back()}, .initializer = "glorot_uniform", .name = "scale"});
    }
  }

 private:
  Tensor scores(const Tensor& query, const Tensor& key) const override {
    const Tensor sums = ops::tanh(each_sum(query, key));
    return ops::sum(args().use_scale ? sums * ops::cast(scale_, compute_dtype()) : sums,
                    {.axis = -1});
  }

  Variable scale_;
};

}  // namespace

NYALA_LAYER(Attention)
NYALA_LAYER(AdditiveAttention)

}  // namespace nyala::layers
