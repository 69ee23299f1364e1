#include <algorithm>

#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {
namespace {

class PermuteLayer final : public LayerBase<PermuteArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_rank(inputs[0], static_cast<int>(args().dims.value.size()) + 1);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    std::vector<int> axes = args().dims.value;
    axes.insert(axes.begin(), 0);
    return ops::transpose(inputs[0], axes);
  }

 private:
  void validate() override {
    std::vector<int> sorted = args().dims.value;
    std::sort(sorted.begin(), sorted.end());
    for (std::size_t i = 0; i < sorted.size(); ++i) {
      if (sorted[i] == static_cast<int>(i) + 1) continue;
      throw ValueError(label() + ": received dims " +
                       ConfigCodec<std::vector<int>>::to(args().dims.value).str() +
                       ", expected each axis from 1 on once");
    }
  }
};

}  // namespace

NYALA_LAYER(Permute)

}  // namespace nyala::layers
