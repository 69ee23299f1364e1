#pragma once
/// Data in files, as the commands find them: arrays by the names of inputs and outputs, or x0 x1
/// ..., y0 y1 ...; columns of tables.
#include <string>
#include <vector>

#include <nyala/models/model.hpp>
#include <nyala/models/saving/npz.hpp>

namespace nyala::cli {

struct DataArgs {
  std::string path;
  /// Columns of a .csv file that hold the targets.
  std::vector<std::string> targets = {};
};

/// Inputs, targets and sample weights of a .npz or .csv file. What it throws names the file.
Batch read_samples(const DataArgs& args, const Model& model);
/// Inputs alone; of a .npy file too, for a model with one.
Data read_inputs(const DataArgs& args, const Model& model);
/// Outputs under the names of the layers that make them; out0, out1, ... where these are not
/// unique.
saving::NamedTensors name_outputs(const Outputs& outputs);

}  // namespace nyala::cli
