// Maximum and Minimum.
#include <nyala/layers/merging/merge.hpp>

namespace nyala::layers {
namespace {

using BinaryOp = Tensor (*)(const Tensor& x, const Tensor& y);

// Masked elements do not count, as long as there is another one.
Tensor fold(BinaryOp op, const std::vector<Tensor>& inputs, const std::vector<Tensor>& masks) {
  Tensor output = inputs[0];
  Tensor output_mask = masks[0].defined() ? detail::wide_mask(masks[0]) : Tensor();
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    Tensor x = inputs[i];
    const Tensor mask = masks[i].defined() ? detail::wide_mask(masks[i]) : Tensor();
    if (mask.defined()) x = ops::where(mask, x, output);
    if (output_mask.defined()) output = ops::where(output_mask, output, x);
    output_mask =
        mask.defined() && output_mask.defined() ? ops::logical_or(output_mask, mask) : Tensor();
    output = op(output, x);
  }
  return output;
}

class MaximumLayer final : public detail::MergeLayer<MaximumArgs> {
 public:
  using MergeLayer::MergeLayer;

 private:
  Tensor merge(const std::vector<Tensor>& inputs, const std::vector<Tensor>& masks) override {
    return fold(ops::maximum, inputs, masks);
  }
};

class MinimumLayer final : public detail::MergeLayer<MinimumArgs> {
 public:
  using MergeLayer::MergeLayer;

 private:
  Tensor merge(const std::vector<Tensor>& inputs, const std::vector<Tensor>& masks) override {
    return fold(ops::minimum, inputs, masks);
  }
};

}  // namespace

NYALA_LAYER(Maximum)
NYALA_LAYER(Minimum)

}  // namespace nyala::layers
