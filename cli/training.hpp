#pragma once
/// Options that several commands share.
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "data_file.hpp"

namespace nyala::cli {

/// In place of the settings that the file has; each empty one stays as it is.
struct CompileOptions {
  std::string optimizer;
  std::string loss;
  std::vector<std::string> metrics;
  double learning_rate = 0;
};

/// Checks of options that are numbers.
CLI::Validator positive();
CLI::Validator not_negative();
/// MODEL.
void add_model_option(CLI::App& command, std::string& path);
/// --batch-size, a positive number.
void add_batch_size_option(CLI::App& command, std::int64_t& size, const char* meaning);
/// --data and --target.
void add_data_options(CLI::App& command, DataArgs& data);
/// --optimizer, --learning-rate, --loss and --metric.
void add_compile_options(CLI::App& command, CompileOptions& options);
/// Compiles a model as the options ask. Throws ValueError that names `path` for one that has no
/// loss then.
void compile_if_asked(const Model& model, const std::string& path, const CompileOptions& options);

}  // namespace nyala::cli
