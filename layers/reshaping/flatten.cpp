#include <algorithm>

#include <nyala/core/checked.hpp>
#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {
namespace {

class FlattenLayer final : public LayerBase<FlattenArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 1);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor x = channels_last(inputs[0]);
    std::int64_t size = 1;
    for (int i = 1; i < x.rank(); ++i) size = multiply_sizes(size, x.shape()[i], label().c_str());
    return ops::reshape(x, {x.shape()[0], size});
  }

 private:
  Tensor channels_last(const Tensor& x) const {
    if (!args().data_format.channels_first() || x.rank() <= 2) return x;
    return ops::moveaxis(x, 1, -1);
  }
};

}  // namespace

NYALA_LAYER(Flatten)

}  // namespace nyala::layers
