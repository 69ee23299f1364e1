// A model's architecture as Keras's own JSON, its weights as NumPy's npz, and both back again.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include <nyala/nyala.hpp>

using namespace nyala;

int main() {
  set_random_seed(8);
  const Symbol left = Input({.shape = {4}, .name = "left"});
  const Symbol right = Input({.shape = {4}, .name = "right"});
  const layers::Dense tower({.units = 8, .activation = "relu", .name = "tower"});
  const Symbol match =
      layers::Dot({.axes = 1, .normalize = true, .name = "match"})({tower(left), tower(right)});
  Model model({left, right}, match, {.name = "matcher"});
  model.compile({.optimizer = "adam", .loss = "mse"});
  const Tensor a = random::normal({64, 4});
  const Tensor b = random::normal({64, 4});
  model.fit({a, b},
            ops::sign(ops::sum(a * b, {.axis = 1, .keepdims = true})),
            {.epochs = 5, .verbose = 2});

  const std::filesystem::path folder =
      std::filesystem::temp_directory_path() / "nyala_save_and_load";
  std::filesystem::create_directories(folder);
  const std::string json_file = (folder / "matcher.json").string();
  const std::string weights_file = (folder / "matcher.npz").string();
  std::ofstream(json_file) << model.to_json();
  saving::NamedTensors weights;
  for (const Tensor& weight : model.get_weights())
    weights.emplace_back(std::to_string(weights.size()), weight);
  saving::save_npz(weights_file, weights);
  std::cout << "wrote " << json_file << " and " << weights_file << '\n';

  std::ostringstream text;
  text << std::ifstream(json_file).rdbuf();
  Model twin = model_from_json(text.str());
  std::vector<Tensor> values;
  for (const auto& [name, value] : saving::load_npz(weights_file)) values.push_back(value);
  twin.set_weights(values);
  twin.summary(std::cout);

  const bool equal =
      ops::array_equal(model.predict({a, b}, {.verbose = 0}), twin.predict({a, b}, {.verbose = 0}));
  std::cout << (equal ? "the model built again predicts the same\n" : "the predictions DIFFER\n");
  std::filesystem::remove_all(folder);
  return equal ? 0 : 1;
}
