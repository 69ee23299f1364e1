// Runs a program of this folder without libFuzzer: on every file of its corpora, then on so many
// changed ones. The changes are the same each time.
//
// usage: PROGRAM COUNT FILE_OR_FOLDER...
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

namespace fs = std::filesystem;
using Input = std::vector<std::uint8_t>;

constexpr std::size_t kMost = 65536;  // bytes of an input, as libFuzzer's -max_len

Input read(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<Input> read_corpus(const std::vector<fs::path>& places) {
  std::vector<fs::path> paths;
  for (const fs::path& place : places) {
    if (!fs::is_directory(place)) {
      paths.push_back(place);
      continue;
    }
    for (const auto& entry : fs::recursive_directory_iterator(place)) {
      if (entry.is_regular_file() && entry.file_size() <= kMost) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Input> corpus;
  for (const fs::path& path : paths) corpus.push_back(read(path));
  return corpus;
}

class Changer {
 public:
  explicit Changer(const std::vector<Input>& corpus) : corpus_(corpus) {}

  Input next() {
    Input input = corpus_[below(corpus_.size())];
    for (std::size_t left = 1 + below(4); left > 0; --left) change(input);
    input.resize(std::min(input.size(), kMost));
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(random_() % bound); }

  void change(Input& input) {
    if (input.empty()) return input.push_back(static_cast<std::uint8_t>(below(256)));
    const std::size_t at = below(input.size());
    const std::size_t count = std::min(input.size() - at, 1 + below(32));
    const auto begin = input.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = begin + static_cast<std::ptrdiff_t>(count);
    switch (below(7)) {
      case 0: *begin = static_cast<std::uint8_t>(*begin ^ 1u << below(8)); break;
      case 1: *begin = static_cast<std::uint8_t>(below(256)); break;
      case 2: put_number(input, at); break;
      case 3: input.erase(begin, end); break;
      case 4: {
        const Input part(begin, end);
        const std::size_t to = below(input.size() + 1);
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(to), part.begin(), part.end());
        break;
      }
      case 5: input.resize(at); break;
      default: {
        const Input& other = corpus_[below(corpus_.size())];
        for (std::size_t i = at; i < at + count && i < other.size(); ++i) input[i] = other[i];
      }
    }
  }

  // Where lengths, counts and places stand, those near an end are the worst.
  void put_number(Input& input, std::size_t at) {
    static constexpr std::uint64_t kNumbers[] = {0,
                                                 1,
                                                 0x7f,
                                                 0x80,
                                                 0xff,
                                                 0x7fff,
                                                 0xffff,
                                                 0x7fffffff,
                                                 0x80000000,
                                                 ~std::uint64_t{0},
                                                 1u << 30};
    std::uint64_t number = kNumbers[below(std::size(kNumbers))];
    const std::size_t width = std::size_t{1} << below(4);
    for (std::size_t i = at; i < std::min(input.size(), at + width); ++i, number >>= 8)
      input[i] = static_cast<std::uint8_t>(number);
  }

  const std::vector<Input>& corpus_;
  std::mt19937_64 random_{1};
};

}  // namespace

int main(int argc, char** argv) {
  const std::vector<fs::path> places(argv + std::min(argc, 2), argv + argc);
  const std::vector<Input> corpus = read_corpus(places);
  if (argc < 3 || corpus.empty()) {
    std::fprintf(stderr, "usage: %s COUNT FILE_OR_FOLDER..., with a file in them\n", argv[0]);
    return 2;
  }
  for (const Input& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  Changer changer(corpus);
  const long count = std::strtol(argv[1], nullptr, 10);
  for (long i = 0; i < count; ++i) {
    const Input input = changer.next();
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu files and %ld changed ones\n", corpus.size(), count);
}
