// Training steps, fit and predictions of whole models.
#include "task.hpp"

using namespace nyala;

namespace bench {
namespace {

constexpr std::int64_t kFitSteps = 200;  // steps in an epoch of fit

Tensor ids(std::int64_t count, std::uint32_t seed, std::uint32_t high) {
  return Tensor::from(integers(count, seed, high), {count, 1});
}

// `batches` batches of data.
Task xor_mlp() {
  Sequential model({Input({.shape = {2}}),
                    layers::Dense({.units = 8, .activation = "tanh"}),
                    layers::Dense({.units = 1, .activation = "sigmoid"})});
  return compiled(model,
                  Tensor::from<float>({0, 0, 0, 1, 1, 0, 1, 1}, {4, 2}),
                  Tensor::from<float>({0, 1, 1, 0}, {4, 1}),
                  "binary_crossentropy",
                  optimizers::SGD({.learning_rate = 0.1}));
}

Task iris_mlp(std::int64_t batches = 1) {
  Sequential model({Input({.shape = {4}}),
                    layers::Dense({.units = 16, .activation = "relu"}),
                    layers::Dense({.units = 3, .activation = "softmax"})});
  return compiled(model,
                  numbers({32 * batches, 4}),
                  classes(32 * batches, 3),
                  "sparse_categorical_crossentropy",
                  adam(1e-3));
}

Sequential mnist_small() {
  return Sequential({Input({.shape = {784}}),
                     layers::Dense({.units = 128, .activation = "relu"}),
                     layers::Dense({.units = 10, .activation = "softmax"})});
}

Task mnist_mlp_small(std::int64_t batches = 1) {
  return compiled(mnist_small(),
                  numbers({32 * batches, 784}, 1, 0, 1),
                  classes(32 * batches, 10),
                  "sparse_categorical_crossentropy",
                  adam(1e-5));
}

Task mnist_mlp_big() {
  Sequential model({Input({.shape = {784}}),
                    layers::Dense({.units = 512, .activation = "relu"}),
                    layers::Dense({.units = 512, .activation = "relu"}),
                    layers::Dense({.units = 10, .activation = "softmax", .dtype = "float32"})});
  return compiled(model,
                  numbers({128, 784}, 1, 0, 1),
                  classes(128, 10),
                  "sparse_categorical_crossentropy",
                  adam(1e-5));
}

Task two_tower(const optimizers::Optimizer& optimizer) {
  const Symbol user = Input({.shape = {1}, .dtype = "int32"});
  const Symbol item = Input({.shape = {1}, .dtype = "int32"});
  const auto tower = [](const Symbol& id, int count) {
    return layers::Flatten()(layers::Embedding({.input_dim = count, .output_dim = 32})(id));
  };
  const Symbol match = layers::Dot({.axes = 1})({tower(user, 10000), tower(item, 5000)});
  Model model({user, item}, layers::Dense({.units = 1, .activation = "sigmoid"})(match));
  return compiled(model,
                  {ids(256, 1, 10000), ids(256, 2, 5000)},
                  ops::cast(ids(256, 3, 2), float32),
                  "binary_crossentropy",
                  optimizer);
}

Task siamese() {
  Sequential tower({Input({.shape = {128}}),
                    layers::Dense({.units = 64, .activation = "relu"}),
                    layers::Dense({.units = 32})});
  const Symbol a = Input({.shape = {128}});
  const Symbol b = Input({.shape = {128}});
  Model model({a, b}, layers::Dot({.axes = 1, .normalize = true})({tower(a), tower(b)}));
  return compiled(model,
                  {numbers({64, 128}, 1, 0, 1), numbers({64, 128}, 2, 0, 1)},
                  numbers({64, 1}, 3, 0, 1),
                  "mse",
                  adam(1e-5));
}

Step fit(const Task& task) {
  return [task, batch = task.batch / kFitSteps] {
    task.model.fit(task.x, task.y, {.batch_size = batch, .verbose = 0});
  };
}

Step predict_row() { return predict(mnist_small(), numbers({1, 784}, 1, 0, 1)); }

}  // namespace

void add_models(std::vector<Workload>& list) {
  constexpr unsigned overhead = kQuick | kOverhead;
  constexpr unsigned threads = kQuick | kThreads;
  list.push_back(
      {"xor_mlp", "2-8-1, SGD, batch 4", [] { return train(xor_mlp()); }, 1, overhead | kThreads});
  list.push_back({"iris_mlp",
                  "4-16-3, Adam, batch 32",
                  [] { return train(iris_mlp()); },
                  1,
                  overhead | kThreads});
  list.push_back({"mnist_mlp_small",
                  "784-128-10, Adam, batch 32",
                  [] { return train(mnist_mlp_small()); },
                  1,
                  threads});
  list.push_back({"mnist_mlp_big",
                  "784-512-512-10, Adam, batch 128",
                  [] { return train(mnist_mlp_big()); },
                  1,
                  kThreads});
  list.push_back({"mnist_mlp_bf16",
                  "the same with hidden layers of mixed_bfloat16",
                  [] { return train(mixed(mnist_mlp_big)); },
                  1,
                  kThreads});
  list.push_back({"two_tower",
                  "Embedding 10000x32 and 5000x32, Dot, Adam, batch 256",
                  [] { return train(two_tower(adam(1e-4))); },
                  1,
                  threads});
  list.push_back(
      {"two_tower_lazy",
       "the same, updating only the rows that the batch looks up",
       [] { return train(two_tower(optimizers::Adam({.learning_rate = 1e-4, .lazy = true}))); },
       1,
       threads});
  list.push_back({"siamese",
                  "a shared tower 128-64-32, Dot normalised, Adam, batch 64",
                  [] { return train(siamese()); },
                  1,
                  threads});
  list.push_back(
      {"predict_row", "784-128-10, predict_on_batch of one row", predict_row, 1, overhead});
  list.push_back({"fit_iris",
                  "a step of fit over arrays, 4-16-3",
                  [] { return fit(iris_mlp(kFitSteps)); },
                  kFitSteps});
  list.push_back({"fit_mnist_small",
                  "a step of fit over arrays, 784-128-10",
                  [] { return fit(mnist_mlp_small(kFitSteps)); },
                  kFitSteps});
}

}  // namespace bench
