// Every op with every dtype, whatever it takes: it computes or throws TypeError, and touches no
// memory that is not its own (the sanitizers look on).
#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>

using namespace nyala;

namespace {

Tensor ones_of(const Shape& shape, DType dtype) {
  if (!is_half(dtype)) return ops::ones(shape, {.dtype = dtype});
  // Bits of 1 in both: nothing casts to them.
  Tensor x = Tensor::empty(shape, dtype);
  auto* bits = static_cast<std::uint16_t*>(x.mutable_data());
  for (std::int64_t i = 0; i < x.size(); ++i) bits[i] = dtype == float16 ? 0x3c00 : 0x3f80;
  return x;
}

}  // namespace

TEST_CASE("an op computes in a dtype or refuses it") {
  int computed = 0, refused = 0;
  for (const OpDef* def : all_ops()) {
    CAPTURE(def->name);
    for (const Sample& sample : def->samples()) {
      for (DType dtype : {bool_, uint8, int32, int64, float16, bfloat16, float32, float64}) {
        CAPTURE(dtype);
        std::vector<Tensor> inputs;
        for (const SampleInput& input : sample.inputs)
          inputs.push_back(ones_of(input.shape, dtype));
        try {
          for (const Tensor& output : run_any(sample.op, inputs)) CHECK(output.defined());
          CHECK((!is_half(dtype) || def->aliases || inputs.empty()));
          ++computed;
        } catch (const TypeError& error) {
          ++refused;
          if (is_half(dtype)) {
            const std::string text = error.what();
            CHECK(text.find(def->name) != std::string::npos);
          }
        } catch (const Error&) {
          // Ones are no class numbers, indices or sizes of everything.
          CHECK(!is_half(dtype));
        }
      }
    }
  }
  CHECK(computed > 1000);
  CHECK(refused > 500);
}

TEST_CASE("an update of halves leaves memory alone") {
  const Tensor x = ones_of({1024}, float16);
  CHECK_THROWS_AS(ops::lerp(x, x, 0.5), TypeError);
}
