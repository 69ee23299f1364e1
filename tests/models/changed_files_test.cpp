// Model files changed by somebody who knows their form: they load or are refused by a typed error
// of one line, and nothing else. NYALA_FUZZ_RUNS asks for more of them.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/zip.hpp>
#include <nyala/nyala.hpp>

#include "folder.hpp"

using namespace nyala;
using testing::Folder;
using testing::read_bytes;
using testing::write_bytes;

namespace {

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::size_t below(std::size_t count) { return engine_() % std::max<std::size_t>(count, 1); }
  bool chance(int one_in) { return below(static_cast<std::size_t>(one_in)) == 0; }

 private:
  std::mt19937 engine_;
};

Model small_model() {
  Symbol x = Input({.shape = {3}, .name = "x"});
  Sequential inner({Input({.shape = {4}}), layers::Dense({.units = 2})}, {.name = "inner"});
  const Model model(x, inner(layers::BatchNormalization()(layers::Dense({.units = 4})(x))));
  model.compile({.optimizer = "adam", .loss = "mse"});
  model.train_on_batch(ops::ones({2, 3}), ops::ones({2, 2}));
  return model;
}

// Extreme values for a few numbers and texts, wherever they stand.
void change(Config& config, Random& random, int& left) {
  if (left == 0) return;
  if (config.is_list()) {
    for (Config& item : config.as_list()) change(item, random, left);
    if (random.chance(40) && !config.as_list().empty()) config.as_list().pop_back(), --left;
  } else if (config.is_dict()) {
    for (auto& entry : config.as_dict()) change(entry.second, random, left);
    if (random.chance(60) && !config.as_dict().empty()) config.as_dict().pop_back(), --left;
  } else if (random.chance(12)) {
    static const Config kValues[] = {Config(),
                                     Config(-1),
                                     Config(0),
                                     Config(std::int64_t{1} << 62),
                                     Config(1e300),
                                     Config(true),
                                     Config(""),
                                     Config("dense"),
                                     Config(std::string("a\0b/..", 6)),
                                     Config(Config::List{}),
                                     Config::dict()};
    config = kValues[random.below(std::size(kValues))];
    --left;
  }
}

// Bytes with meaning stand in front in HDF5, behind in an archive.
void damage(std::string& bytes, std::size_t front, Random& random) {
  static const unsigned char kBytes[] = {0, 1, 0x7f, 0x80, 0xff, 'P', 8};
  for (std::size_t i = 1 + random.below(4); i > 0 && !bytes.empty(); --i) {
    const std::size_t reach = std::min(bytes.size(), front);
    const std::size_t at = random.chance(4) ? random.below(bytes.size()) : random.below(reach);
    if (random.chance(6))
      bytes.resize(at);
    else
      bytes[at] = static_cast<char>(random.chance(2) ? kBytes[random.below(std::size(kBytes))]
                                                     : random.below(256));
  }
}

saving::Pieces pieces(const std::string& text) {
  const auto bytes = std::as_bytes(std::span(text));
  return saving::Pieces({bytes.begin(), bytes.end()});
}

// An archive with sound checksums around members that are not.
void change_archive(const std::string& from, const std::string& to, Random& random) {
  const saving::ZipReader archive(from);
  saving::ZipWriter writer(to);
  for (const std::string& name : archive.names()) {
    if (random.chance(30)) continue;
    std::string text = archive.text(name);
    if (name == "config.json" && random.chance(2)) {
      Config config = saving::parse_json(text);
      int left = 1 + static_cast<int>(random.below(3));
      change(config, random, left);
      text = saving::to_json_text(config);
    } else if (name == "model.weights.h5" && random.chance(2)) {
      damage(text, 6000, random);
    }
    writer.add({random.chance(60) ? name + "x" : name, pieces(text)});
  }
  writer.add({"extra", pieces("x")});
  writer.commit();
}

void change_file(const std::string& from, const std::string& to, Random& random) {
  if (from.ends_with(".keras") && !random.chance(4)) return change_archive(from, to, random);
  std::string bytes = read_bytes(from);
  const bool is_zip = from.ends_with(".keras") || from.ends_with(".npz");
  if (is_zip) std::reverse(bytes.begin(), bytes.end());
  damage(bytes, is_zip ? 400 : from.ends_with(".safetensors") ? 1500 : 12000, random);
  if (is_zip) std::reverse(bytes.begin(), bytes.end());
  write_bytes(to, bytes);
}

int runs() {
  const char* asked = std::getenv("NYALA_FUZZ_RUNS");
  return asked == nullptr ? 150 : std::atoi(asked);
}

}  // namespace

TEST_CASE("saving: changed files load or are refused by one line, and change nothing") {
  const Folder folder;
  const Model model = small_model();
  const Model target = small_model();
  model.save(folder / "m.keras");
  model.save(folder / "m.h5");
  for (const char* name : {"m.weights.h5", "m.npz", "m.safetensors"})
    model.save_weights(folder / name);
  set_log_sink([](LogLevel, std::string_view) {});
  saving::Limits limits;
  limits.memory = std::uint64_t{16} << 20;
  for (const char* name : {"m.keras", "m.h5", "m.weights.h5", "m.npz", "m.safetensors"}) {
    int loaded = 0;
    for (int run = 0; run < runs(); ++run) {
      CAPTURE(name);
      CAPTURE(run);
      Random random(static_cast<unsigned>(run));
      const std::string changed = folder / "changed";
      change_file(folder / name, changed, random);
      const std::vector<Tensor> before = target.get_weights();
      std::string text;
      try {
        const bool whole = std::string(name) == "m.keras" || std::string(name) == "m.h5";
        if (whole)
          load_model(changed, {.limits = limits});
        else
          target.load_weights(changed, {.limits = limits});
        ++loaded;
      } catch (const Error& error) {
        text = error.what();
        CHECK(text.find(changed) == 0);
        const std::vector<Tensor> after = target.get_weights();
        for (std::size_t i = 0; i < before.size(); ++i)
          CHECK(std::memcmp(before[i].data(), after[i].data(), before[i].nbytes()) == 0);
      }
      CHECK(text.find('\n') == std::string::npos);
      CHECK(text.size() < 4000);
    }
    // Enough get through to show that the changes are no mere noise.
    CHECK(loaded > runs() / 100);
    CHECK(loaded < runs());
  }
  set_log_sink({});
}
