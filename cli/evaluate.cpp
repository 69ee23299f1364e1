// nyala evaluate: the loss and the metrics over the data of a file.
#include <iostream>
#include <memory>

#include "commands.hpp"
#include "data_file.hpp"
#include "model_file.hpp"
#include "progress.hpp"
#include "training.hpp"

namespace nyala::cli {
namespace {

struct Options {
  std::string model;
  std::string weights;
  DataArgs data;
  CompileOptions compile;
  std::int64_t batch_size = 32;
  bool json = false;
};

void run(const Options& options) {
  const Model model = open_model(options.model, {options.weights, true});
  compile_if_asked(model, options.model, options.compile);
  const Batch samples = read_samples(options.data, model);
  const EvaluateResult result = about(options.data.path, [&] {
    return model.evaluate(samples.x,
                          samples.y,
                          {.batch_size = options.batch_size,
                           .verbose = options.json ? 0 : progress_level(),
                           .sample_weight = samples.sample_weight});
  });
  callbacks::Logs values;
  for (const auto& [name, value] : result) values[name] = value;
  if (options.json) {
    std::cout << json_of(values) << '\n';
    return;
  }
  for (const auto& [name, value] : values) std::cout << shown(name, value) << '\n';
}

}  // namespace

void add_evaluate(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("evaluate", "Compute the loss and the metrics over data");
  add_model_option(*command, options->model);
  command->add_option("--weights", options->weights, "File of weights to use in place of its own");
  add_data_options(*command, options->data);
  add_compile_options(*command, options->compile);
  add_batch_size_option(*command, options->batch_size, "Samples in a batch");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run(*options); });
}

}  // namespace nyala::cli
