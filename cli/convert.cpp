// nyala convert: a model in another format.
#include <memory>

#include "commands.hpp"
#include "model_file.hpp"
#include "training.hpp"

namespace nyala::cli {
namespace {

struct Options {
  std::string model;
  std::string weights;
  std::string out;
};

void run(const Options& options) {
  check_ending(options.out);
  const bool architecture = options.out.ends_with(".json");
  save_model(open_model(options.model, {options.weights, !architecture}), options.out);
}

}  // namespace

void add_convert(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("convert", "Write a model in another format");
  add_model_option(*command, options->model);
  command
      ->add_option(
          "OUT", options->out, std::string("File to write; its ending decides: ") + kModelEndings)
      ->required();
  command->add_option("--weights", options->weights, "File of weights to use in place of its own");
  command->callback([options] { run(*options); });
}

}  // namespace nyala::cli
