#include "training.hpp"

#include <nyala/core/error.hpp>

#include "model_file.hpp"

namespace nyala::cli {
namespace {

// Not CLI11's own, whose message tells the largest double.
CLI::Validator number(const char* name, const char* wanted, bool (*fits)(double)) {
  const auto check = [wanted, fits](const std::string& text) {
    double value = 0;
    const bool good = CLI::detail::lexical_cast(text, value) && fits(value);
    return good ? std::string() : "received " + text + ", expected " + wanted;
  };
  return CLI::Validator(check, name);
}

}  // namespace

CLI::Validator positive() {
  return number("POSITIVE", "a number above 0", [](double value) { return value > 0; });
}
CLI::Validator not_negative() {
  return number("NONNEGATIVE", "a number of 0 or more", [](double value) { return value >= 0; });
}

void add_model_option(CLI::App& command, std::string& path) {
  command.add_option("MODEL", path, "File of the model")->required();
}

void add_batch_size_option(CLI::App& command, std::int64_t& size, const char* meaning) {
  command.add_option("--batch-size", size, meaning)->check(positive())->capture_default_str();
}

void add_data_options(CLI::App& command, DataArgs& data) {
  command.add_option("--data", data.path, "Inputs and targets: .npz or .csv")->required();
  command.add_option("--target", data.targets, "Column of a .csv file that holds the targets");
}

void add_compile_options(CLI::App& command, CompileOptions& options) {
  command.add_option("--optimizer", options.optimizer, "Optimizer in place of the file's: adam");
  command.add_option("--learning-rate", options.learning_rate, "Its learning rate")
      ->check(positive());
  command.add_option("--loss", options.loss, "Loss in place of the file's: mse");
  command.add_option("--metric", options.metrics, "Metric in place of the file's: accuracy");
}

void compile_if_asked(const Model& model, const std::string& path, const CompileOptions& options) {
  const Trainer& trainer = model.base().trainer();
  about(path, [&] {
    CompileArgs args;
    if (trainer.compiled()) args = trainer.compile_args();
    const bool asked =
        !options.optimizer.empty() || !options.loss.empty() || !options.metrics.empty();
    if (!options.optimizer.empty())
      args.optimizer = optimizers::Optimizer(options.optimizer.c_str());
    if (!options.loss.empty()) args.loss = losses::Loss(options.loss);
    if (!options.metrics.empty())
      args.metrics = std::vector<metrics::Metric>(options.metrics.begin(), options.metrics.end());
    if (asked) model.compile(args);
    if (!trainer.compiled())
      throw ValueError("has no settings to train with; name a --loss, and an --optimizer");
    if (options.learning_rate > 0) model.optimizer().set_learning_rate(options.learning_rate);
  });
}

}  // namespace nyala::cli
