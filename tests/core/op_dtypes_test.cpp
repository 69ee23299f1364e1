// Every op with every dtype, whatever it takes: it computes or throws TypeError, and touches no
// memory that is not its own (the sanitizers look on).
#include <doctest/doctest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/update.hpp>

using namespace nyala;

namespace {

std::vector<Tensor> ones_for(const Sample& sample, DType dtype) {
  std::vector<Tensor> inputs;
  for (const SampleInput& input : sample.inputs)
    inputs.push_back(ops::ones(input.shape, {.dtype = dtype}));
  return inputs;
}

// The specs that an op gives, empty where it refuses its inputs.
std::vector<Spec> specs_of(const Sample& sample, const std::vector<Tensor>& inputs) {
  std::vector<Spec> specs;
  try {
    for (const Tensor& output : run_any(sample.op, inputs)) specs.push_back(output.spec());
  } catch (const Error&) {
  }
  return specs;
}

}  // namespace

TEST_CASE("an op computes in a dtype or refuses it") {
  int computed = 0, refused = 0;
  for (const OpDef* def : all_ops()) {
    CAPTURE(def->name);
    for (const Sample& sample : samples_of(*def)) {
      for (const DType dtype : kDTypes) {
        CAPTURE(dtype);
        try {
          for (const Tensor& output : run_any(sample.op, ones_for(sample, dtype)))
            CHECK(output.defined());
          ++computed;
        } catch (const TypeError&) {
          ++refused;
        } catch (const Error&) {
          // Ones are no class numbers, indices or sizes of everything.
        }
      }
    }
  }
  CHECK(computed > 3000);
  CHECK(refused > 500);
}

TEST_CASE("an op without kernels for a dtype does as in the dtype that it is computed in") {
  int compared = 0;
  for (const OpDef* def : all_ops()) {
    CAPTURE(def->name);
    for (const Sample& sample : samples_of(*def)) {
      for (const DType dtype : kDTypes) {
        if (has_kernels(dtype) || sample.inputs.empty()) continue;
        CAPTURE(dtype);
        const auto narrow = specs_of(sample, ones_for(sample, dtype));
        const auto wide = specs_of(sample, ones_for(sample, computed_in(dtype)));
        if (narrow.empty()) continue;  // the op wants one dtype, as of a random state
        REQUIRE(narrow.size() == wide.size());
        for (std::size_t i = 0; i < narrow.size(); ++i) {
          CHECK(narrow[i].shape == wide[i].shape);
          const bool same = wide[i].dtype == computed_in(dtype);
          CHECK((narrow[i].dtype == wide[i].dtype || (same && narrow[i].dtype == dtype)));
          ++compared;
        }
      }
    }
  }
  CHECK(compared > 1000);
}

TEST_CASE("an update of halves rounds once") {
  const Tensor x = ops::full({1024}, 1, {.dtype = float16});
  const Tensor y = ops::full({1024}, 3, {.dtype = float16});
  const Tensor z = ops::lerp(x, y, 0.25);
  CHECK(z.dtype() == float16);
  CHECK(ops::all(ops::equal(z, 1.5)).item<bool>());
}

TEST_CASE("integers of all sizes wrap as they are stored") {
  const auto byte = [](int value) { return Tensor::scalar(value, int8); };
  CHECK((byte(127) + byte(1)).item<int>() == -128);
  CHECK(ops::abs(byte(-128)).item<int>() == -128);
  CHECK((byte(16) * byte(16)).item<int>() == 0);
  CHECK((Tensor::scalar(0, uint16) - 1).item<int>() == 65535);
  CHECK((Tensor::scalar(7, uint32) - 8).item<std::int64_t>() == 4294967295);
  const Tensor most = Tensor::scalar(std::numeric_limits<std::uint64_t>::max(), uint64);
  CHECK(most.item<std::uint64_t>() == std::numeric_limits<std::uint64_t>::max());
  CHECK((most + 1).item<std::uint64_t>() == 0);
  CHECK(ops::cast(most, float64).item<double>() == 18446744073709551616.0);
  CHECK(ops::cast(most, int64).item<std::int64_t>() == -1);
}

TEST_CASE("dtypes by name") {
  for (const DType dtype : kDTypes) CHECK(dtype_from_name(name_of(dtype)) == dtype);
  CHECK_THROWS_WITH_AS(dtype_from_name("float8"),
                       "dtype \"float8\" is unknown; the dtypes are bool, uint8, int8, uint16, "
                       "int16, uint32, int32, uint64, int64, float16, bfloat16, float32, float64",
                       TypeError);
  CHECK(dtype_of<Float16> == float16);
  CHECK(dtype_of<BFloat16> == bfloat16);
  CHECK(dtype_of<unsigned short> == uint16);
  CHECK(dtype_of<long> == dtype_of<long long>);
  CHECK(dtype_of<signed char> == int8);
}
