#include <algorithm>

#include <nyala/layers/merging.hpp>

namespace nyala::layers {
namespace {

class ConcatenateLayer final : public LayerBase<ConcatenateArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    const int axis = expect_axis(inputs[0], args().axis);
    for (const Shape& shape : inputs) {
      bool fits = shape.rank() == inputs[0].rank();
      for (int i = 0; fits && i < shape.rank(); ++i) {
        fits = i == axis || shape[i] == inputs[0][i] || shape[i] == None || inputs[0][i] == None;
      }
      if (fits) continue;
      throw ShapeError(label() + " received shapes " + inputs[0].str() + " and " + shape.str() +
                       ", which may differ along axis " + std::to_string(axis) + " only");
    }
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::concatenate(inputs, {.axis = args().axis});
  }

  bool supports_masking() const override { return true; }
  // Where an input has no mask, all of it counts.
  std::vector<Tensor> compute_mask(Inputs<Tensor> inputs,
                                   const std::vector<Tensor>& masks) override {
    if (std::none_of(masks.begin(), masks.end(), [](const Tensor& m) { return m.defined(); }))
      return {};
    std::vector<Tensor> all;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Tensor& x = inputs[i];
      if (!masks[i].defined())
        all.push_back(ops::ones_like(x, {.dtype = DType::bool_}));
      else if (masks[i].rank() < x.rank())
        all.push_back(ops::logical_or(ops::expand_dims(masks[i], -1),
                                      ops::zeros_like(x, {.dtype = DType::bool_})));
      else
        all.push_back(masks[i]);
    }
    return {ops::any(ops::concatenate(all, {.axis = args().axis}), {.axis = -1})};
  }
};

}  // namespace

NYALA_LAYER(Concatenate)

}  // namespace nyala::layers
