// The same training step with more rows, steps or layers.
#include "task.hpp"

using namespace nyala;

namespace bench {
namespace {

Task layers_of_64(std::int64_t depth) {
  Sequential model({Input({.shape = {64}})});
  for (std::int64_t i = 0; i < depth; ++i)
    model.add(layers::Dense({.units = 64, .activation = "relu"}));
  return compiled(model, numbers({32, 64}), numbers({32, 64}, 2), "mse", adam(1e-5));
}

Task rows(std::int64_t batch) {
  Sequential model({Input({.shape = {64}}),
                    layers::Dense({.units = 64, .activation = "relu"}),
                    layers::Dense({.units = 64, .activation = "relu"}),
                    layers::Dense(64)});
  return compiled(model, numbers({batch, 64}), numbers({batch, 64}, 2), "mse", adam(1e-5));
}

}  // namespace

void add_growth(std::vector<Workload>& list) {
  const auto series = [&](const std::string& name,
                          const std::string& what,
                          std::initializer_list<std::int64_t> sizes,
                          Task (*task)(std::int64_t)) {
    for (const std::int64_t size : sizes) {
      const std::string number = std::to_string(size);
      list.push_back({"growth_" + name + "_" + number,
                      number + " " + what,
                      [=] { return train(task(size)); },
                      1,
                      kGrowth});
    }
  };
  series("batch", "rows through 64-64-64-64", {4, 16, 64, 256, 1024, 4096}, rows);
  series("time", "steps of lstm", {10, 30, 100, 300, 1000}, [](std::int64_t steps) {
    return sequence(layers::LSTM(64), steps);
  });
  series("depth", "layers of 64, batch 32", {1, 4, 16, 64}, layers_of_64);
}

}  // namespace bench
