#pragma once
// Runs the program `nyala` and keeps what it says.
#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <nyala/models/model.hpp>

#include "folder.hpp"

namespace nyala::testing {

struct Run {
  int status = -1;  // exit status; -1 when a signal ended it
  std::string out;
  std::string err;
};

struct RunArgs {
  // Where its standard output goes; kept when empty, closed when "closed".
  std::string out_file = {};
  // Closes the reading end of its standard output before it begins.
  bool broken_pipe = false;
  // Kills it then.
  std::optional<std::chrono::milliseconds> kill_after = {};
};

Run run(const std::vector<std::string>& arguments, const RunArgs& args = {});

// Two inputs "left" and "right", outputs "near" and "far", compiled; and data for it.
Model small_model();
void save_data(const std::string& path, std::int64_t samples = 40);

}  // namespace nyala::testing
