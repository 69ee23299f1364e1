// ModelCheckpoint: its files and messages are those of
// keras.callbacks.ModelCheckpoint, recorded from Keras 3.15.1 on the same
// network, data and arguments.
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include <nyala/models/callbacks/python_format.hpp>
#include <nyala/nyala.hpp>

using namespace nyala;
namespace fs = std::filesystem;

namespace {

// Standard output goes to a file while it lives.
class Capture {
 public:
  explicit Capture(const std::string& path) : path_(path) {
    std::fflush(stdout);
    saved_ = ::dup(STDOUT_FILENO);
    const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
    ::dup2(file, STDOUT_FILENO);
    ::close(file);
  }
  ~Capture() { restore(); }
  std::string take() {
    restore();
    std::ifstream file(path_);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

 private:
  void restore() {
    if (saved_ < 0) return;
    std::fflush(stdout);
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
    saved_ = -1;
  }
  std::string path_;
  int saved_ = -1;
};

struct Result {
  std::string text;
  std::string error;
  std::vector<std::string> files;
};

// Trains with the callback; its folder is called D in what comes back.
Result train(callbacks::ModelCheckpointArgs args, int epochs = 3) {
  static int count = 0;
  const fs::path folder =
      fs::temp_directory_path() /
      ("nyala_checkpoint_" + std::to_string(getpid()) + "_" + std::to_string(count++));
  fs::remove_all(folder);
  fs::create_directories(folder);
  args.filepath = (folder / args.filepath).string();
  args.verbose = 1;
  const Sequential model(
      {Input({.shape = {4}}), layers::Dense({.units = 1, .kernel_initializer = "zeros"})});
  model.compile({.optimizer = optimizers::SGD(0.1), .loss = "mse", .metrics = {"mae"}});
  const Tensor x = ops::reshape(ops::arange(32, {.dtype = float32}) / 32.0F, {8, 4});
  const Tensor y = ops::sum(x, {.axis = 1, .keepdims = true});
  Result result;
  Capture capture(folder.string() + ".out");
  try {
    model.fit(x,
              y,
              {.batch_size = 4,
               .epochs = epochs,
               .verbose = 0,
               .callbacks = {callbacks::ModelCheckpoint(args)},
               .validation_data = {x, y},
               .shuffle = false});
  } catch (const Error& error) {
    result.error = error.what();
  }
  result.text = capture.take();
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      result.files.push_back(fs::relative(entry.path(), folder).string());
  }
  std::sort(result.files.begin(), result.files.end());
  for (std::string* text : {&result.text, &result.error}) {
    for (auto at = text->find(folder.string()); at != std::string::npos;
         at = text->find(folder.string()))
      text->replace(at, folder.string().size(), "D");
  }
  fs::remove_all(folder);
  fs::remove(folder.string() + ".out");
  return result;
}

}  // namespace

TEST_CASE("ModelCheckpoint saves at the end of each epoch") {
  const Result result = train({.filepath = "{epoch:02d}-{val_loss:.2f}.keras"});
  CHECK(result.text ==
        "\nEpoch 1: saving model to D/01-0.52.keras\n"
        "\nEpoch 1: finished saving model to D/01-0.52.keras\n"
        "\nEpoch 2: saving model to D/02-0.22.keras\n"
        "\nEpoch 2: finished saving model to D/02-0.22.keras\n"
        "\nEpoch 3: saving model to D/03-0.19.keras\n"
        "\nEpoch 3: finished saving model to D/03-0.19.keras\n");
  CHECK(result.files ==
        std::vector<std::string>{"01-0.52.keras", "02-0.22.keras", "03-0.19.keras"});
}

TEST_CASE("ModelCheckpoint keeps the best") {
  CHECK(train({.filepath = "m.keras", .save_best_only = true}).text ==
        "\nEpoch 1: val_loss improved from None to 0.51994, saving model to "
        "D/m.keras\n"
        "\nEpoch 1: finished saving model to D/m.keras\n"
        "\nEpoch 2: val_loss improved from 0.51994 to 0.21744, saving model to "
        "D/m.keras\n"
        "\nEpoch 2: finished saving model to D/m.keras\n"
        "\nEpoch 3: val_loss improved from 0.21744 to 0.19007, saving model to "
        "D/m.keras\n"
        "\nEpoch 3: finished saving model to D/m.keras\n");
  const Result most = train({.filepath = "m.keras", .save_best_only = true, .mode = "max"});
  CHECK(most.text ==
        "\nEpoch 1: val_loss improved from None to 0.51994, "
        "saving model to D/m.keras\n"
        "\nEpoch 1: finished saving model to D/m.keras\n"
        "\nEpoch 2: val_loss did not improve from 0.51994\n"
        "\nEpoch 3: val_loss did not improve from 0.51994\n");
  const Result none =
      train({.filepath = "m.keras", .save_best_only = true, .initial_value_threshold = 0.001});
  CHECK(none.text ==
        "\nEpoch 1: val_loss did not improve from 0.00100\n"
        "\nEpoch 2: val_loss did not improve from 0.00100\n"
        "\nEpoch 3: val_loss did not improve from 0.00100\n");
  CHECK(none.files.empty());
}

TEST_CASE("ModelCheckpoint saves after batches, weights alone") {
  const Result result = train({.filepath = "{epoch}-{batch:03d}-{loss:.3e}.weights.h5",
                               .save_weights_only = true,
                               .save_freq = 3});
  CHECK(result.text ==
        "\nEpoch 2: saving model to D/2-001-1.307e-01.weights.h5\n"
        "\nEpoch 2: finished saving model to D/2-001-1.307e-01.weights.h5\n"
        "\nEpoch 3: saving model to D/3-002-2.764e-01.weights.h5\n"
        "\nEpoch 3: finished saving model to D/3-002-2.764e-01.weights.h5\n");
  const Result best =
      train({.filepath = "m.keras", .monitor = "loss", .save_best_only = true, .save_freq = 2});
  CHECK(
      best.text.starts_with("\nEpoch 1: loss improved from None to 4.04688, "
                            "saving model to D/m.keras\n"));
}

TEST_CASE("ModelCheckpoint makes folders, and names what it cannot do") {
  CHECK(train({.filepath = "a/b/{mae:8.3f}.keras"}, 1).files ==
        std::vector<std::string>{"a/b/   1.756.keras"});
  CHECK(train({.filepath = "m.keras", .monitor = "val_acc", .save_best_only = true})
            .error.starts_with("ModelCheckpoint callback received monitor=val_acc, but"));
  CHECK(train({.filepath = "{epoch}-{acc:.2f}.keras"}).error ==
        "Failed to format this callback filepath: "
        "\"D/{epoch}-{acc:.2f}.keras\". Reason: 'acc'");
  CHECK_THROWS_AS(callbacks::ModelCheckpoint("m.txt"), ValueError);
  CHECK_THROWS_AS(callbacks::ModelCheckpoint({.filepath = "m.keras", .save_weights_only = true}),
                  ValueError);
  CHECK_THROWS_AS(callbacks::ModelCheckpoint({.filepath = "m.keras", .save_freq = "batch"}),
                  ValueError);
}
