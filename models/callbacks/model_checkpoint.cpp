#include <nyala/models/callbacks/model_checkpoint.hpp>

#include <filesystem>

#include <nyala/core/log.hpp>
#include <nyala/models/callbacks/python_format.hpp>
#include <nyala/models/callbacks/text.hpp>
#include <nyala/models/model.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::callbacks {
namespace {

std::string path_for(const std::string& pattern,
                     int epoch,
                     std::optional<std::int64_t> batch,
                     const Logs& logs) {
  detail::FormatValues values{{"epoch", std::int64_t{epoch + 1}}};
  if (batch && !logs.contains("batch")) values.emplace_back("batch", *batch + 1);
  for (const auto& [name, value] : logs) values.emplace_back(name, value);
  try {
    return detail::python_format(pattern, values);
  } catch (const ValueError& error) {
    throw ValueError("Failed to format this callback filepath: \"" + cut(pattern) +
                     "\". Reason: " + error.what());
  }
}

void make_folder_of(const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  if (error) throw IoError(folder.string() + ": could not be made: " + error.message());
}

}  // namespace

ModelCheckpoint::State ModelCheckpoint::start(ModelCheckpointArgs args) {
  const std::string received = " Received: filepath=" + cut(args.filepath);
  if (args.save_weights_only && !args.filepath.ends_with(".weights.h5")) {
    throw ValueError(
        "When using `save_weights_only=True` in "
        "`ModelCheckpoint`, the filepath provided must end "
        "in `.weights.h5` (Keras weights format)." +
        received);
  }
  if (!args.save_weights_only && !args.filepath.ends_with(".keras") &&
      !args.filepath.ends_with(".h5")) {
    throw ValueError("The filepath provided must end in `.keras` (Keras model format)." + received);
  }
  Monitor monitor("ModelCheckpoint", args.monitor, args.mode, 0);
  const std::optional<double> best = args.initial_value_threshold;
  return {.args = std::move(args), .monitor = std::move(monitor), .best = best};
}

ModelCheckpoint::ModelCheckpoint(ModelCheckpointArgs args) : state_(start(std::move(args))) {}

void ModelCheckpoint::on_epoch_begin(int epoch) { state_->epoch = epoch; }

void ModelCheckpoint::on_train_batch_end(std::int64_t batch, const Logs& logs) {
  if (state_->args.save_freq.is_due(batch)) save(state_->epoch, batch, logs);
}

void ModelCheckpoint::on_epoch_end(int epoch, Logs& logs) {
  state_->monitor.settle(model());
  if (state_->args.save_freq.by_epoch()) save(epoch, {}, logs);
}

void ModelCheckpoint::tell(const std::string& text) const {
  if (state_->args.verbose <= 0) return;
  detail::print("\nEpoch " + std::to_string(state_->epoch + 1) + ": " + text + "\n");
}

bool ModelCheckpoint::is_wanted(const Logs& logs, const std::string& path) {
  State& state = *state_;
  if (!state.args.save_best_only) {
    tell("saving model to " + path);
    return true;
  }
  const double* current = logs.find(state.args.monitor);
  if (current == nullptr) {
    log_warning("Can save best model only with " + state.args.monitor + " available.");
    return true;
  }
  const std::string best = state.best ? detail::formatted("%.5f", *state.best) : "None";
  if (!state.monitor.is_better(*current, state.best, model())) {
    tell(state.args.monitor + " did not improve from " + best);
    return false;
  }
  tell(state.args.monitor + " improved from " + best + " to " +
       detail::formatted("%.5f", *current) + ", saving model to " + path);
  state.best = *current;
  return true;
}

void ModelCheckpoint::save(int epoch, std::optional<std::int64_t> batch, const Logs& logs) {
  state_->epoch = epoch;
  const std::string path = path_for(state_->args.filepath, epoch, batch, logs);
  if (!is_wanted(logs, path)) return;
  make_folder_of(path);
  if (std::filesystem::is_directory(path)) {
    throw IoError(
        "Please specify a non-directory filepath for "
        "ModelCheckpoint. Filepath used is an existing "
        "directory: " +
        cut(path));
  }
  const Model saved = Model::from(Layer(model().layer().shared_from_this()));
  if (state_->args.save_weights_only)
    saved.save_weights(path);
  else
    saved.save(path);
  tell("finished saving model to " + path);
}

CallbackState ModelCheckpoint::get_state() const {
  std::vector<double> numbers{static_cast<double>(state_->args.save_freq.waited()),
                              static_cast<double>(state_->args.save_freq.last_batch())};
  if (state_->best) numbers.push_back(*state_->best);
  return {.tensors = {Tensor::from(numbers)}};
}

void ModelCheckpoint::set_state(const CallbackState& state) {
  const std::vector<double> numbers = detail::numbers_of(state, 2, 3);
  state_->args.save_freq.resume(detail::whole(numbers[0]), detail::whole(numbers[1]));
  if (numbers.size() > 2) state_->best = numbers[2];
}

}  // namespace nyala::callbacks
