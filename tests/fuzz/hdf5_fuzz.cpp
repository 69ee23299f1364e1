// Bytes as an HDF5 file: every object and attribute is read.
#include <cstring>
#include <vector>

#include <hdf5_walk.hpp>

#include "fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nyala;
  fuzz::run([&] {
    std::vector<std::byte> bytes(size);
    if (size > 0) std::memcpy(bytes.data(), data, size);
    const saving::hdf5::File file(std::move(bytes), "input", fuzz::kLimits);
    saving::NamedTensors all;
    nyala::testing::walk(file.root(), all);
  });
  return 0;
}
