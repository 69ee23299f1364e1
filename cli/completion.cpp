// nyala completion: scripts for shells, made from the commands and their options.
#include <iostream>
#include <memory>

#include "commands.hpp"

namespace nyala::cli {
namespace {

// Commands that are shown in the help.
std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

std::vector<std::string> flags_of(const CLI::App& command) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  return flags;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

// Within single quotes, as all three shells have them.
std::string quoted(const std::string& text) {
  std::string safe = "'";
  for (const char c : text) safe += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return safe + "'";
}

void write_bash(std::ostream& out, const CLI::App& app) {
  std::vector<std::string> names;
  out << "_nyala() {\n"
         "  local current=${COMP_WORDS[COMP_CWORD]} words\n"
         "  case ${COMP_WORDS[1]} in\n";
  for (const CLI::App* command : commands_of(app)) {
    names.push_back(command->get_name());
    out << "    " << command->get_name() << ") words=" << quoted(joined(flags_of(*command)))
        << " ;;\n";
  }
  out << "    *) words= ;;\n"
         "  esac\n"
         "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
         "    words="
      << quoted(joined(names) + " " + joined(flags_of(app)))
      << "\n"
         "  elif [[ $current != -* ]]; then\n"
         "    COMPREPLY=()\n"
         "    return\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
         "}\n"
         "complete -o default -F _nyala nyala\n";
}

// A description within brackets, where zsh reads brackets and colons.
std::string zsh_description(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') safe += '\\';
    safe += c;
  }
  return safe;
}

void write_zsh(std::ostream& out, const CLI::App& app) {
  out << "#compdef nyala\n"
         "local -a commands\n"
         "commands=(\n";
  for (const CLI::App* command : commands_of(app))
    out << "  " << quoted(command->get_name() + ":" + command->get_description()) << "\n";
  out << ")\n"
         "if (( CURRENT == 2 )); then\n"
         "  _describe command commands\n"
         "  return\n"
         "fi\n"
         "case ${words[2]} in\n";
  for (const CLI::App* command : commands_of(app)) {
    out << "  " << command->get_name() << ") _arguments";
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) {
        out << " "
            << quoted("--" + name + "[" + zsh_description(option->get_description()) + "]" +
                      (option->get_type_size() > 0 ? ":value:_files" : ""));
      }
    }
    out << " '*:file:_files' ;;\n";
  }
  out << "esac\n";
}

void write_fish(std::ostream& out, const CLI::App& app) {
  for (const CLI::App* command : commands_of(app)) {
    const std::string& name = command->get_name();
    out << "complete -c nyala -n __fish_use_subcommand -f -a " << name << " -d "
        << quoted(command->get_description()) << "\n";
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& flag : option->get_lnames()) {
        out << "complete -c nyala -n " << quoted("__fish_seen_subcommand_from " + name) << " -l "
            << flag << (option->get_type_size() > 0 ? " -r" : "") << " -d "
            << quoted(option->get_description()) << "\n";
      }
    }
  }
}

void run(const CLI::App& app, const std::string& shell) {
  if (shell == "bash") return write_bash(std::cout, app);
  if (shell == "zsh") return write_zsh(std::cout, app);
  write_fish(std::cout, app);
}

}  // namespace

void add_completion(CLI::App& app) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* command =
      app.add_subcommand("completion", "Print a script that completes command lines in a shell");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &app] { run(app, *shell); });
}

}  // namespace nyala::cli
