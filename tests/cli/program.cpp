#include "program.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <thread>

#include <nyala/nyala.hpp>

namespace nyala::testing {
namespace {

void redirect(int stream, const std::string& path) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (file < 0 || ::dup2(file, stream) < 0) std::_Exit(127);
  ::close(file);
}

// In the child: never returns.
[[noreturn]] void become(const std::vector<std::string>& arguments,
                         const RunArgs& args,
                         const std::string& out,
                         const std::string& err) {
  const char* program = std::getenv("NYALA_PROGRAM");
  std::vector<char*> words{const_cast<char*>(program)};
  for (const std::string& argument : arguments)
    words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  redirect(STDERR_FILENO, err);
  if (args.broken_pipe) {
    int ends[2];
    if (::pipe(ends) != 0) std::_Exit(127);
    ::close(ends[0]);
    ::dup2(ends[1], STDOUT_FILENO);
    ::close(ends[1]);
  } else if (args.out_file == "closed") {
    ::close(STDOUT_FILENO);
  } else {
    redirect(STDOUT_FILENO, out);
  }
  ::execv(program, words.data());
  std::_Exit(127);
}

}  // namespace

Run run(const std::vector<std::string>& arguments, const RunArgs& args) {
  if (std::getenv("NYALA_PROGRAM") == nullptr)
    throw std::runtime_error("NYALA_PROGRAM names no program");
  const Folder folder;
  const bool keeps = args.out_file.empty();
  const std::string out = keeps ? folder / "out" : args.out_file;
  const std::string err = folder / "err";
  const pid_t child = ::fork();
  if (child == 0) become(arguments, args, out, err);
  if (args.kill_after) {
    std::this_thread::sleep_for(*args.kill_after);
    ::kill(child, SIGKILL);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          keeps ? read_bytes(out) : std::string(),
          read_bytes(err)};
}

Model small_model() {
  clear_session();
  set_random_seed(3);
  const Symbol left = Input({.shape = {4}, .name = "left"});
  const Symbol right = Input({.shape = {3}, .name = "right"});
  const Symbol a = layers::Dense({.units = 6, .activation = "tanh", .name = "a"})(left);
  const Symbol b = layers::Dense({.units = 6, .name = "b"})(right);
  const Symbol both =
      layers::Dropout({.rate = 0.2, .name = "drop"})(layers::Concatenate({.name = "both"})({a, b}));
  const Symbol near = layers::Dense({.units = 2, .name = "near"})(both);
  const Symbol far = layers::Dense({.units = 1, .name = "far"})(both);
  const Model model({left, right}, {near, far}, {.name = "small"});
  model.compile({.optimizer = optimizers::Adam({.learning_rate = 0.01}),
                 .loss = {"mean_squared_error", "mean_absolute_error"}});
  return model;
}

void save_data(const std::string& path, std::int64_t samples) {
  const auto draw = [&](std::int64_t columns, int seed) {
    return random::normal({samples, columns}, {.seed = seed});
  };
  saving::save_npz(
      path, {{"left", draw(4, 1)}, {"right", draw(3, 2)}, {"y0", draw(2, 3)}, {"y1", draw(1, 4)}});
}

}  // namespace nyala::testing
