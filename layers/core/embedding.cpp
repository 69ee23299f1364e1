#include <nyala/layers/core.hpp>

namespace nyala::layers {
namespace {

class EmbeddingLayer final : public LayerBase<EmbeddingArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  void build(Inputs<Shape>) override {
    table_ = add_weight({.shape = {args().input_dim.value, args().output_dim.value},
                         .initializer = args().embeddings_initializer,
                         .regularizer = args().embeddings_regularizer,
                         .constraint = args().embeddings_constraint,
                         .name = "embeddings"});
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const DType dtype = inputs[0].dtype();
    const bool whole = dtype == DType::int32 || dtype == DType::int64;
    const Tensor ids = whole ? inputs[0] : ops::cast(inputs[0], DType::int32);
    return ops::cast(ops::take(table_, ids, {.axis = 0}), compute_dtype());
  }
  bool casts_inputs() const override { return false; }
  bool supports_masking() const override { return args().mask_zero; }
  std::vector<Tensor> compute_mask(Inputs<Tensor> inputs, const std::vector<Tensor>&) override {
    return {ops::not_equal(inputs[0], 0)};
  }
  const regularizers::Regularizer* activity_regularizer() const override {
    return &args().activity_regularizer;
  }

 private:
  Variable table_;
};

}  // namespace

NYALA_LAYER(Embedding)

}  // namespace nyala::layers
