// usage: conformance_export FOLDER
// Reads the recorded models, and writes each as Nyala's own JSON with weights, inputs and
// predictions, for keras_reads_ours.py to compare with real Keras.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <string>
#include <vector>

#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/json.hpp>
#include <nyala/models/saving/npz.hpp>
#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"

using namespace nyala;

namespace {

std::vector<Tensor> load_arrays(const std::string& path) {
  std::vector<Tensor> arrays;
  for (auto& [name, array] : saving::load_npz(path)) arrays.push_back(array);
  return arrays;
}

void save_numbered(const std::string& path, const std::vector<Tensor>& arrays) {
  saving::NamedTensors named;
  for (const Tensor& array : arrays) named.emplace_back(std::to_string(named.size()), array);
  saving::save_npz(path, named);
}

void export_model(const std::string& from, const std::string& to) {
  const Model model = model_from_json(saving::read_text(from + "/model.json"));
  model.set_weights(load_arrays(from + "/weights.npz"));
  const std::vector<Tensor> inputs = load_arrays(from + "/inputs.npz");
  std::filesystem::create_directories(to);
  saving::write_text(to + "/model.json", model.to_json());
  save_numbered(to + "/weights.npz", model.get_weights());
  save_numbered(to + "/inputs.npz", inputs);
  save_numbered(to + "/outputs.npz", model.call_all(inputs));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: conformance_export FOLDER\n", stderr);
    return 2;
  }
  int failed = 0;
  for (const std::string& folder : conformance::sample_folders()) {
    try {
      export_model(conformance::sample_folder(folder), std::string(argv[1]) + "/" + folder);
      std::printf("%s: written\n", folder.c_str());
    } catch (const std::exception& error) {
      std::printf("%s: %s\n", folder.c_str(), error.what());
      ++failed;
    }
  }
  return failed == 0 ? 0 : 1;
}
