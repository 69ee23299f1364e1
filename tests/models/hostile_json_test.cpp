// Model files as an attacker writes them: each is refused by one clear line, and nothing else
// leaves.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include <nyala/core/config.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/nyala.hpp>

#include "test_data.hpp"

using namespace nyala;

namespace {

// What loading says; empty when it loads.
std::string refusal(const std::string& json) {
  saving::Limits limits;
  limits.memory = std::uint64_t{64} << 20;
  try {
    const Model model = model_from_json(json, limits);
    (void)model.to_json();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// Changes a configuration as somebody would who knows its form.
class Mutator {
 public:
  explicit Mutator(unsigned seed) : random_(seed) {}

  Config change(const Config& config) {
    Config changed = config;
    for (int i = pick(3); i >= 0; --i) {
      std::vector<Config*> all;
      collect(changed, all);
      mutate(*all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))], changed);
    }
    return changed;
  }

 private:
  int pick(int count) {
    return static_cast<int>(random_() % static_cast<std::uint_fast32_t>(count));
  }
  static void collect(Config& config, std::vector<Config*>& all) {
    all.push_back(&config);
    if (config.is_list()) {
      for (Config& item : config.as_list()) collect(item, all);
    } else if (config.is_dict()) {
      for (auto& entry : config.as_dict()) collect(entry.second, all);
    }
  }
  Config value() {
    static const std::vector<std::string> texts = {"",
                                                   "linear",
                                                   "float32",
                                                   "float16",
                                                   "Dense",
                                                   "x",
                                                   "zeros",
                                                   "__symbol__",
                                                   "\n\x1b",
                                                   "a/b",
                                                   "softmax",
                                                   "channels_first"};
    static const std::vector<std::int64_t> numbers = {0,
                                                      1,
                                                      -1,
                                                      2,
                                                      7,
                                                      127,
                                                      65536,
                                                      2147483647,
                                                      2147483648,
                                                      4294967296,
                                                      -2147483648,
                                                      9223372036854775807,
                                                      -9223372036854775807 - 1,
                                                      1099511627776};
    switch (pick(8)) {
      case 0: return {};
      case 1: return pick(2) == 0;
      case 2: return static_cast<double>(numbers[static_cast<std::size_t>(pick(14))]) * 0.75;
      case 3: return texts[static_cast<std::size_t>(pick(12))];
      case 4: {
        Config list = Config::list();
        for (int i = pick(4); i > 0; --i) list.push_back(value());
        return list;
      }
      case 5: {
        static const std::vector<const char*> names = {
            "__keras_tensor__", "__slice__", "__ellipsis__", "__tensor__", "__tuple__", "Dense"};
        Config dict = Config::dict();
        dict["class_name"] = names[static_cast<std::size_t>(pick(6))];
        dict["config"] = Config::dict();
        if (pick(2) == 0) dict["__symbol__"] = numbers[static_cast<std::size_t>(pick(14))];
        return dict;
      }
      default: return numbers[static_cast<std::size_t>(pick(14))];
    }
  }
  void mutate(Config& at, const Config& whole) {
    switch (pick(5)) {
      case 0:
        if (at.is_dict() && at.size() > 0) {
          auto& entries = at.as_dict();
          const auto entry = entries.begin() + pick(static_cast<int>(entries.size()));
          at.erase(std::string(entry->first));
          return;
        }
        break;
      case 1:
        if (at.is_list() && at.size() > 0) {
          auto& items = at.as_list();
          const Config again =
              items[static_cast<std::size_t>(pick(static_cast<int>(items.size())))];
          items.push_back(again);
          return;
        }
        break;
      case 2: {  // another part of the same file
        Config copy = whole;
        std::vector<Config*> all;
        collect(copy, all);
        const Config other = *all[static_cast<std::size_t>(pick(static_cast<int>(all.size())))];
        at = other;
        return;
      }
      default: break;
    }
    at = value();
  }

  std::mt19937 random_;
};

std::vector<std::string> seeds() {
  std::vector<std::string> all;
  Symbol a = Input({.shape = {4, 3}, .name = "a"}), b = Input({.shape = {3}, .name = "b"});
  Symbol h = layers::LayerNormalization()(layers::ZeroPadding1D()(layers::Dense({.units = 3})(a)));
  Symbol m = layers::GroupNormalization({.groups = 3})(layers::Cropping1D()(h));
  Symbol dot = layers::Dot({.axes = {2, 1}})({m, b});
  Symbol y = layers::Dense({.units = 2, .activation = "softmax"})(
      layers::Dropout({.rate = 0.5})(dot + layers::Flatten()(ops::sum(m, {.axis = {2}})) * 2));
  Model model({a, b}, y);
  model.compile({.loss = losses::CategoricalCrossentropy()});
  all.push_back(model.to_json());
  Sequential stack({Input({.shape = {6}}),
                    layers::Reshape({.target_shape = {2, 3}}),
                    layers::BatchNormalization(),
                    layers::UpSampling1D(),
                    layers::Permute({.dims = {2, 1}}),
                    layers::PReLU(),
                    layers::Flatten(),
                    layers::RepeatVector({.n = 2}),
                    layers::EinsumDense({.equation = "abc,cd->abd", .output_shape = {None, 4}})});
  all.push_back(stack.to_json());
  for (const char* name : {"hostile_symbol", "slice_min", "gn0", "reshape_over"})
    all.push_back(saving::read_text(test_data(std::string("models/hostile/") + name + ".json")));
  return all;
}

}  // namespace

TEST_CASE("hostile model files are refused by one line") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(test_data("models/hostile"))) {
    const std::string name = entry.path().filename().string();
    CAPTURE(name);
    const std::string text = refusal(saving::read_text(entry.path().string()));
    CAPTURE(text);
    // These two mean something that is just very large, or cut to what there is.
    if (name != "zpad.json" && name != "slice_min.json") CHECK(text != "");
    CHECK(text.size() < 1000);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(text.find('\x1b') == std::string::npos);
    ++count;
  }
  CHECK(count >= 11);
}

TEST_CASE("a padding of 68 GB is refused when it is computed, before memory is taken") {
  const Model model = model_from_json(saving::read_text(test_data("models/hostile/zpad.json")));
  CHECK_THROWS_AS(model.predict(ops::ones({1, 3, 4}), {.verbose = 0}), LimitError);
}

TEST_CASE("an activation that is unknown is named without its control characters") {
  const std::string text = refusal(saving::read_text(test_data("models/hostile/ctrl.json")));
  CHECK(text.find("\\x1b[31mFAKE") != std::string::npos);
}

// NYALA_FUZZ_RUNS asks for more of them: an hour by hand.
TEST_CASE("changed model files load or are refused, and nothing else") {
  const char* asked = std::getenv("NYALA_FUZZ_RUNS");
  const int runs = asked == nullptr ? 1500 : std::atoi(asked);
  std::vector<Config> configs;
  for (const std::string& json : seeds()) configs.push_back(saving::parse_json(json, {}));
  int loaded = 0;
  for (int i = 0; i < runs; ++i) {
    Mutator mutator(static_cast<unsigned>(i));
    const Config changed = mutator.change(configs[static_cast<std::size_t>(i) % configs.size()]);
    const std::string json = changed.str();
    CAPTURE(i);
    CAPTURE(json);
    std::string text;
    CHECK_NOTHROW(text = refusal(json));
    CHECK(text.find('\n') == std::string::npos);
    loaded += text.empty();
  }
  CHECK(loaded > runs / 50);
}
