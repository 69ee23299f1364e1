#include <algorithm>

#include <nyala/layers/activation.hpp>
#include <nyala/layers/streaming.hpp>

namespace nyala::layers {
namespace {

class PReLULayer final : public LayerBase<PReLUArgs>, public PointwiseLayer {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 1);
    if (!built()) return;
    expect_rank(inputs[0], alpha_.rank() + 1);
    for (int i = 0; i < alpha_.rank(); ++i) {
      if (alpha_.shape()[i] != 1) expect_size(inputs[0], i + 1, alpha_.shape()[i]);
    }
  }
  void build(Inputs<Shape> inputs) override {
    Shape shape = inputs[0];
    for (int axis : args().shared_axes.value_or(std::vector<int>{}))
      shape[expect_axis(inputs[0], axis)] = 1;
    shape.erase(0);
    alpha_ = add_weight({.shape = shape,
                         .initializer = args().alpha_initializer,
                         .regularizer = args().alpha_regularizer,
                         .constraint = args().alpha_constraint,
                         .name = "alpha"});
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor alpha = ops::cast(alpha_, compute_dtype());
    return ops::relu(inputs[0]) - alpha * ops::relu(-inputs[0]);
  }
  bool supports_masking() const override { return true; }
  // Where all steps share their slopes.
  bool is_pointwise(int rank) const override {
    const auto axes = args().shared_axes.value_or(std::vector<int>{});
    return std::any_of(
        axes.begin(), axes.end(), [&](int axis) { return axis == 1 || axis + rank == 1; });
  }

 private:
  Variable alpha_;
};

}  // namespace

NYALA_LAYER(PReLU)

Config PReLUArgs::upgrade(Config config) {
  if (const Config* axes = config.find("shared_axes"); axes != nullptr && axes->is_int())
    config["shared_axes"] = Config::List{*axes};
  return config;
}

}  // namespace nyala::layers
