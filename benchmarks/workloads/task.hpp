#pragma once
#include "../workloads.hpp"

namespace bench {

/// A compiled model and one batch, or several.
struct Task {
  nyala::Model model;
  nyala::Data x;
  nyala::Data y;
  std::int64_t batch;
};

inline Task compiled(const nyala::Model& model,
                     const nyala::Data& x,
                     const nyala::Data& y,
                     const char* loss,
                     const nyala::optimizers::Optimizer& optimizer) {
  model.compile({.optimizer = optimizer, .loss = loss});
  return {model, x, y, x.tensors()[0].shape()[0]};
}

inline nyala::optimizers::Optimizer adam(double learning_rate) {
  return nyala::optimizers::Adam({.learning_rate = learning_rate});
}

/// What make() gives, its layers of mixed_bfloat16 where they do not say otherwise.
template <class Make>
auto mixed(Make&& make) {
  const nyala::DTypePolicy before = nyala::dtype_policy();
  nyala::set_dtype_policy("mixed_bfloat16");
  auto made = make();
  nyala::set_dtype_policy(before);
  return made;
}

/// A layer over (batch, steps, 32), then Dense(1) of float32.
Task sequence(const nyala::Layer& layer, std::int64_t steps = 50);

/// `count` of them.
inline nyala::Tensor classes(std::int64_t count, std::uint32_t high) {
  return nyala::Tensor::from(integers(count, 9, high), {count});
}
inline Step train(const Task& task) {
  return [task] { task.model.train_on_batch(task.x, task.y); };
}
inline Step predict(const nyala::Model& model, const nyala::Tensor& x) {
  return [model, x] { model.predict_on_batch(x); };
}

}  // namespace bench
