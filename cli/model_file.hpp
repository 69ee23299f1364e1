#pragma once
/// Models in files, as the commands read and write them.
#include <stdexcept>
#include <string>
#include <vector>

#include <nyala/models/callbacks/logs.hpp>
#include <nyala/models/model.hpp>

namespace nyala::cli {

/// The command line asks for something that there is not: exit status 2.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct OpenArgs {
  /// A file whose weights replace those of the model.
  std::string weights = {};
  /// Refuses a file without weights (JSON) that is given none.
  bool needs_weights = false;
};

/// The model of a file; what it throws names the file.
Model open_model(const std::string& path, const OpenArgs& args = {});

/// The endings that `save_model` knows, for messages.
inline constexpr const char* kModelEndings =
    ".keras, .weights.h5, .h5, .json, .safetensors or .npz";
/// Throws UsageError for a path with another ending.
void check_ending(const std::string& path);
/// Writes what the ending asks for: the model, its architecture (.json) or its weights.
void save_model(const Model& model, const std::string& path);

/// `f` with the file named in what it throws; memory that runs out is told of it too.
template <class F>
auto about(const std::string& path, F&& f) {
  try {
    return naming(path, f);
  } catch (const std::bad_alloc&) {
    throw LimitError(path + ": takes more memory than there is");
  }
}

/// A JSON object of numbers by name; NaN and infinities as Python writes them.
std::string json_of(const callbacks::Logs& values);
std::string json_number(double value);

}  // namespace nyala::cli
