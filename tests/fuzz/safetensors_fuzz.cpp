// Bytes as a safetensors file.
#include <nyala/models/saving/safetensors.hpp>

#include "fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nyala;
  const fuzz::InputFile input(data, size);
  fuzz::run([&] { (void)saving::load_safetensors(input.path(), fuzz::kLimits); });
  return 0;
}
