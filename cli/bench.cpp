// nyala bench: how long a prediction and a step of training take, and how much memory.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>

#include <nyala/autograd/random.hpp>
#include <nyala/core/error.hpp>
#include <nyala/models/callbacks/text.hpp>

#include "commands.hpp"
#include "model_file.hpp"
#include "training.hpp"

namespace nyala::cli {
namespace {

constexpr std::int64_t kUnknownSize = 16;  // of an axis that the model leaves open
constexpr int kLeastRuns = 5;

struct Options {
  std::string model;
  std::int64_t batch_size = 32;
  double seconds = 1;
  bool json = false;
};

Shape with_batch(Shape shape, std::int64_t batch) {
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] == None) shape[axis] = axis == 0 ? batch : kUnknownSize;
  }
  return shape;
}

// Normal numbers; zeros where these are whole (ids that every table has).
Tensor sample_of(const Symbol& symbol, std::int64_t batch) {
  const Shape shape = with_batch(symbol.shape(), batch);
  if (!is_floating(symbol.dtype())) return ops::zeros(shape, {.dtype = symbol.dtype()});
  return ops::cast(random::normal(shape, {.seed = 1}), symbol.dtype());
}

// The median time of a call in milliseconds, over calls that take so many seconds together.
template <class F>
double time_of(double seconds, F&& f) {
  using Clock = std::chrono::steady_clock;
  f();
  f();  // the first calls build programs and fill caches
  std::vector<double> times;
  const auto begin = Clock::now();
  const auto passed = [&](Clock::time_point since) {
    return std::chrono::duration<double>(Clock::now() - since).count();
  };
  while (static_cast<int>(times.size()) < kLeastRuns || passed(begin) < seconds) {
    const auto start = Clock::now();
    f();
    times.push_back(passed(start) * 1e3);
  }
  const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
  std::nth_element(times.begin(), middle, times.end());
  return *middle;
}

double peak_megabytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// Zeros of the outputs' shapes, or one class number for each row of them.
std::vector<Tensor> targets_of(const std::vector<Tensor>& outputs, bool classes) {
  std::vector<Tensor> targets;
  for (const Tensor& output : outputs) {
    Shape shape = output.shape();
    if (classes && shape.rank() > 0) shape[shape.rank() - 1] = 1;
    targets.push_back(ops::zeros(shape, {.dtype = classes ? DType::int32 : output.dtype()}));
  }
  return targets;
}

struct Times {
  double predict = 0;
  double train = 0;
};

Times measure(const Model& model, const Options& options) {
  std::vector<Tensor> inputs;
  for (const Symbol& symbol : model.inputs())
    inputs.push_back(sample_of(symbol, options.batch_size));
  if (!model.base().trainer().compiled()) model.compile({.optimizer = "sgd", .loss = "mse"});
  Trainer& trainer = model.base().trainer();
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < inputs.size(); ++i) named[model.input_names()[i]] = inputs[i];
  const Data x(named);
  Tensors outputs;
  Times times;
  times.predict = time_of(options.seconds, [&] { outputs = trainer.predict_on_batch(x); });
  const std::vector<Tensor> results(outputs.begin(), outputs.end());
  if (model.trainable_variables().empty()) return times;
  const auto step_time = [&](bool classes) {
    const Data y(targets_of(results, classes));
    return time_of(options.seconds, [&] { trainer.train_on_batch(x, y); });
  };
  try {
    times.train = step_time(false);
  } catch (const ValueError&) {
    times.train = step_time(true);  // a sparse loss
  }
  return times;
}

void run(const Options& options) {
  const Model model = open_model(options.model);
  const Times times = about(options.model, [&] { return measure(model, options); });
  const auto text = [](double value) { return callbacks::detail::formatted("%.3f", value); };
  if (options.json) {
    std::cout << json_of({{"batch_size", static_cast<double>(options.batch_size)},
                          {"predict_ms", times.predict},
                          {"train_ms", times.train},
                          {"peak_memory_mb", peak_megabytes()}})
              << '\n';
    return;
  }
  const auto line = [&](const char* what, double milliseconds) {
    const double rate = static_cast<double>(options.batch_size) / milliseconds * 1e3;
    std::cout << what << text(milliseconds) << " ms, " << callbacks::detail::formatted("%.0f", rate)
              << " samples/s\n";
  };
  std::cout << "Batch size:    " << options.batch_size << '\n';
  line("Prediction:    ", times.predict);
  if (times.train > 0) line("Training step: ", times.train);
  std::cout << "Peak memory:   " << text(peak_megabytes()) << " MB\n";
}

}  // namespace

void add_bench(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("bench", "Measure the time of a prediction and of a training step");
  add_model_option(*command, options->model);
  add_batch_size_option(*command, options->batch_size, "Samples in a batch");
  command->add_option("--seconds", options->seconds, "How long each is measured")
      ->check(not_negative())
      ->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run(*options); });
}

}  // namespace nyala::cli
