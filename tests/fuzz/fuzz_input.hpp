#pragma once
/// What the programs of this folder share: input as a file, and what may come of reading it.
#include <sys/mman.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/limits.hpp>

namespace nyala::fuzz {

inline constexpr saving::Limits kLimits{.memory = std::uint64_t{64} << 20};

/// Bytes as a file in memory, gone afterwards.
class InputFile {
 public:
  InputFile(const std::uint8_t* data, std::size_t size) : file_(::memfd_create("input", 0)) {
    if (file_ < 0 || ::write(file_, data, size) != static_cast<ssize_t>(size)) std::abort();
    path_ = "/proc/self/fd/" + std::to_string(file_);
  }
  ~InputFile() { ::close(file_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  const std::string& path() const { return path_; }

 private:
  int file_;
  std::string path_;
};

/// Runs `f`, which may refuse its input by an Error of one line and by nothing else.
template <class F>
void run(F&& f) {
  try {
    std::forward<F>(f)();
  } catch (const Error& error) {
    if (std::string(error.what()).find('\n') != std::string::npos) std::abort();
  }
}

}  // namespace nyala::fuzz
