#include <cmath>

#include <nyala/layers/regularization.hpp>

namespace nyala::layers {
namespace {

void expect_noise_shape(const std::string& label, const Shape& shape) {
  for (std::int64_t size : shape) {
    if (size > 0 || size == None) continue;
    throw ValueError(label + ": received noise_shape " + shape.str() +
                     ", expected sizes of 1 or more, or None");
  }
}

class DropoutLayer final : public LayerBase<DropoutArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (!call.is_training() || args().rate == 0) return inputs[0];
    random::DropoutArgs options{.seed = *generator_};
    if (args().noise_shape.given()) options.noise_shape = args().noise_shape.value();
    return random::dropout(inputs[0], args().rate, options);
  }
  bool supports_masking() const override { return true; }

 private:
  void validate() override {
    expect_noise_shape(label(), args().noise_shape.value());
    if (args().rate > 0) generator_.emplace(args().seed);
  }

  std::optional<random::SeedGenerator> generator_;
};

template <class Args, int kRank>
class SpatialDropoutLayer final : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;
  using LayerBase<Args>::args;

  void check(Inputs<Shape> inputs) const override {
    this->expect_inputs(inputs.size(), 1);
    this->expect_rank(inputs[0], kRank + 2);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (!call.is_training() || args().rate == 0) return inputs[0];
    Shape noise;
    for (int i = 0; i < kRank + 2; ++i)
      noise.push_back(i == 0 || i == channel_axis() ? None : std::int64_t{1});
    return random::dropout(inputs[0], args().rate, {.noise_shape = noise, .seed = *generator_});
  }
  bool supports_masking() const override { return true; }
  Config get_config() const override {
    // Keras writes these alone.
    Config own = Config::dict(), config = Config::dict();
    fields_to_config(args(), own);
    config["rate"] = own["rate"];
    config["seed"] = own["seed"];
    config["name"] = this->name();
    config["dtype"] = this->dtype_policy().name();
    if (own.find("data_format") != nullptr) config["data_format"] = own["data_format"];
    return config;
  }

 private:
  int channel_axis() const {
    if constexpr (requires(const Args& a) { a.data_format; })
      return args().data_format.channels_first() ? 1 : kRank + 1;
    else
      return kRank + 1;
  }
  void validate() override {
    if (args().rate > 0) generator_.emplace(args().seed);
  }

  std::optional<random::SeedGenerator> generator_;
};

using SpatialDropout1DLayer = SpatialDropoutLayer<SpatialDropout1DArgs, 1>;
using SpatialDropout2DLayer = SpatialDropoutLayer<SpatialDropout2DArgs, 2>;
using SpatialDropout3DLayer = SpatialDropoutLayer<SpatialDropout3DArgs, 3>;

class AlphaDropoutLayer final : public LayerBase<AlphaDropoutArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    const Shape& noise = args().noise_shape.value();
    if (args().noise_shape.given()) expect_rank(inputs[0], noise.rank());
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    const double rate = args().rate;
    if (!call.is_training() || rate == 0) return inputs[0];
    const Tensor& x = inputs[0];
    const Tensor kept = random::uniform(noise_shape(x.shape()), {.seed = *generator_}) >= rate;
    // What selu has far below 0.
    constexpr double low = -1.6732632423543772 * 1.0507009873554805;
    const double scale = 1 / std::sqrt((1 - rate) * (1 + rate * low * low));
    return ops::where(kept, x, low) * scale - scale * low * rate;
  }
  bool supports_masking() const override { return true; }

 private:
  Shape noise_shape(const Shape& x) const {
    if (!args().noise_shape.given()) return x;
    Shape noise = args().noise_shape.value();
    for (int i = 0; i < noise.rank(); ++i) {
      if (noise[i] == None) noise[i] = x[i];
    }
    return noise;
  }
  void validate() override {
    expect_noise_shape(label(), args().noise_shape.value());
    if (args().rate > 0) generator_.emplace(args().seed);
  }

  std::optional<random::SeedGenerator> generator_;
};

class GaussianNoiseLayer final : public LayerBase<GaussianNoiseArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (!call.is_training() || args().stddev == 0) return inputs[0];
    return inputs[0] +
           random::normal(inputs[0].shape(),
                          {.stddev = args().stddev, .dtype = compute_dtype(), .seed = *generator_});
  }
  bool supports_masking() const override { return true; }

 private:
  void validate() override {
    if (args().stddev > 0) generator_.emplace(args().seed);
  }

  std::optional<random::SeedGenerator> generator_;
};

class GaussianDropoutLayer final : public LayerBase<GaussianDropoutArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (!call.is_training() || args().rate == 0) return inputs[0];
    return inputs[0] * random::normal(inputs[0].shape(),
                                      {.mean = 1,
                                       .stddev = std::sqrt(args().rate / (1 - args().rate)),
                                       .dtype = compute_dtype(),
                                       .seed = *generator_});
  }
  bool supports_masking() const override { return true; }

 private:
  void validate() override {
    if (args().rate > 0) generator_.emplace(args().seed);
  }

  std::optional<random::SeedGenerator> generator_;
};

}  // namespace

NYALA_LAYER(Dropout)
NYALA_LAYER(SpatialDropout1D)
NYALA_LAYER(SpatialDropout2D)
NYALA_LAYER(SpatialDropout3D)
NYALA_LAYER(AlphaDropout)
NYALA_LAYER(GaussianNoise)
NYALA_LAYER(GaussianDropout)

}  // namespace nyala::layers
