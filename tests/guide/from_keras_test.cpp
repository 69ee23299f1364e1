// The program of docs/from-keras.md. run_python.py made from_python.keras and from_python.npz.
#include <doctest/doctest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <nyala/models/saving/npz.hpp>
#include <nyala/nyala.hpp>

#include "test_data.hpp"

namespace fs = std::filesystem;

TEST_CASE("the page for Keras users: its program trains, saves, and takes up Python's model") {
  nyala::clear_session();
  nyala::set_random_seed(1);
  const fs::path before = fs::current_path();
  fs::current_path(NYALA_GUIDE_FOLDER);
  fs::copy_file(nyala::test_data("guide/from_python.keras"),
                "from_python.keras",
                fs::copy_options::overwrite_existing);
#include "from_keras.inc"
  CHECK(scores.shape() == Shape{64, 1});
  CHECK(losses.size() == 3);
  CHECK(losses.back() < losses.front());
  CHECK(mae == result["mae"]);
  CHECK(kernel.shape() == Shape{8, 4});
  // Four steps for each epoch of batches of 16, then one epoch of two batches of 32.
  CHECK(Tensor(again.optimizer().variables()[0]).item<int>() == 3 * 4 + 2);
  CHECK(Tensor(theirs.optimizer().variables()[0]).item<int>() == 3 * 4 + 2);

  const auto listed = saving::load_npz(nyala::test_data("guide/from_python.npz"));
  const std::map<std::string, Tensor> python(listed.begin(), listed.end());
  const Model fresh = load_model("from_python.keras");
  const Tensor got = fresh.predict({python.at("users"), python.at("items")});
  // Sums of eight products, rounded in another order.
  CHECK(ops::allclose(got, python.at("scores"), {.rtol = 1e-5, .atol = 1e-6}));
  fs::current_path(before);
}
