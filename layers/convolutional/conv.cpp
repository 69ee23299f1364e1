#include <nyala/layers/convolutional/base.hpp>

namespace nyala::layers {
namespace {

template <int kRank>
class ConvLayer final : public WindowedConvolution<ConvLayerArgs<kRank>> {
 public:
  using Base = WindowedConvolution<ConvLayerArgs<kRank>>;
  using Base::args;
  using Base::Base;

  void build(Inputs<Shape> inputs) override {
    this->start_build(inputs);
    const std::int64_t groups = args().groups;
    if (this->channels() % groups != 0) {
      throw ValueError(this->label() + ": received " + std::to_string(this->channels()) +
                       " channels, expected a multiple of groups " + std::to_string(groups));
    }
    kernel_ = this->add_weight({.shape = this->kernel_shape(this->channels() / groups, filters()),
                                .initializer = args().kernel_initializer,
                                .regularizer = args().kernel_regularizer,
                                .constraint = args().kernel_constraint,
                                .name = "kernel"});
    this->add_bias({filters()});
  }

 private:
  Tensor convolve(const Tensor& x, const ConvArgs& options) const override {
    ops::ConvBiasArgs own{.strides = options.strides,
                          .dilation_rate = options.dilation_rate,
                          .same = options.padding == "same"};
    if (options.padding == "causal") {
      own.before = {(args().kernel_size.value[0] - 1) * options.dilation_rate[0]};
      own.after = {0};
    }
    return ops::conv_bias(x, this->cast_weight(kernel_), this->bias(), own);
  }
  std::int64_t filters() const { return args().filters; }
  bool takes_causal() const override { return kRank == 1; }
  void validate() override {
    Base::validate();
    if (filters() % args().groups == 0) return;
    throw ValueError(this->label() + ": received filters " + std::to_string(filters()) +
                     ", expected a multiple of groups " + std::to_string(args().groups));
  }

  Variable kernel_;
};

using Conv1DLayer = ConvLayer<1>;
using Conv2DLayer = ConvLayer<2>;
using Conv3DLayer = ConvLayer<3>;

}  // namespace

NYALA_LAYER(Conv1D)
NYALA_LAYER(Conv2D)
NYALA_LAYER(Conv3D)

// Keras 1 names options otherwise; tf.keras 2.x has today's names.
Config upgrade_convolution(Config config) {
  static constexpr std::array<std::array<const char*, 2>, 14> kNames = {
      {{"nb_filter", "filters"},
       {"filter_length", "kernel_size"},
       {"subsample", "strides"},
       {"subsample_length", "strides"},
       {"atrous_rate", "dilation_rate"},
       {"border_mode", "padding"},
       {"dim_ordering", "data_format"},
       {"bias", "use_bias"},
       {"init", "kernel_initializer"},
       {"W_regularizer", "kernel_regularizer"},
       {"b_regularizer", "bias_regularizer"},
       {"W_constraint", "kernel_constraint"},
       {"b_constraint", "bias_constraint"},
       {"pool_length", "pool_size"}}};
  if (config.find("nb_row") != nullptr && config.find("nb_col") != nullptr) {
    Config size = Config::list();
    size.push_back(*config.find("nb_row"));
    size.push_back(*config.find("nb_col"));
    config["kernel_size"] = size;
    config.erase("nb_row");
    config.erase("nb_col");
  }
  for (const auto& [old_name, name] : kNames) rename_option(config, old_name, name);
  if (const Config* format = config.find("data_format"); format != nullptr && format->is_string()) {
    const std::string name = format->as_string();
    if (name == "tf") config["data_format"] = "channels_last";
    if (name == "th") config["data_format"] = "channels_first";
  }
  return config;
}

}  // namespace nyala::layers
