#include <nyala/layers/core.hpp>

namespace nyala::layers {
namespace {

// What both layers do with ids.
template <class Args>
class TableLayer : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  void check(Inputs<Shape> inputs) const override { this->expect_inputs(inputs.size(), 1); }
  void build(Inputs<Shape>) override {
    table_ = this->add_weight({.shape = {args().input_dim.value, args().output_dim.value},
                               .initializer = args().embeddings_initializer,
                               .regularizer = args().embeddings_regularizer,
                               .constraint = args().embeddings_constraint,
                               .name = "embeddings"});
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const DType dtype = inputs[0].dtype();
    const bool whole = dtype == DType::int32 || dtype == DType::int64;
    const Tensor ids = whole ? inputs[0] : ops::cast(inputs[0], DType::int32);
    return ops::cast(ops::take(table_, ids, {.axis = 0}), this->compute_dtype());
  }
  bool casts_inputs() const override { return false; }
  bool supports_masking() const override { return args().mask_zero; }
  std::vector<Tensor> compute_mask(Inputs<Tensor> inputs, const std::vector<Tensor>&) override {
    return {ops::not_equal(inputs[0], 0)};
  }
  const regularizers::Regularizer* activity_regularizer() const override {
    return &args().activity_regularizer;
  }

 protected:
  const Variable& table() const { return table_; }

 private:
  Variable table_;
};

class EmbeddingLayer final : public TableLayer<EmbeddingArgs> {
 public:
  using TableLayer::TableLayer;
};

class ReversibleEmbeddingLayer final : public TableLayer<ReversibleEmbeddingArgs> {
 public:
  using TableLayer::TableLayer;

  void build(Inputs<Shape> inputs) override {
    TableLayer::build(inputs);
    if (args().tie_weights) return;
    back_ = add_weight({.shape = {args().output_dim.value, args().input_dim.value},
                        .initializer = args().embeddings_initializer,
                        .name = "reverse_embeddings"});
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (call.flag("reverse")) return scores(inputs[0]);
    Tensor rows = TableLayer::call(inputs, call);
    if (args().mask_zero) rows.set_mask(ops::not_equal(inputs[0], 0));
    return rows;
  }
  // `call` sets the mask, where there is one.
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>&) override {
    return {Tensor()};
  }

 private:
  Tensor scores(Tensor vectors) const {
    expect_size(vectors.shape(), -1, args().output_dim);
    Tensor kernel = args().tie_weights ? ops::transpose(table()) : Tensor(back_);
    if (args().reverse_dtype) {
      vectors = ops::cast(vectors, *args().reverse_dtype);
      kernel = ops::cast(kernel, *args().reverse_dtype);
    }
    Tensor raw = ops::matmul(vectors, kernel);
    if (!args().logit_soft_cap) return raw;
    const double cap = *args().logit_soft_cap;
    return ops::tanh(raw / cap) * cap;
  }

  Variable back_;
};

}  // namespace

NYALA_LAYER(Embedding)
NYALA_LAYER(ReversibleEmbedding)

}  // namespace nyala::layers
