// From the start of the process to the first prediction: `nyala_startup FOLDER` reads the
// architecture from model.json and the weights from weights.npz, predicts one row and prints the
// first score and the peak memory in MiB. `--prepare FOLDER` writes the files.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <nyala/nyala.hpp>

using namespace nyala;

namespace {

void prepare(const std::string& folder) {
  std::filesystem::create_directories(folder);
  set_random_seed(1);
  Sequential model({Input({.shape = {784}}),
                    layers::Dense({.units = 128, .activation = "relu"}),
                    layers::Dense({.units = 10, .activation = "softmax"})});
  std::ofstream(folder + "/model.json") << model.to_json();
  saving::NamedTensors weights;
  for (const Tensor& weight : model.get_weights())
    weights.emplace_back("w" + std::to_string(weights.size()), weight);
  saving::save_npz(folder + "/weights.npz", weights);
}

double peak_mib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib / 1024;
  }
  return 0;
}

void predict(const std::string& folder) {
  std::ostringstream text;
  text << std::ifstream(folder + "/model.json").rdbuf();
  const Model model = model_from_json(text.str());
  std::vector<Tensor> weights;
  for (const auto& [name, value] : saving::load_npz(folder + "/weights.npz"))
    weights.push_back(value);
  model.set_weights(weights);
  const Tensor scores = model.predict_on_batch(ops::zeros({1, 784}));
  std::cout << scores.to_vector<float>()[0] << ' ' << peak_mib() << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "--prepare")
    prepare(argv[2]);
  else if (argc == 2)
    predict(argv[1]);
  else
    return 2;
  return 0;
}
