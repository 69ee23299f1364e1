// Bytes as one array of NumPy, and as an archive of arrays.
#include <nyala/models/saving/npz.hpp>

#include "fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nyala;
  const fuzz::InputFile input(data, size);
  fuzz::run([&] { (void)saving::load_npy(input.path(), fuzz::kLimits); });
  fuzz::run([&] { (void)saving::load_npz(input.path(), fuzz::kLimits); });
  return 0;
}
