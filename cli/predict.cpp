// nyala predict: the outputs for arrays of inputs.
#include <filesystem>
#include <memory>

#include <nyala/models/saving/npz.hpp>

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
  DataArgs inputs;
  std::string out;
  std::int64_t batch_size = 32;
};

// The outputs are arrays by name: only .npz holds them.
void check_ending_of_outputs(const std::string& path) {
  const auto ending = std::filesystem::path(path).extension();
  if (!ending.empty() && ending != ".npz")
    throw UsageError(path + ": ends in " + ending.string() + ", outputs are written as .npz");
}

void run(const Options& options) {
  check_ending_of_outputs(options.out);
  const Model model = open_model(options.model, {options.weights, true});
  const Data x = read_inputs(options.inputs, model);
  const Outputs outputs = about(options.inputs.path, [&] {
    return model.predict_all(x, {.batch_size = options.batch_size, .verbose = progress_level()});
  });
  about(options.out, [&] { saving::save_npz(options.out, name_outputs(outputs)); });
}

}  // namespace

void add_predict(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("predict", "Compute the outputs for data");
  add_model_option(*command, options->model);
  command->add_option("--weights", options->weights, "File of weights to use in place of its own");
  command->add_option("--inputs", options->inputs.path, "Inputs: .npz, .npy or .csv")->required();
  command->add_option("--out", options->out, "Where to write the outputs (.npz)")->required();
  add_batch_size_option(*command, options->batch_size, "Samples in a batch");
  command->add_option("--target", options->inputs.targets, "Column of a .csv file to leave out");
  command->callback([options] { run(*options); });
}

}  // namespace nyala::cli
