// Model files that people published: each is read and predicts as Keras does, or is refused for a
// reason. Needs the folder "corpus" of shared_data().
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include <nyala/models/saving/hdf5/reader.hpp>
#include <nyala/nyala.hpp>

#include "conformance/golden.hpp"
#include "shared_data.hpp"

namespace fs = std::filesystem;
using namespace nyala;

namespace {

// Inputs of the order of 1 through some ten layers in float32.
constexpr conformance::Tolerance kTolerance{1e-4, 1e-5};

std::vector<fs::path> files() {
  std::vector<fs::path> paths;
  const fs::path folder = shared_data("corpus");
  if (!fs::exists(folder)) return paths;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string ending = entry.path().extension().string();
    if (ending == ".keras" || ending == ".h5" || ending == ".hdf5") paths.push_back(entry.path());
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

std::vector<Tensor> numbered(const saving::NamedTensors& named, const std::string& prefix) {
  std::vector<Tensor> tensors;
  for (;;) {
    const std::string name = prefix + std::to_string(tensors.size());
    const auto found = std::find_if(
        named.begin(), named.end(), [&](const auto& entry) { return entry.first == name; });
    if (found == named.end()) return tensors;
    tensors.push_back(found->second);
  }
}

std::vector<Tensor> datasets(const saving::hdf5::Object& group) {
  std::vector<Tensor> tensors;
  for (const std::string& name : group.names()) tensors.push_back(group.at(name).read());
  return tensors;
}

std::string compare(const Model& model,
                    const std::vector<Tensor>& inputs,
                    const std::vector<Tensor>& wanted) {
  const Outputs outputs = model.predict_all(inputs, {.verbose = 0});
  if (outputs.size() != wanted.size()) return "another number of outputs";
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const std::string why = conformance::difference(outputs[i], wanted[i], kTolerance);
    if (!why.empty()) return "output " + std::to_string(i) + ": " + why;
  }
  return {};
}

// What Keras predicted: recorded beside the corpus, or by those who published the file.
std::string compare_all(const Model& model, const fs::path& path, int& compared) {
  const fs::path expected = path.parent_path() / "expected" / (path.filename().string() + ".npz");
  if (fs::exists(expected)) {
    const saving::NamedTensors named = saving::load_npz(expected.string());
    ++compared;
    const std::string why = compare(model, numbered(named, "in_"), numbered(named, "out_"));
    if (!why.empty()) return why;
  }
  const std::string name = path.string();
  const std::string model_ending = "_model.h5";
  if (!name.ends_with(model_ending)) return {};
  const std::string arrays =
      name.substr(0, name.size() - model_ending.size()) + "_inputs_and_outputs.h5";
  if (!fs::exists(arrays)) return {};
  const saving::hdf5::File file(arrays);
  ++compared;
  return compare(
      model, datasets(file.root().at("inputs")), datasets(file.root().at("predictions")));
}

bool is_reason(const std::string& message) {
  for (const char* reason : {"unknown layer classes: ",
                             "holds weights without a model",
                             "without a model_config",
                             "Lambda",
                             "is not supported"}) {
    if (message.find(reason) != std::string::npos) return true;
  }
  return false;
}

}  // namespace

TEST_CASE("corpus: published files load and predict as in Keras, or are refused with a reason") {
  int loaded = 0;
  int compared = 0;
  int refused = 0;
  int compiled = 0;
  for (const fs::path& path : files()) {
    const std::string name = path.filename().string();
    CAPTURE(name);
    try {
      const Model model = load_model(path.string(), {.compile = false});
      ++loaded;
      const std::string why = compare_all(model, path, compared);
      CHECK(why == "");
      if (!why.empty()) std::cout << "corpus: WRONG " << name << ": " << why << '\n';
      // With the settings of compile, where Nyala has what they name.
      try {
        compiled += load_model(path.string()).base().trainer().compiled();
      } catch (const ValueError& error) {
        std::cout << "corpus: not compiled " << name << ": " << error.what() << '\n';
      }
    } catch (const Error& error) {
      ++refused;
      const std::string message = error.what();
      CHECK_MESSAGE(is_reason(message), message);
      std::cout << "corpus: refused " << message.substr(message.rfind('/') + 1) << '\n';
    }
  }
  if (loaded + refused > 0)
    std::cout << "corpus: " << loaded << " loaded, " << compared << " predictions compared, "
              << compiled << " compiled, " << refused << " refused\n";
}
