#include <nyala/layers/convolutional/base.hpp>

namespace nyala::layers {
namespace {

template <int kRank>
class ConvTransposeLayer final : public ConvolutionLayer<ConvTransposeLayerArgs<kRank>> {
 public:
  using Base = ConvolutionLayer<ConvTransposeLayerArgs<kRank>>;
  using Base::args;
  using Base::Base;

  void build(Inputs<Shape> inputs) override {
    this->start_build(inputs);
    kernel_ = this->add_weight({.shape = this->kernel_shape(args().filters, this->channels()),
                                .initializer = args().kernel_initializer,
                                .regularizer = args().kernel_regularizer,
                                .constraint = args().kernel_constraint,
                                .name = "kernel"});
    this->add_bias({std::int64_t{args().filters}});
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const ConvTransposeArgs options{.strides = args().strides,
                                    .padding = args().padding,
                                    .output_padding = args().output_padding,
                                    .dilation_rate = args().dilation_rate};
    return this->in_channels_last(inputs[0], [&](const Tensor& x) {
      const Tensor y = ops::conv_transpose(x, this->cast_weight(kernel_), options);
      return args().use_bias ? y + this->bias() : y;
    });
  }

 private:
  void validate() override {
    Base::validate();
    auto& own = this->args_;
    if (!own.output_padding.given()) return;
    own.output_padding = own.output_padding.spread(kRank, this->label(), "output_padding", 0);
    for (int i = 0; i < kRank; ++i) {
      if (own.output_padding[i] < own.strides[i]) continue;
      throw ValueError(this->label() + ": received output_padding " + own.output_padding.str() +
                       " and strides " + own.strides.str() +
                       ", expected each output_padding below its stride");
    }
  }

  Variable kernel_;
};

using Conv1DTransposeLayer = ConvTransposeLayer<1>;
using Conv2DTransposeLayer = ConvTransposeLayer<2>;
using Conv3DTransposeLayer = ConvTransposeLayer<3>;

}  // namespace

NYALA_LAYER(Conv1DTranspose)
NYALA_LAYER(Conv2DTranspose)
NYALA_LAYER(Conv3DTranspose)

}  // namespace nyala::layers
