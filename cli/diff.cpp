// nyala diff: what two models have not in common.
#include <iostream>
#include <memory>

#include <nyala/models/compare.hpp>

#include "commands.hpp"
#include "model_file.hpp"
#include "training.hpp"

namespace nyala::cli {
namespace {

struct Options {
  std::string first;
  std::string second;
  CompareModelsArgs compare;
};

int run(const Options& options) {
  const Model first = open_model(options.first);
  const Model second = open_model(options.second);
  const auto differences = compare_models(first, second, options.compare);
  for (const ModelDifference& difference : differences)
    std::cout << difference.path << ": " << difference.what << '\n';
  return differences.empty() ? 0 : 1;
}

}  // namespace

void add_diff(CLI::App& app, int& status) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "diff", "Print where the configuration and the weights of two models differ");
  command->add_option("A", options->first, "File of a model")->required();
  command->add_option("B", options->second, "File of another one")->required();
  command->add_option("--rtol", options->compare.rtol, "Relative difference that weights may have")
      ->check(not_negative())
      ->capture_default_str();
  command->add_option("--atol", options->compare.atol, "Absolute difference that weights may have")
      ->check(not_negative())
      ->capture_default_str();
  command->footer("Exit status: 0 when there is no difference, 1 when there is one.");
  command->callback([options, &status] { status = run(*options); });
}

}  // namespace nyala::cli
