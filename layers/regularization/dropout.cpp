#include <cmath>

#include <nyala/layers/regularization.hpp>

namespace nyala::layers {
namespace {

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
    for (std::int64_t size : args().noise_shape.value()) {
      if (size > 0 || size == None) continue;
      throw ValueError(label() + ": received noise_shape " + args().noise_shape.value().str() +
                       ", expected sizes of 1 or more, or None");
    }
    if (args().rate > 0) generator_.emplace(args().seed);
  }

  std::optional<random::SeedGenerator> generator_;
};

class SpatialDropout1DLayer final : public LayerBase<SpatialDropout1DArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_rank(inputs[0], 3);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (!call.is_training() || args().rate == 0) return inputs[0];
    return random::dropout(
        inputs[0], args().rate, {.noise_shape = Shape{None, 1, None}, .seed = *generator_});
  }
  bool supports_masking() const override { return true; }
  Config get_config() const override {
    // Keras writes these four alone.
    Config config = Config::dict();
    fields_to_config(args(), config);
    config["name"] = name();
    config["dtype"] = dtype_policy().name();
    return config;
  }

 private:
  void validate() override {
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
NYALA_LAYER(GaussianNoise)
NYALA_LAYER(GaussianDropout)

}  // namespace nyala::layers
