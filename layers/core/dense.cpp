#include <nyala/layers/core.hpp>

namespace nyala::layers {
namespace {

class DenseLayer final : public LayerBase<DenseArgs> {
 public:
  using LayerBase::LayerBase;

  void build(Inputs<Shape> inputs) override {
    if (inputs[0].rank() < 2) {
      throw ShapeError(label() + " received shape " + inputs[0].str() +
                       ", expected rank 2 or more");
    }
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
    expect_inputs(inputs, 1);
    const Shape& shape = inputs[0].shape();
    if (shape.rank() < 2 || (shape.back() != None && shape.back() != kernel_.shape()[0])) {
      throw ShapeError(label() + " received shape " + shape.str() +
                       ", expected rank 2 or more and axis -1 of size " +
                       std::to_string(kernel_.shape()[0]));
    }
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
