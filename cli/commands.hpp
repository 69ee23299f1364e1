#pragma once
/// The commands of `nyala`, a file each. Each function adds a command: its options, and what it
/// does when the command line names it.
#include <CLI/CLI.hpp>

namespace nyala::cli {

void add_summary(CLI::App& app);
void add_inspect(CLI::App& app);
void add_predict(CLI::App& app);
void add_train(CLI::App& app);
void add_evaluate(CLI::App& app);
void add_convert(CLI::App& app);
void add_plot(CLI::App& app);
/// `status` becomes 1 when the models differ.
void add_diff(CLI::App& app, int& status);
void add_bench(CLI::App& app);
/// `nyala completion SHELL` and `nyala manual`: texts made from the commands themselves.
void add_completion(CLI::App& app);
void add_manual(CLI::App& app);

}  // namespace nyala::cli
