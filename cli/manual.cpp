// nyala manual: the page for man, made from the commands and their options.
#include <iostream>

#include "commands.hpp"

namespace nyala::cli {
namespace {

// Text that roff prints as it is.
std::string roff(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\\')
      safe += "\\e";
    else if (c == '-')
      safe += "\\-";
    else
      safe += c;
  }
  return safe.empty() || (safe[0] != '.' && safe[0] != '\'') ? safe : "\\&" + safe;
}

std::string value_of(const CLI::Option& option) {
  if (option.get_type_size() == 0) return "";
  return option.get_type_name().empty() ? "VALUE" : option.get_type_name();
}

void write_options(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_lnames().empty()) continue;
    std::string names;
    for (const std::string& name : option->get_lnames())
      names += (names.empty() ? "--" : ", --") + name;
    const std::string value = value_of(*option);
    std::cout << ".TP\n.B " << roff(names) << (value.empty() ? "" : "\n.I " + roff(value)) << "\n"
              << roff(option->get_description());
    if (const std::string text = option->get_default_str(); !text.empty())
      std::cout << " (default: " << roff(text) << ")";
    std::cout << "\n";
  }
}

void write_command(const CLI::App& command) {
  std::cout << ".SS nyala " << roff(command.get_name());
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) std::cout << " " << roff(option->get_name(true));
  }
  std::cout << "\n" << roff(command.get_description()) << ".\n";
  for (const CLI::Option* option : command.get_options()) {
    if (!option->get_positional()) continue;
    std::cout << ".TP\n.I " << roff(option->get_name(true)) << "\n"
              << roff(option->get_description()) << "\n";
  }
  write_options(command);
  if (!command.get_footer().empty()) std::cout << ".PP\n" << roff(command.get_footer()) << "\n";
}

constexpr const char* kEnd = R"(.SH DATA
Arrays of a .npz file are found by the names of the model's inputs and outputs, or as x0, x1, ...
and y0, y1, ... in the model's order; sw holds a weight for each sample. Of a .csv file one input
takes all columns that are no targets; several take the columns that bear their names.
.SH EXIT STATUS
0 when all is done; 1 when something failed, or when
.B nyala diff
found a difference; 2 when the command line is wrong. A failure is told in one line on standard
error, and leaves no output file.
.SH ENVIRONMENT
.TP
.B NO_COLOR
Turns colours off.
.TP
.B NYALA_NUM_THREADS
How many threads compute.
)";

void run(const CLI::App& app) {
  std::cout << ".TH NYALA 1\n.SH NAME\nnyala \\- " << roff(app.get_description())
            << "\n.SH SYNOPSIS\n.B nyala\n.I COMMAND\n[\n.I OPTIONS\n]\n.SH COMMANDS\n";
  for (const CLI::App* command :
       app.get_subcommands([](const CLI::App* item) { return !item->get_group().empty(); }))
    write_command(*command);
  std::cout << kEnd;
}

}  // namespace

void add_manual(CLI::App& app) {
  CLI::App* command = app.add_subcommand("manual", "Print the page for man");
  command->group("");
  command->callback([&app] { run(app); });
}

}  // namespace nyala::cli
