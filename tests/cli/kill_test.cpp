// Training that is killed at random moments and started again ends with the same bits.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <random>

#include <doctest/doctest.h>

#include <nyala/models/saving/saving.hpp>
#include <nyala/nyala.hpp>

#include "program.hpp"

using namespace nyala;
using namespace nyala::testing;
namespace fs = std::filesystem;

TEST_CASE("a training run that is killed goes on where it was") {
  // 50 and more by hand: NYALA_KILLS=50.
  const char* asked = std::getenv("NYALA_KILLS");
  const int wanted = asked == nullptr ? 4 : std::atoi(asked);
  const Folder folder;
  small_model().save(folder / "model.keras");
  save_data(folder / "data.npz", 2000);
  const auto command = [&](const std::string& out, bool batches) {
    std::vector<std::string> words{"train",
                                   folder / "model.keras",
                                   "--data",
                                   folder / "data.npz",
                                   "--epochs",
                                   "30",
                                   "--batch-size",
                                   "16",
                                   "--save",
                                   folder / out,
                                   "--history",
                                   folder / (out + ".json"),
                                   "--checkpoint",
                                   folder / "backup"};
    if (batches) {
      words.emplace_back("--checkpoint-batches");
      words.emplace_back("7");
    }
    return words;
  };
  const auto begin = std::chrono::steady_clock::now();
  const Run whole = run(command("whole.keras", false));
  INFO(whole.err);
  REQUIRE(whole.status == 0);
  CHECK(!fs::exists(folder / "backup"));
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  const Model model = load_model(folder / "whole.keras");
  const std::vector<Tensor> weights = model.get_weights();

  std::mt19937 random(11);
  std::uniform_int_distribution<int> moment(1, static_cast<int>(time.count()) * 2 / 3 + 1);
  int kills = 0;
  for (int round = 0; kills < wanted && round < 100 * wanted; ++round) {
    const bool batches = round % 2 == 0;
    bool killed = true;
    while (killed) {
      // After many kills the run is let go to its end.
      RunArgs args;
      if (kills < wanted) args.kill_after = std::chrono::milliseconds(moment(random));
      const Run result = run(command("out.keras", batches), args);
      killed = result.status == -1;
      kills += killed ? 1 : 0;
      INFO(result.err);
      CHECK((killed || result.status == 0));
    }
    const Model resumed = load_model(folder / "out.keras");
    const std::vector<Tensor> ours = resumed.get_weights();
    REQUIRE(ours.size() == weights.size());
    for (std::size_t i = 0; i < ours.size(); ++i)
      CHECK(std::memcmp(ours[i].data(), weights[i].data(), ours[i].nbytes()) == 0);
    CHECK(read_bytes(folder / "out.keras.json") == read_bytes(folder / "whole.keras.json"));
    const auto slots = resumed.optimizer().variables();
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const Tensor a = slots[i].value();
      const Tensor b = model.optimizer().variables()[i].value();
      CHECK(std::memcmp(a.data(), b.data(), a.nbytes()) == 0);
    }
    fs::remove(folder / "out.keras");
  }
  CHECK(kills >= wanted);
  MESSAGE(kills << " kills");
}
