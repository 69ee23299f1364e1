// Training steps and predictions of models that convolve.
#include "task.hpp"

using namespace nyala;

namespace bench {
namespace {

Sequential cnn() {
  return Sequential({Input({.shape = {28, 28, 1}}),
                     layers::Conv2D({.filters = 32, .kernel_size = 3, .activation = "relu"}),
                     layers::MaxPooling2D(),
                     layers::Conv2D({.filters = 64, .kernel_size = 3, .activation = "relu"}),
                     layers::MaxPooling2D(),
                     layers::Flatten(),
                     layers::Dropout(0.5),
                     layers::Dense({.units = 10, .activation = "softmax", .dtype = "float32"})});
}

Task classifier(const Model& model, const Shape& shape, float low = -1) {
  return compiled(model,
                  numbers(shape, 1, low, 1),
                  classes(shape[0], 10),
                  "sparse_categorical_crossentropy",
                  adam(1e-5));
}

Symbol with_classes(const Symbol& x) {
  return layers::Dense({.units = 10, .activation = "softmax"})(layers::GlobalAveragePooling2D()(x));
}

Task residual() {
  const Symbol x = Input({.shape = {32, 32, 16}});
  const auto half = [](const Symbol& in) {
    const auto conv =
        layers::Conv2D({.filters = 16, .kernel_size = 3, .padding = "same", .use_bias = false});
    return layers::BatchNormalization()(conv(in));
  };
  const Symbol h = half(layers::Activation("relu")(half(x)));
  const Symbol y = layers::Activation("relu")(layers::Add()({x, h}));
  return classifier(Model(x, with_classes(y)), {32, 32, 32, 16});
}

Task separable() {
  const Symbol x = Input({.shape = {32, 32, 32}});
  const auto next = [](const Symbol& in) {
    return layers::Activation("relu")(layers::BatchNormalization()(in));
  };
  const Symbol h =
      next(layers::DepthwiseConv2D({.kernel_size = 3, .padding = "same", .use_bias = false})(x));
  const Symbol y = next(layers::Conv2D({.filters = 64, .kernel_size = 1, .use_bias = false})(h));
  return classifier(Model(x, with_classes(y)), {32, 32, 32, 32});
}

Step predict_cnn() { return predict(cnn(), numbers({1, 28, 28, 1}, 1, 0, 1)); }

}  // namespace

void add_convolutions(std::vector<Workload>& list) {
  list.push_back({"cnn",
                  "28x28x1, convolutions of 32 and 64, pooling, dropout, 10 classes, batch 32",
                  [] {
                    return train(classifier(cnn(), {32, 28, 28, 1}, 0));
                  },
                  1,
                  kThreads});
  list.push_back({"cnn_bf16",
                  "the same with hidden layers of mixed_bfloat16",
                  [] {
                    return train(classifier(mixed(cnn), {32, 28, 28, 1}, 0));
                  },
                  1,
                  kThreads});
  list.push_back({"residual",
                  "a residual block of 32x32x16 with batch norm, batch 32",
                  [] { return train(residual()); },
                  1,
                  kThreads});
  list.push_back({"separable",
                  "depthwise and pointwise convolution of 32x32x32 with batch norm, batch 32",
                  [] { return train(separable()); },
                  1,
                  kThreads});
  list.push_back({"predict_cnn", "the first of these, predict_on_batch of one image", predict_cnn});
}

}  // namespace bench
