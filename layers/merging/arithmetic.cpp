// Add, Subtract, Multiply and Average.
#include <nyala/layers/merging/merge.hpp>

namespace nyala::layers {
namespace {

Tensor sum_of(const std::vector<Tensor>& inputs) {
  Tensor sum = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) sum = sum + inputs[i];
  return sum;
}

class AddLayer final : public detail::MergeLayer<AddArgs> {
 public:
  using MergeLayer::MergeLayer;

 private:
  Tensor merge(const std::vector<Tensor>& inputs, const std::vector<Tensor>&) override {
    return sum_of(inputs);
  }
};

class AverageLayer final : public detail::MergeLayer<AverageArgs> {
 public:
  using MergeLayer::MergeLayer;

 private:
  Tensor merge(const std::vector<Tensor>& inputs, const std::vector<Tensor>&) override {
    return sum_of(inputs) / static_cast<int>(inputs.size());
  }
};

class SubtractLayer final : public detail::MergeLayer<SubtractArgs> {
 public:
  using MergeLayer::MergeLayer;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 2);
    MergeLayer::check(inputs);
  }

 private:
  Tensor merge(const std::vector<Tensor>& inputs, const std::vector<Tensor>&) override {
    return inputs[0] - inputs[1];
  }
};

// A masked factor counts as 1; where all are masked the product is 0.
class MultiplyLayer final : public detail::MergeLayer<MultiplyArgs> {
 public:
  using MergeLayer::MergeLayer;

 private:
  Tensor merge(const std::vector<Tensor>& inputs, const std::vector<Tensor>& masks) override {
    Tensor product;
    Tensor some;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Tensor x = inputs[i];
      if (masks[i].defined()) {
        const Tensor mask = detail::wide_mask(masks[i]);
        x = ops::where(mask, x, 1);
        some = some.defined() ? ops::logical_or(some, mask) : mask;
      }
      product = product.defined() ? product * x : x;
    }
    return all_masked(masks) ? ops::where(some, product, 0) : product;
  }
};

}  // namespace

NYALA_LAYER(Add)
NYALA_LAYER(Subtract)
NYALA_LAYER(Multiply)
NYALA_LAYER(Average)

}  // namespace nyala::layers
