// Layers that pool, crop, pad and enlarge, beyond the recorded cases.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

Tensor image() { return Tensor::from(std::vector<float>{1, -2, 0.5, 3, 4, 1}, {1, 3, 2, 1}); }

struct Enlarged {
  const char* interpolation;
  std::vector<double> values;
};

}  // namespace

TEST_CASE("UpSampling2D makes what tf.image.resize makes") {
  // Keras 3.15 on TensorFlow 2, six digits.
  const std::vector<Enlarged> cases = {
      {"bilinear",
       {1,     1,     0,       -1,      -2,   -2,   0.875, 0.875, 0.333333, -0.208333, -0.75, -0.75,
        0.625, 0.625, 1,       1.375,   1.75, 1.75, 1.375, 1.375, 1.75,     2.125,     2.5,   2.5,
        3.125, 3.125, 2.58333, 2.04167, 1.5,  1.5,  4,     4,     3,        2,         1,     1}},
      {"bicubic",
       {1.41079,  1.04412,   -0.000160336, -1.3969,  -2.44118, -2.80785, 1.0216,   0.828467,
        0.278427, -0.457259, -1.0073,      -1.20043, 0.195554, 0.370229, 0.867697, 1.53307,
        2.03053,  2.20521,   1.06578,      1.24046,  1.73793,  2.4033,   2.90076,  3.07544,
        3.51795,  3.32482,   2.77478,      2.03909,  1.48905,  1.29592,  4.6755,   4.30882,
        3.26455,  1.86781,   0.823529,     0.456854}},
      {"lanczos3",
       {2.06089,  1.1988,    -0.0569147, -1.47381, -2.72952, -3.59161, 1.05003,  0.690179,
        0.166027, -0.425403, -0.949555,  -1.3094,  -0.20847, 0.178841, 0.742997, 1.37956,
        1.94372,  2.33103,   0.968481,   1.35579,  1.91995,  2.55652,  3.12067,  3.50798,
        3.68038,  3.32054,   2.79638,    2.20495,  1.6808,   1.32095,  5.33843,  4.47634,
        3.22063,  1.80374,   0.548021,   -0.314069}},
      {"lanczos5",
       {2.54324,   1.36142,   0.0120361, -1.39764, -2.74702, -3.92885,  1.01726,  0.577236,
        0.0748216, -0.450041, -0.952455, -1.39248, -0.43592, 0.0869209, 0.683891, 1.30753,
        1.9045,    2.42735,   0.886541,  1.40938,  2.00635,  2.63,      3.22697,  3.74981,
        3.79347,   3.35345,   2.85103,   2.32617,  1.82376,  1.38373,   5.62654,  4.44472,
        3.09534,   1.68566,   0.336276,  -0.845546}}};
  for (const Enlarged& one : cases) {
    CAPTURE(one.interpolation);
    const Tensor y =
        layers::UpSampling2D({.size = {2, 3}, .interpolation = one.interpolation})(image());
    const Tensor wanted = Tensor::from(one.values, {1, 6, 6, 1});
    CHECK(ops::allclose(y, wanted, {.rtol = 1e-5, .atol = 1e-6}));
  }
  const Tensor nearest = layers::UpSampling2D({.size = {2, 3}})(image());
  const Tensor area = layers::UpSampling2D({.size = {2, 3}, .interpolation = "AREA"})(image());
  CHECK(ops::array_equal(nearest, area));
  CHECK_THROWS_AS(layers::UpSampling2D({.interpolation = "cubic"}), ValueError);
}

TEST_CASE("layers over windows take sizes that are not known yet") {
  const Symbol x = Input({.shape = {None, None, 3}});
  CHECK(layers::UpSampling2D({.size = 2, .interpolation = "bilinear"})(x).shape().str() ==
        Shape({None, None, None, 3}).str());
  CHECK(layers::MaxPooling2D({.padding = "same"})(x).shape().str() ==
        Shape({None, None, None, 3}).str());
  CHECK(layers::GlobalAveragePooling2D()(x).shape().str() == Shape({None, 3}).str());
  CHECK(layers::Cropping2D({.cropping = {{1, 0}, {2, 3}}})(x).shape().str() ==
        Shape({None, None, None, 3}).str());
  CHECK_THROWS_AS(layers::AdaptiveMaxPooling2D(2)(x), ShapeError);
}

TEST_CASE("layers over windows refuse options that make no sense") {
  CHECK_THROWS_AS(layers::MaxPooling1D({.padding = "causal"}), ValueError);
  CHECK_THROWS_AS(layers::MaxPooling2D({.pool_size = {2, 2, 2}}), ValueError);
  CHECK_THROWS_AS(layers::AveragePooling2D({.pool_size = 0}), ValueError);
  CHECK_THROWS_AS(layers::AdaptiveAveragePooling1D(0), ValueError);
  CHECK_THROWS_AS(layers::ZeroPadding3D({.padding = -1}), ValueError);
  CHECK_THROWS_AS(layers::Cropping2D({.cropping = {{0, -1}, {0, 0}}}), ValueError);
  CHECK_THROWS_AS(layers::Cropping3D({.cropping = 1})(ops::zeros({1, 2, 4, 4, 1})), ShapeError);
  CHECK_THROWS_AS(layers::MaxPooling2D()(ops::zeros({1, 4, 4})), ShapeError);
}

TEST_CASE("GlobalAveragePooling1D leaves masked steps out") {
  Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {1, 3, 2});
  x.set_mask(Tensor::from(std::vector<float>{1, 0, 1}, {1, 3}) > 0);
  const Tensor y = layers::GlobalAveragePooling1D()(x);
  CHECK(y.to_vector<float>() == std::vector<float>{3, 4});
  CHECK(!y.mask().defined());
}

TEST_CASE("AlphaDropout keeps mean and variance") {
  const Tensor x = random::normal({200, 500}, {.seed = 1});
  const Tensor y = layers::AlphaDropout({.rate = 0.3, .seed = 2})(x, {.training = true});
  // The mean of 1e5 numbers of variance 1 is off by 0.003 or so, their variance by 0.006.
  CHECK(std::abs(ops::mean(y).item<float>()) < 0.02);
  CHECK(std::abs(ops::var(y).item<float>() - 1) < 0.03);
  CHECK(ops::array_equal(layers::AlphaDropout({.rate = 0.3})(x), x));
}
