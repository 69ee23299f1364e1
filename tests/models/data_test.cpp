#include <algorithm>
#include <set>

#include "training_support.hpp"

#include <nyala/autograd/random.hpp>

namespace nyala {
namespace {

using testing::Net;
using testing::Toy;
using testing::toy_net;

std::vector<std::vector<float>> batches_of(ArraySource& source) {
  std::vector<std::vector<float>> all;
  source.start();
  while (const std::optional<Batch> batch = source.next())
    all.push_back(batch->x.tensors()[0].to_vector<float>());
  return all;
}

const Tensor& seven() {
  static const Tensor x = ops::cast(ops::arange(7), DType::float32);
  return x;
}

TEST_CASE("batches in order are views") {
  ArraySource source({seven()}, {.batch_size = 3});
  CHECK(source.num_batches() == 3);
  const auto batches = batches_of(source);
  CHECK(batches == std::vector<std::vector<float>>{{0, 1, 2}, {3, 4, 5}, {6}});
  source.start();
  CHECK(source.next()->x.tensors()[0].data() == seven().data());
}

TEST_CASE("shuffled batches hold each sample once") {
  const auto shuffled = [](std::uint64_t seed) {
    set_random_seed(seed);
    ArraySource source({seven(), seven() * 10.0}, {.batch_size = 3, .shuffle = true});
    std::vector<std::vector<float>> epochs;
    for (int epoch = 0; epoch < 3; ++epoch) {
      source.start();
      epochs.emplace_back();
      while (const std::optional<Batch> batch = source.next()) {
        const auto x = batch->x.tensors()[0].to_vector<float>();
        const auto y = batch->y.tensors()[0].to_vector<float>();
        for (std::size_t i = 0; i < x.size(); ++i) CHECK(y[i] == 10 * x[i]);
        epochs.back().insert(epochs.back().end(), x.begin(), x.end());
      }
      CHECK(std::set<float>(epochs.back().begin(), epochs.back().end()).size() == 7);
    }
    return epochs;
  };
  const auto epochs = shuffled(1);
  CHECK(epochs[0] != epochs[1]);
  CHECK(epochs == shuffled(1));
  CHECK(epochs != shuffled(2));
}

TEST_CASE("rows of a transposed tensor") {
  const Tensor x = ops::transpose(ops::reshape(ops::cast(ops::arange(6), DType::float32), {2, 3}));
  ArraySource source({x}, {.batch_size = 2});
  const auto batches = batches_of(source);
  CHECK(batches == std::vector<std::vector<float>>{{0, 3, 1, 4}, {2, 5}});
}

TEST_CASE("samples are counted over all arrays") {
  CHECK(detail::count_samples({{seven(), seven()}, seven(), {}}) == 7);
  CHECK_THROWS_WITH_AS(detail::count_samples({{seven(), ops::ones({3})}, {}, ops::ones({2, 1})}),
                       "Data cardinality is ambiguous. Make sure all arrays contain the same "
                       "number of samples. 'x' sizes: 7, 3 'sample_weight' sizes: 2",
                       ValueError);
  CHECK_THROWS_AS(detail::count_samples({Tensor::scalar(1, DType::float32), {}, {}}), ValueError);
  CHECK_THROWS_AS(detail::count_samples(Batch()), ValueError);
}

TEST_CASE("validation takes the last share") {
  Batch arrays{seven(), seven(), {}};
  const Batch held_out = detail::split_validation(arrays, 0.3);
  CHECK(arrays.x.tensors()[0].to_vector<float>() == std::vector<float>{0, 1, 2, 3});
  CHECK(held_out.y.tensors()[0].to_vector<float>() == std::vector<float>{4, 5, 6});
  Batch one{ops::ones({1, 2}), {}, {}};
  CHECK_THROWS_AS(detail::split_validation(one, 0.5), ValueError);
}

TEST_CASE("data by name come in the model's order") {
  const Tensor a = ops::ones({1});
  const Tensor b = ops::zeros({1});
  const Data data{{"b", b}, {"a", a}};
  const Tensors ordered = data.in_order({"a", "b"}, "input");
  CHECK(ordered[0].is(a));
  CHECK(ordered[1].is(b));
  CHECK_THROWS_AS(data.in_order({"a"}, "input"), ValueError);
  CHECK_THROWS_AS(data.in_order({"a", "b", "c"}, "input"), ValueError);
  CHECK(Data{a, b}.in_order({"x", "y"}, "input")[1].is(b));
}

TEST_CASE("class weights of labels in each form") {
  const std::map<int, double> weights{{0, 2.0}, {2, 0.5}};
  const std::vector<float> wanted{2, 1, 0.5F};
  const auto of = [&](const Tensor& y) {
    return detail::class_weight_to_sample_weight(y, weights).to_vector<float>();
  };
  CHECK(of(ops::array<std::int32_t>({0, 1, 2})) == wanted);
  CHECK(of(ops::array<float>({{0}, {1}, {2}})) == wanted);
  CHECK(of(ops::eye(3)) == wanted);
  CHECK_THROWS_AS(of(ops::ones({3, 2, 2})), ValueError);
}

// Gives the toy's samples in batches of 4, without saying how many there are.
class Generator : public DataSource {
 public:
  explicit Generator(const Toy& toy) : source_({toy.x, toy.y}, {.batch_size = 4}) {}
  void start() override { source_.start(); }
  std::optional<Batch> next() override { return source_.next(); }

 private:
  ArraySource source_;
};

TEST_CASE("a source of the user's own") {
  const Toy toy;
  const auto arrays = toy_net(toy);
  const auto generated = toy_net(toy);
  for (Net* net : {arrays.get(), generated.get()}) {
    net->trainer.compile({.optimizer = "adam", .loss = "mse"});
  }
  Generator generator(toy);
  const History wanted = arrays->trainer.fit(
      toy.x, toy.y, {.batch_size = 4, .epochs = 2, .verbose = 0, .shuffle = false});
  FitArgs args{.epochs = 2, .verbose = 0};
  args.validation_data = {.source = std::make_shared<Generator>(toy)};
  const History history = generated->trainer.fit(generator, args);
  CHECK(history["loss"] == wanted["loss"]);
  const EvaluateResult result = generated->trainer.evaluate(generator, {.verbose = 0});
  CHECK(result.loss() == history["val_loss"].back());
  CHECK(generated->trainer.predict(generator, {.verbose = 0})[0].shape() == Shape{10, 1});

  class Empty : public DataSource {
    std::optional<Batch> next() override { return {}; }
  } empty;
  CHECK_THROWS_AS(generated->trainer.fit(empty, {.verbose = 0}), ValueError);
}

}  // namespace
}  // namespace nyala
