#include <algorithm>
#include <cctype>

#include <nyala/core/ops/upsample.hpp>
#include <nyala/layers/reshaping/spatial.hpp>

namespace nyala::layers {
namespace {

template <class Args, int kRank>
class UpSamplingLayer final : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  void check(Inputs<Shape> inputs) const override {
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], kRank + 2);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    Tensor x = inputs[0];
    const int first = first_spatial_axis(args());
    for (int i = 0; i < kRank; ++i) x = ops::upsample(x, first + i, factor(i), interpolation_);
    return x;
  }

 private:
  std::int64_t factor(int i) const {
    if constexpr (kRank == 1)
      return args().size;
    else
      return args().size[i];
  }
  void validate() override {
    Args& own = this->args_;
    if constexpr (kRank > 1) own.size = own.size.spread(kRank, this->label(), "size");
    if constexpr (requires { own.interpolation; }) {
      std::string& name = own.interpolation;
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
        return static_cast<char>(std::tolower(c));
      });
      interpolation_ = ops::interpolation_named(name, this->label());
    }
  }

  Interpolation interpolation_ = Interpolation::nearest;
};

using UpSampling1DLayer = UpSamplingLayer<UpSampling1DArgs, 1>;
using UpSampling2DLayer = UpSamplingLayer<UpSampling2DArgs, 2>;
using UpSampling3DLayer = UpSamplingLayer<UpSampling3DArgs, 3>;

}  // namespace

NYALA_LAYER(UpSampling1D)
NYALA_LAYER(UpSampling2D)
NYALA_LAYER(UpSampling3D)

}  // namespace nyala::layers
