// The program `nyala`.
#include <cerrno>
#include <cstring>
#include <iostream>
#include <new>
#include <sstream>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>

#include "commands.hpp"
#include "model_file.hpp"
#include "standard_streams.hpp"

namespace {

enum Status { kDone = 0, kFailed = 1, kWrongUsage = 2 };

std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  return text;
}

void complain(const std::string& text) { std::cerr << "nyala: " << one_line(text) << '\n'; }

void add_commands(CLI::App& app, int& status) {
  using namespace nyala::cli;
  app.require_subcommand(1);
  app.set_version_flag("--version", "nyala " NYALA_VERSION);
  add_summary(app);
  add_inspect(app);
  add_predict(app);
  add_train(app);
  add_evaluate(app);
  add_convert(app);
  add_plot(app);
  add_diff(app, status);
  add_bench(app);
  add_completion(app);
  add_manual(app);
}

// The command that a wrong command line names, for the way to its help.
std::string help_of(const CLI::App& app) {
  std::string command = "nyala";
  for (const CLI::App* named : app.get_subcommands()) command += " " + named->get_name();
  return command + " --help";
}

int run(int argc, char** argv) {
  int status = kDone;
  CLI::App app("Use, train and convert Keras models", "nyala");
  add_commands(app, status);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked, std::cout, std::cout);
  } catch (const CLI::ParseError& error) {
    if (app.get_subcommands().empty() && argc > 1 && argv[1][0] != '-') {
      complain("there is no command \"" + nyala::cut(argv[1]) + "\" (see nyala --help)");
      return kWrongUsage;
    }
    complain(std::string(error.what()) + " (see " + help_of(app) + ")");
    return kWrongUsage;
  }
  return status;
}

int run_guarded(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const nyala::cli::UsageError& error) {
    complain(error.what());
    return kWrongUsage;
  } catch (const std::bad_alloc&) {
    complain("there is not enough memory");
  } catch (const std::exception& error) {
    complain(error.what());
  }
  return kFailed;
}

}  // namespace

int main(int argc, char** argv) {
  nyala::cli::prepare_streams();
  nyala::set_log_sink([](nyala::LogLevel level, std::string_view text) {
    const bool warning = level >= nyala::LogLevel::warning;
    complain((warning ? "warning: " : "") + std::string(text));
  });
  const int status = run_guarded(argc, argv);
  const int cause = nyala::cli::finish_output();
  if (cause == 0) return status;
  // A reader that has seen enough, as `head`, is no trouble to tell of.
  if (cause != EPIPE && status == kDone)
    complain(std::string("standard output: could not be written: ") + std::strerror(cause));
  return status == kDone ? kFailed : status;
}
