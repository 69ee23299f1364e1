#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>
#include <sstream>

#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"
#include "test_data.hpp"

using namespace nyala;

namespace {

// The width that a terminal is taken to have.
class Columns {
 public:
  explicit Columns(const std::string& columns) { setenv("COLUMNS", columns.c_str(), 1); }
  ~Columns() { unsetenv("COLUMNS"); }
};

std::string text_of(const Model& model, const SummaryArgs& args = {}) {
  std::ostringstream text;
  model.summary(text, args);
  return text.str();
}

Model make_pair() {
  const Symbol a = Input({.shape = {10}, .name = "user_embedding_with_a_long_name"});
  const Symbol b = Input({.shape = {10}, .name = "b"});
  const layers::Dense tower({.units = 8, .name = "tower"});
  const Symbol cosine =
      layers::Dot({.axes = 1, .normalize = true, .name = "cosine"})({tower(a), tower(b)});
  const Symbol wide = layers::Dense({.units = 1000, .name = "wide"})(tower(a));
  return Model({a, b}, {cosine, wide}, {.name = "pair"});
}

Model make_outer() {
  const Symbol x = Input({.shape = {10}, .name = "x"});
  const Sequential inner({Input({.shape = {10}, .name = "in"}),
                          layers::Dense({.units = 4, .name = "one"}),
                          layers::Dense({.units = 3, .name = "two"})},
                         {.name = "inner"});
  inner.set_trainable(false);
  return Model(x, layers::Dense({.units = 2, .name = "last"})(inner(x)), {.name = "outer"});
}

}  // namespace

TEST_CASE("summary prints what Keras prints") {
  const conformance::Json recorded =
      conformance::read_json(test_data("conformance/recorded/summaries.json"));
  for (const std::string columns : {"80", "140"}) {
    CAPTURE(columns);
    const Columns width(columns);
    const auto want = [&](const char* name) { return recorded[columns][name].get<std::string>(); };
    clear_session();
    const Sequential stack({Input({.shape = {784}}),
                            layers::Dense({.units = 128, .activation = "relu"}),
                            layers::Dense({.units = 10})},
                           {.name = "mnist"});
    CHECK(text_of(stack) == want("sequential"));
    CHECK(text_of(stack, {.show_trainable = true}) == want("sequential_trainable"));
    const Sequential unbuilt(
        {layers::Dense({.units = 3, .name = "x"}), layers::Dense({.units = 2, .name = "y"})},
        {.name = "unbuilt"});
    CHECK(text_of(unbuilt) == want("unbuilt"));

    const Model pair = make_pair();
    CHECK(text_of(pair) == want("pair"));
    CHECK(text_of(pair, {.show_trainable = true}) == want("pair_trainable"));
    CHECK(text_of(pair, {.line_length = 70}) == want("pair_70"));

    const Model outer = make_outer();
    CHECK(text_of(outer) == want("nested"));
    CHECK(text_of(outer, {.expand_nested = true}) == want("nested_expanded"));
    CHECK(text_of(outer, {.expand_nested = true, .show_trainable = true}) == want("nested_both"));
    CHECK(text_of(outer, {.layer_range = {{"inner", "last"}}}) == want("range"));

    const Symbol p = Input({.shape = {4}, .name = "p"});
    const Symbol q = ops::slice(p * 2.0 + 1.0, {{}, {.start = 1}});
    const Model with_ops(p, layers::Dense({.units = 1, .name = "out"})(q), {.name = "with_ops"});
    CHECK(text_of(with_ops) == want("ops"));
  }
}

TEST_CASE("an optimizer counts once it is built") {
  const Columns width("80");
  const Sequential model({Input({.shape = {2}}), layers::Dense({.units = 3})});
  model.compile({.optimizer = "sgd", .loss = "mse"});
  const auto has = [](const Model& m, const std::string& line) {
    return text_of(m).find(line) != std::string::npos;
  };
  CHECK_FALSE(has(model, "Optimizer"));
  // Recorded from Keras 3.15.1.
  const std::string line =
      " Total params: 11 (48.00 B)\n Trainable params: 9 (36.00 B)\n"
      " Non-trainable params: 0 (0.00 B)\n Optimizer params: 2 (12.00 B)\n";
  CHECK(has(model_from_json(model.to_json()), line));
  model.fit(ops::ones({4, 2}), ops::ones({4, 3}), {.verbose = 0});
  CHECK(has(model, line));
}

TEST_CASE("colours are used only where they are wanted") {
  const Model model = make_outer();
  CHECK(text_of(model).find('\x1b') == std::string::npos);
  const std::string coloured = text_of(model, {.colour = true});
  CHECK(coloured.find("last (\x1b[38;5;33mDense\x1b[0m)") != std::string::npos);
  CHECK(coloured.find("\x1b[1mModel: \"outer\"\x1b[0m\n") == 0);
}

TEST_CASE("a summary that cannot be printed says why") {
  const Model model = make_pair();
  CHECK_THROWS_AS(text_of(model, {.line_length = 10}), ValueError);
  CHECK_THROWS_AS(text_of(model, {.positions = {0.5, 1.0}}), ValueError);
  CHECK_THROWS_AS(text_of(model, {.layer_range = {{"nothing", "b"}}}), ValueError);
  CHECK_THROWS_AS(text_of(model, {.layer_range = {{"(", "b"}}}), ValueError);
  CHECK_THROWS_AS(Model().summary(std::cout), StateError);
}
