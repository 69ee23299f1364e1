#include <nyala/layers/core.hpp>

namespace nyala::layers {
namespace {

class DenseLayer final : public LayerBase<DenseArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 2);
    if (built()) expect_size(inputs[0], -1, kernel_.shape()[0]);
  }

  void build(Inputs<Shape> inputs) override {
    const std::int64_t units = args().units;
    kernel_ = add_weight({.shape = {inputs[0].back(), units},
                          .initializer = args().kernel_initializer,
                          .regularizer = args().kernel_regularizer,
                          .constraint = args().kernel_constraint,
                          .name = "kernel"});
    if (!args().use_bias) return;
    bias_ = add_weight({.shape = {units},
                        .initializer = args().bias_initializer,
                        .regularizer = args().bias_regularizer,
                        .constraint = args().bias_constraint,
                        .name = "bias"});
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    Tensor x =
        ops::matmul(ops::cast(inputs[0], compute_dtype()), ops::cast(kernel_, compute_dtype()));
    if (args().use_bias) x = x + ops::cast(bias_, compute_dtype());
    return args().activation(x);
  }

  bool supports_masking() const override { return true; }
  const regularizers::Regularizer* activity_regularizer() const override {
    return &args().activity_regularizer.value;
  }

 private:
  Variable kernel_;
  Variable bias_;
};

}  // namespace

NYALA_LAYER(Dense)

}  // namespace nyala::layers
