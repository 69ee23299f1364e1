// Text as a model in JSON.
#include <nyala/nyala.hpp>

#include "fuzz_input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nyala;
  fuzz::run([&] {
    const Model model =
        model_from_json(std::string(reinterpret_cast<const char*>(data), size), fuzz::kLimits);
    (void)model_from_json(model.to_json(), fuzz::kLimits);
  });
  return 0;
}
