// nyala train: goes on training a model with the data of a file.
#include <filesystem>
#include <memory>

#include <nyala/autograd/random.hpp>
#include <nyala/core/error.hpp>
#include <nyala/models/callbacks.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/json_text.hpp>

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
  std::string validation;
  CompileOptions compile;
  int epochs = 1;
  std::int64_t batch_size = 32;
  bool no_shuffle = false;
  std::uint64_t seed = 0;
  std::string checkpoint;
  int checkpoint_batches = 0;
  std::string history;
  std::string save;
};

// A path that cannot be written is better known before the training than after it.
void check_folder_of(const std::string& path) {
  if (path.empty()) return;
  const auto folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty() && !std::filesystem::is_directory(folder, error))
    throw IoError(path + ": " + folder.string() + " is no folder");
  if (std::filesystem::is_directory(path, error)) throw IoError(path + ": is a folder");
}

callbacks::BackupAndRestore backup_of(const Options& options) {
  callbacks::BackupAndRestoreArgs args{
      .backup_dir = options.checkpoint, .double_checkpoint = true, .delete_checkpoint = false};
  if (options.checkpoint_batches > 0) args.save_freq = options.checkpoint_batches;
  return args;
}

void write_history(const std::string& path, const History& history) {
  std::string text;
  for (const std::string& name : history.names()) {
    text += (text.empty() ? "{" : ", ") + saving::to_json_text(name) + ": [";
    const std::vector<double>& values = history[name];
    for (std::size_t i = 0; i < values.size(); ++i)
      text += (i == 0 ? "" : ", ") + json_number(values[i]);
    text += "]";
  }
  about(path, [&] { saving::write_text(path, (text.empty() ? "{" : text) + "}\n"); });
}

void run(const Options& options) {
  check_ending(options.save);
  check_folder_of(options.save);
  check_folder_of(options.history);
  set_random_seed(options.seed);
  const Model model = open_model(options.model, {.weights = options.weights});
  compile_if_asked(model, options.model, options.compile);
  const Batch samples = read_samples(options.data, model);
  FitArgs fit{.batch_size = options.batch_size,
              .epochs = options.epochs,
              .verbose = progress_level(),
              .shuffle = !options.no_shuffle,
              .sample_weight = samples.sample_weight};
  if (!options.validation.empty()) {
    Batch held_out = read_samples({options.validation, options.data.targets}, model);
    fit.validation_data = {
        .x = held_out.x, .y = held_out.y, .sample_weight = held_out.sample_weight};
  }
  const WholeHistory history;
  fit.callbacks = {EpochLines(), history};
  std::optional<callbacks::BackupAndRestore> backup;
  if (!options.checkpoint.empty()) {
    backup = backup_of(options);
    fit.callbacks.emplace_back(*backup);
  }
  about(options.data.path, [&] { model.fit(samples.x, samples.y, fit); });
  save_model(model, options.save);
  if (!options.history.empty()) write_history(options.history, history);
  if (backup) backup->remove();
}

}  // namespace

void add_train(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("train", "Train a model, from where its file stopped");
  add_model_option(*command, options->model);
  command->add_option("--weights", options->weights, "File of weights to begin with");
  add_data_options(*command, options->data);
  command->add_option("--validation-data", options->validation, "Data to validate with");
  command->add_option("--epochs", options->epochs, "Times that all data are seen")
      ->check(not_negative())
      ->capture_default_str();
  add_batch_size_option(*command, options->batch_size, "Samples in a step");
  command->add_flag("--no-shuffle", options->no_shuffle, "Keep the order of the samples");
  command->add_option("--seed", options->seed, "Seed of all random numbers")->capture_default_str();
  add_compile_options(*command, options->compile);
  CLI::Option* checkpoint = command->add_option(
      "--checkpoint", options->checkpoint, "Folder of backups, from which a killed run goes on");
  command
      ->add_option("--checkpoint-batches",
                   options->checkpoint_batches,
                   "Back up after so many batches rather than after each epoch")
      ->check(positive())
      ->needs(checkpoint);
  command->add_option("--history", options->history, "Where to write the numbers of each epoch");
  command->add_option("--save", options->save, "Where to save the model")->required();
  command->callback([options] { run(*options); });
}

}  // namespace nyala::cli
