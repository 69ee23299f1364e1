// Layers as a Keras user types them: the first argument by position, the dot on every handle.
#include <nyala/nyala.hpp>

#include "check.hpp"

using namespace nyala;

template <class F>
bool is_refused(F&& f) {
  try {
    f();
  } catch (const StateError&) {
    return true;
  }
  return false;
}

int main() {
  const Symbol a = Input({3}), b = Input({.shape = {3}});
  const Symbol x = layers::Dense(32)(a), y = layers::Dense({.units = 32, .activation = "relu"})(b);
  CHECK(layers::Dot(1)({x, y}).shape() == Shape({None, 1}));
  CHECK(layers::subtract({x, y}).shape() == Shape({None, 32}));
  CHECK(layers::Reshape({4, 8})(x).shape() == Shape({None, 4, 8}));
  CHECK(layers::Activation("relu")(layers::Dropout(0.5)(x)).shape() == Shape({None, 32}));
  CHECK(layers::Concatenate(-1)({x, y}).shape() == Shape({None, 64}));
  CHECK(layers::Normalization({.axis = -1})(x).shape() == Shape({None, 32}));
  CHECK(layers::Permute({2, 1})(layers::RepeatVector(3)(x)).shape() == Shape({None, 32, 3}));

  layers::Dense dense(2);
  dense.build({None, 3});
  CHECK(dense.built());
  CHECK(dense.count_params() == 8);
  CHECK(dense.get_weights().size() == 2);
  CHECK(dense.class_name() == "Dense");
  const Tensor one = ops::ones({1, 3});
  CHECK(ops::sum(layers::subtract({one, one})).item<float>() == 0);

  const Layer empty;
  CHECK(is_refused([&] { empty(one); }));
  CHECK(is_refused([&] { empty.get_weights(); }));
  CHECK(is_refused([&] { Layer of_nothing{Symbol()}; }));
}
