// Text as JSON: what is read is written as what is read again.
#include <nyala/models/saving/json_text.hpp>

#include "fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nyala;
  fuzz::run([&] {
    const Config config =
        saving::parse_json(std::string(reinterpret_cast<const char*>(data), size), fuzz::kLimits);
    const std::string text = saving::to_json_text(config);
    if (saving::to_json_text(saving::parse_json(text, fuzz::kLimits)) != text) std::abort();
  });
  return 0;
}
