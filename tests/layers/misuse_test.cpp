// Undefined tensors, empty handles and null texts: each call answers with one typed error that
// names it.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <nyala/layers/layers.hpp>

#include "message_of.hpp"

using namespace nyala;

namespace {

using Calls = std::vector<std::pair<const char*, std::function<void()>>>;

// Each call throws StateError, and its message begins with the name of the call.
void check_states(const Calls& calls) {
  for (const auto& one : calls) {
    const auto& call = one.second;
    CAPTURE(one.first);
    CHECK_THROWS_AS(call(), const StateError&);
    CHECK(message_of(call).starts_with(one.first));
  }
}

struct Holder : LayerBase<layers::IdentityArgs> {
  using LayerBase::LayerBase;
  void hold(const Layer& layer) { track(layer); }
};

std::shared_ptr<Holder> make_holder() {
  auto holder = std::make_shared<Holder>(layers::IdentityArgs{});
  holder->finish("Holder");
  return holder;
}

}  // namespace

TEST_CASE("an undefined tensor says which call it was") {
  const Tensor none;
  Tensor target;
  check_states({
      {"shape()", [&] { none.shape(); }},
      {"dtype()", [&] { none.dtype(); }},
      {"rank()", [&] { none.rank(); }},
      {"size()", [&] { none.size(); }},
      {"strides()", [&] { none.strides(); }},
      {"spec()", [&] { none.spec(); }},
      {"is_abstract()", [&] { none.is_abstract(); }},
      {"is_contiguous()", [&] { none.is_contiguous(); }},
      {"data()", [&] { none.data(); }},
      {"mutable_data()", [&] { target.mutable_data(); }},
      {"item()", [&] { none.item<float>(); }},
      {"size()", [&] { none.to_vector<float>(); }},
  });
  CHECK_THROWS_AS(none.data<float>(), const StateError&);
  CHECK_THROWS_AS(target.mutable_data<double>(), const StateError&);
}

TEST_CASE("an empty layer says which call it was") {
  const Layer none;
  const Tensor x = ops::ones({2, 3});
  const Symbol symbol = Input({.shape = {3}});
  check_states({
      {"operator()()", [&] { none(x); }},
      {"operator()()",
       [&] {
         none({x, x});
       }},
      {"operator()()", [&] { none(symbol); }},
      {"call_all()", [&] { none.call_all(std::vector<Tensor>{x}); }},
      {"name()", [&] { none.name(); }},
      {"class_name()", [&] { none.class_name(); }},
      {"weights()", [&] { none.weights(); }},
      {"variables()", [&] { none.variables(); }},
      {"trainable_variables()", [&] { none.trainable_variables(); }},
      {"non_trainable_variables()", [&] { none.non_trainable_variables(); }},
      {"get_weights()", [&] { none.get_weights(); }},
      {"set_weights()", [&] { none.set_weights({}); }},
      {"losses()", [&] { none.losses(); }},
      {"get_config()", [&] { none.get_config(); }},
      {"trainable()", [&] { none.trainable(); }},
      {"set_trainable()", [&] { none.set_trainable(false); }},
      {"built()", [&] { none.built(); }},
      {"build()",
       [&] {
         none.build(Shape{None, 3});
       }},
      {"count_params()", [&] { none.count_params(); }},
      {"compute_output_shape()",
       [&] {
         none.compute_output_shape(Shape{None, 3});
       }},
      {"compute_dtype()", [&] { none.compute_dtype(); }},
      {"variable_dtype()", [&] { none.variable_dtype(); }},
      {"supports_masking()", [&] { none.supports_masking(); }},
      {"add_loss()", [&] { none.add_loss(x); }},
      {"operator->()", [&] { none->name(); }},
      {"operator*()", [&] { (*none).name(); }},
  });
  CHECK_THROWS_AS(Layer{Symbol{}}, const StateError&);
}

TEST_CASE("a null pointer given for a text is a ValueError") {
  const char* const null = nullptr;
  CHECK_THROWS_AS(Config{null}, const ValueError&);
  CHECK_THROWS_AS(DTypeLike{null}, const ValueError&);
  CHECK_THROWS_AS(DTypePolicy{null}, const ValueError&);
  CHECK_THROWS_AS(activations::Activation{null}, const ValueError&);
  CHECK_THROWS_AS(initializers::Initializer{null}, const ValueError&);
  CHECK_THROWS_AS(regularizers::Regularizer{null}, const ValueError&);
  CHECK_THROWS_AS(constraints::Constraint{null}, const ValueError&);
  CHECK_THROWS_AS(DataFormat{null}, const ValueError&);
}

TEST_CASE("a layer cannot hold itself, directly or through others") {
  const auto outer = make_holder(), inner = make_holder(), innermost = make_holder();
  outer->hold(Layer(inner));
  inner->hold(Layer(innermost));
  CHECK_THROWS_AS(outer->hold(Layer(outer)), const ValueError&);
  CHECK_THROWS_AS(innermost->hold(Layer(outer)), const ValueError&);
  CHECK_THROWS_AS(innermost->hold(Layer()), const StateError&);
  CHECK(outer->submodules().size() == 2);
}

TEST_CASE("layers that join inputs refuse one tensor that is in no list, as Keras does") {
  const Tensor x = ops::ones({2, 3});
  const Symbol symbol = Input({.shape = {3}});
  const std::vector<Layer> joining = {layers::Add(),
                                      layers::Subtract(),
                                      layers::Multiply(),
                                      layers::Average(),
                                      layers::Maximum(),
                                      layers::Minimum(),
                                      layers::Concatenate(),
                                      layers::Dot({.axes = 1})};
  for (const Layer& layer : joining) {
    CAPTURE(layer->label());
    CHECK_THROWS_AS(layer(x), const ValueError&);
    CHECK_THROWS_AS(layer(symbol), const ValueError&);
    CHECK(!layer->built());
  }
  for (const std::size_t i : {0u, 2u, 3u, 4u, 5u, 6u}) {
    CHECK(joining[i]({x}).to_vector<float>() == x.to_vector<float>());
    CHECK(joining[i].call_all(std::vector<Symbol>{symbol})[0].shape() == symbol.shape());
  }
  CHECK(message_of([&] { joining[0](x); }).find("list of inputs") != std::string::npos);
  CHECK_THROWS_AS(joining[1]({x}), const ValueError&);
  CHECK_THROWS_AS(joining[7]({x}), const ValueError&);
}
