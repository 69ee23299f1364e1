#pragma once
/// What layers that convolve share. Not part of the public API.
#include <algorithm>
#include <cctype>
#include <string>

#include <nyala/layers/convolutional.hpp>
#include <nyala/layers/streaming.hpp>

namespace nyala::layers {

/// `padding` in lower case; throws ValueError for another one than these.
inline std::string standard_padding(std::string padding, const std::string& who, bool causal) {
  for (char& c : padding) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (padding == "valid" || padding == "same" || (causal && padding == "causal")) return padding;
  throw ValueError(who + ": received padding \"" + padding.substr(0, 200) + "\", expected valid" +
                   (causal ? ", same or causal" : " or same"));
}

/// The window of a layer in a Session; throws UnsupportedError for one that is not streamed. `Args`
/// has a rank, strides and a data_format.
template <class Args>
StreamWindow stream_window_of(const Args& args,
                              std::int64_t size,
                              std::int64_t dilation,
                              const std::string& padding,
                              const std::string& who) {
  const auto refuse = [&](const std::string& why) {
    throw UnsupportedError(who + " cannot be run step by step: " + why);
  };
  if (Args::rank != 1) refuse("its windows lie along several axes");
  if (args.data_format.channels_first()) refuse("its steps stand behind its channels");
  if (padding == "same" && size > 1)
    refuse("with padding \"same\" it looks at steps to come; \"valid\" does not");
  return {size, args.strides[0], dilation, padding == "causal"};
}

/// Checks, the bias and the end of the call, for an Args with `rank`.
template <class Args>
class ConvolutionLayer : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;
  static constexpr int kRank = Args::rank;

  void check(Inputs<Shape> inputs) const override {
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], kRank + 2);
    if (this->built())
      this->expect_size(inputs[0], channel_axis(), channels_);
    else if (inputs[0][channel_axis()] == None)
      throw ShapeError(this->label() + " received shape " + inputs[0].str() +
                       ", expected a known number of channels");
  }
  const regularizers::Regularizer* activity_regularizer() const override {
    return &args().activity_regularizer;
  }

 protected:
  int channel_axis() const { return args().data_format.channels_first() ? 1 : -1; }
  std::int64_t channels() const { return channels_; }

  /// To be called first in `build`.
  void start_build(Inputs<Shape> inputs) { channels_ = inputs[0][channel_axis()]; }
  Shape spatial_kernel() const {
    Shape shape;
    for (int i = 0; i < kRank; ++i) shape.push_back(args().kernel_size.value[i]);
    return shape;
  }
  Shape kernel_shape(std::int64_t rows, std::int64_t columns) const {
    Shape shape = spatial_kernel();
    shape.push_back(rows);
    shape.push_back(columns);
    return shape;
  }
  void add_bias(const Shape& shape) {
    if (!args().use_bias) return;
    bias_ = this->add_weight({.shape = shape,
                              .initializer = args().bias_initializer,
                              .regularizer = args().bias_regularizer,
                              .constraint = args().bias_constraint,
                              .name = "bias"});
  }
  Tensor cast_weight(const Variable& weight) const {
    return ops::cast(weight, this->compute_dtype());
  }
  Tensor bias() const { return args().use_bias ? cast_weight(bias_) : Tensor(); }
  /// `f(x)` for x in channels_last, then the activation; the result has the layout of the
  /// input.
  template <class F>
  Tensor in_channels_last(const Tensor& x, F&& f) const {
    if (!args().data_format.channels_first()) return args().activation(f(x));
    return args().activation(ops::moveaxis(f(ops::moveaxis(x, 1, -1)), -1, 1));
  }

  void validate() override {
    Args& own = this->args_;
    const std::string who = this->label();
    own.kernel_size = own.kernel_size.value.spread(kRank, who, "kernel_size");
    own.strides = own.strides.spread(kRank, who, "strides");
    own.padding = standard_padding(own.padding, who, takes_causal());
    if constexpr (requires { own.dilation_rate; }) {
      own.dilation_rate = own.dilation_rate.spread(kRank, who, "dilation_rate");
      if (refuses_both() && own.strides.largest() > 1 && own.dilation_rate.largest() > 1) {
        throw ValueError(who + ": received strides " + own.strides.str() + " and dilation_rate " +
                         own.dilation_rate.str() + ", of which only one may exceed 1");
      }
    }
  }
  virtual bool takes_causal() const { return false; }
  virtual bool refuses_both() const { return true; }

 private:
  std::int64_t channels_ = 0;
  Variable bias_;
};

/// Those whose outputs are made of windows.
template <class Args>
class WindowedConvolution : public ConvolutionLayer<Args>, public WindowedLayer {
 public:
  using ConvolutionLayer<Args>::ConvolutionLayer;
  using ConvolutionLayer<Args>::args;

  StreamWindow stream_window() const override {
    return stream_window_of(args(),
                            args().kernel_size.value[0],
                            args().dilation_rate[0],
                            args().padding,
                            this->label());
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return call_with(inputs[0],
                     {.strides = args().strides,
                      .padding = args().padding,
                      .dilation_rate = args().dilation_rate});
  }
  Tensor call_windows(const Tensor& x, int stride, int dilation) const override {
    return call_with(x, {.strides = stride, .dilation_rate = dilation});
  }

 private:
  Tensor call_with(const Tensor& input, const ConvArgs& options) const {
    return this->in_channels_last(input, [&](const Tensor& x) { return convolve(x, options); });
  }
  /// Of x in channels_last, the bias added. `options` stand for the layer's own.
  virtual Tensor convolve(const Tensor& x, const ConvArgs& options) const = 0;
};

}  // namespace nyala::layers
