// Models whose inputs or outputs are a dict: data, losses, targets, metrics and history go by keys,
// not by the names of layers. What is expected is what Keras 3.15.1 did.
#include <doctest/doctest.h>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

using Names = std::vector<std::string>;

const Tensor kOne = ops::ones({4, 2});
const Tensor kZero = ops::zeros({4, 2});

struct TwoSides {
  Symbol a = Input({.shape = {2}, .name = "IT"});
  Symbol b = Input({.shape = {2}, .name = "IS"});
  Symbol y = layers::subtract<Symbol>({a, b});
};

Model two_outputs() {
  const Symbol a = Input({.shape = {2}});
  const Symbol b = Input({.shape = {2}});
  return {{{"left", a}, {"right", b}},
          {{"p", layers::Dense({.units = 1, .name = "d1"})(a)},
           {"q", layers::Dense({.units = 1, .name = "d2"})(b)}}};
}

const Data kX = {{"left", kOne}, {"right", kZero}};
const Data kY = {{"p", ops::ones({4, 1})}, {"q", ops::zeros({4, 1})}};

Names history_of(const CompileArgs& args, const Data& y = kY, const Data& weight = {}) {
  const Model model = two_outputs();
  model.compile(args);
  Names names = model.fit(kX, y, {.verbose = 0, .sample_weight = weight}).names();
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

TEST_CASE("dict inputs: keys count, whatever the layers are called") {
  const TwoSides s;
  const Model model({{"left", s.a}, {"right", s.b}}, s.y);
  CHECK(model.input_names() == Names{"left", "right"});
  const Tensor got = model.predict(kX, {.verbose = 0});
  CHECK(ops::array_equal(got, kOne));
  CHECK_THROWS_AS(model.predict({{"IT", kOne}, {"IS", kZero}}, {.verbose = 0}), const ValueError&);
  CHECK_THROWS_AS(model.predict({{"left", kOne}}, {.verbose = 0}), const ValueError&);
}

TEST_CASE("dict inputs: a list, which has no keys, is refused") {
  const TwoSides s;
  const Model model({{"IT", s.a}, {"IS", s.b}}, s.y);
  CHECK(ops::array_equal(model.predict({{"IT", kOne}, {"IS", kZero}}, {.verbose = 0}), kOne));
  CHECK_THROWS_AS(model.predict({kOne, kZero}, {.verbose = 0}), const ValueError&);
  CHECK_THROWS_AS(model.predict_on_batch({kOne, kZero}), const ValueError&);
  CHECK_THROWS_AS(model.predict_program({kOne, kZero}), const ValueError&);
  model.compile({.optimizer = "sgd", .loss = "mse"});
  CHECK_THROWS_AS(model.fit({kOne, kZero}, kOne, {.verbose = 0}), const ValueError&);
  CHECK_THROWS_AS(model.evaluate({kOne, kZero}, kOne, {.verbose = 0}), const ValueError&);
  CHECK_THROWS_AS(model.train_on_batch({kOne, kZero}, kOne), const ValueError&);
}

TEST_CASE("dict inputs: one tensor stands for the only key") {
  const Symbol a = Input({.shape = {2}});
  const Model model({{"only", a}}, a + 1.0);
  CHECK(ops::array_equal(model.predict(kZero, {.verbose = 0}), kOne));
  CHECK(ops::array_equal(model.predict({{"only", kZero}}, {.verbose = 0}), kOne));
}

TEST_CASE("a model of a list of inputs goes by the names of its layers") {
  const TwoSides s;
  const Model model({s.a, s.b}, s.y);
  CHECK(ops::array_equal(model.predict({{"IS", kZero}, {"IT", kOne}}, {.verbose = 0}), kOne));
  CHECK(ops::array_equal(model.predict({kOne, kZero}, {.verbose = 0}), kOne));
  CHECK_THROWS_AS(model.predict({{"IT", kOne}}, {.verbose = 0}), const ValueError&);
}

TEST_CASE("dict outputs: losses, targets, metrics and history go by keys") {
  const Names both = {"loss", "p_loss", "q_loss"};
  CHECK(history_of({.optimizer = "sgd", .loss = "mse"}) == both);
  CHECK(history_of({.optimizer = "sgd", .loss = {{"p", "mse"}, {"q", "mae"}}}) == both);
  CHECK(history_of({.optimizer = "sgd", .loss = {"mse", "mae"}}) == both);
  CHECK(history_of({.optimizer = "sgd",
                    .loss = {{"p", "mse"}, {"q", "mse"}},
                    .loss_weights = {{"p", 1.0}, {"q", 2.0}}}) == both);
  CHECK(history_of({.optimizer = "sgd", .loss = {{"p", "mse"}}}) == Names{"loss"});
  CHECK(history_of({.optimizer = "sgd",
                    .loss = {{"p", "mse"}, {"q", "mae"}},
                    .metrics = {{"p", {"mae"}}, {"q", {"mse"}}}}) ==
        Names{"loss", "p_loss", "p_mae", "q_loss", "q_mse"});
  CHECK(history_of({.optimizer = "sgd", .loss = "mse", .metrics = {{"p", {"mae"}}}}) ==
        Names{"loss", "p_loss", "p_mae", "q_loss"});
  const auto plain = [] { return CompileArgs{.optimizer = "sgd", .loss = "mse"}; };
  CHECK(history_of(plain(), {ops::ones({4, 1}), ops::zeros({4, 1})}) == both);
  CHECK(history_of(plain(), kY, {{"p", ops::ones({4})}, {"q", ops::ones({4})}}) == both);
}

TEST_CASE("dict outputs: the names of layers are no keys") {
  const Tensor y = ops::ones({4, 1});
  CHECK_THROWS_AS(history_of({.optimizer = "sgd", .loss = {{"d1", "mse"}, {"d2", "mse"}}}),
                  const ValueError&);
  CHECK_THROWS_AS(
      history_of(
          {.optimizer = "sgd", .loss = "mse", .metrics = {{"d1", {"mae"}}, {"d2", {"mse"}}}}),
      const ValueError&);
  const auto plain = [] { return CompileArgs{.optimizer = "sgd", .loss = "mse"}; };
  CHECK_THROWS_AS(history_of(plain(), {{"d1", y}, {"d2", y}}), const ValueError&);
  CHECK_THROWS_AS(history_of(plain(), {{"p", y}}), const ValueError&);
  CHECK_THROWS_AS(history_of(plain(), {{"p", y}, {"q", y}, {"z", y}}), const ValueError&);
}

TEST_CASE("outputs come by number, by name and unpacked") {
  const Model model = two_outputs();
  const Outputs y = model.predict_all(kX, {.verbose = 0});
  CHECK(y.names() == Names{"p", "q"});
  REQUIRE(y.size() == 2);
  CHECK(ops::array_equal(y["p"], y[0]));
  CHECK(ops::array_equal(y["q"], y[1]));
  CHECK_THROWS_AS(y["d1"], const IndexError&);
  const auto [p, q] = model.predict_all<2>(kX, {.verbose = 0});
  CHECK(ops::array_equal(p, y["p"]));
  CHECK(ops::array_equal(q, y["q"]));
  CHECK_THROWS_AS(model.predict_all<3>(kX, {.verbose = 0}), const ValueError&);
  CHECK_THROWS_AS(model.predict(kX, {.verbose = 0}), const StateError&);
}

TEST_CASE("a name that comes twice is an error") {
  CHECK_THROWS_AS(Data({{"a", kOne}, {"a", kZero}}), const ValueError&);
  const Model model = two_outputs();
  CHECK_THROWS_AS(model.compile({.loss = {{"p", "mse"}, {"p", "mae"}}}), const ValueError&);
  CHECK_THROWS_AS(model.compile({.loss = "mse", .metrics = {{"p", {"mae"}}, {"p", {"mse"}}}}),
                  const ValueError&);
  const Symbol a = Input({.shape = {2}});
  CHECK_THROWS_AS(Model({{"k", a}, {"k", a}}, a), const ValueError&);
}
