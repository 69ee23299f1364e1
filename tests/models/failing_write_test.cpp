// Saving with each call of the system failing in turn, and with a disk that is full at each size:
// an error, no new file, and the old one as it was.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cerrno>
#include <csignal>
#include <string>
#include <vector>

#include <nyala/models/saving/file.hpp>
#include <nyala/nyala.hpp>

#include "folder.hpp"

using namespace nyala;
using testing::Folder;
using testing::read_bytes;

namespace {

int g_calls = 0;
int g_failing = 0;
std::string g_call;

int fail_one(const char* call) {
  if (++g_calls != g_failing) return 0;
  g_call = call;
  return EIO;
}

// Makes call number `failing` fail while it lives.
struct Fault {
  explicit Fault(int failing) {
    g_calls = 0;
    g_failing = failing;
    g_call.clear();
    saving::write_fault = fail_one;
  }
  ~Fault() { saving::write_fault = nullptr; }
};

// No file may grow beyond so many bytes while it lives.
struct FullDisk {
  explicit FullDisk(rlim_t bytes) {
    getrlimit(RLIMIT_FSIZE, &before);
    handler = std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{bytes, before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
  }
  rlimit before{};
  void (*handler)(int) = nullptr;
};

Sequential model() {
  const Sequential model({Input({.shape = {3}}), layers::Dense({.units = 4})});
  model.compile({.optimizer = "adam", .loss = "mse"});
  return model;
}

void save(const Model& model, const std::string& path) {
  const bool whole = path.ends_with(".keras") || path.ends_with("m.h5");
  if (whole)
    model.save(path);
  else
    model.save_weights(path);
}

constexpr const char* kNames[] = {"m.keras", "m.h5", "m.weights.h5", "m.npz", "m.safetensors"};

}  // namespace

TEST_CASE("saving: every call that fails leaves the old file") {
  for (const char* name : kNames) {
    CAPTURE(name);
    const Folder folder;
    const std::string path = folder / name;
    const std::string old = "what stood here before";
    int failures = 0;
    for (int failing = 1;; ++failing) {
      testing::write_bytes(path, old);
      const Fault fault(failing);
      std::vector<std::string> warnings;
      set_log_sink([&](LogLevel, std::string_view text) { warnings.emplace_back(text); });
      bool failed = false;
      try {
        save(model(), path);
      } catch (const IoError& error) {
        failed = true;
        CHECK(std::string(error.what()).find(name) != std::string::npos);
        CHECK(std::string(error.what()).find("Input/output error") != std::string::npos);
      }
      set_log_sink({});
      CAPTURE(g_call);
      if (g_call.empty()) break;  // all calls have had their turn
      ++failures;
      // Behind the rename the new file stands.
      CHECK(failed == (g_call != "fsync folder"));
      CHECK((read_bytes(path) == old) == failed);
      CHECK(warnings.empty() == failed);
      CHECK(folder.files() == 1);
    }
    CHECK(failures >= 5);
    CHECK(read_bytes(path) != old);
  }
}

TEST_CASE("saving: a full disk leaves the old file") {
  for (const char* name : kNames) {
    CAPTURE(name);
    const Folder folder;
    const std::string path = folder / name;
    save(model(), path);
    const std::size_t size = read_bytes(path).size();
    const std::string old = "what stood here before";
    for (const std::size_t most : {std::size_t{0}, std::size_t{1}, size / 2, size - 1}) {
      CAPTURE(most);
      testing::write_bytes(path, old);
      {
        const FullDisk full(most);
        CHECK_THROWS_AS(save(model(), path), IoError);
      }
      CHECK(read_bytes(path) == old);
      CHECK(folder.files() == 1);
    }
  }
}
