// Bytes as a zip archive: every member is read in each way.
#include <algorithm>
#include <vector>

#include <nyala/models/saving/zip.hpp>

#include "fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nyala;
  const fuzz::InputFile input(data, size);
  fuzz::run([&] {
    const saving::ZipReader archive(input.path(), fuzz::kLimits);
    for (const std::string& name : archive.names()) {
      fuzz::run([&] {
        const auto stored = archive.stored(name);
        const auto source = archive.open(name);
        std::vector<std::byte> bytes(source->remaining());
        source->read(bytes.data(), bytes.size());
        // What stands in the file is what is read from it.
        if (stored &&
            !std::equal(bytes.begin(), bytes.end(), stored->bytes.begin(), stored->bytes.end()))
          std::abort();
      });
    }
  });
  return 0;
}
