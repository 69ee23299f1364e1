// Numbers of 16 bits, and casts between all dtypes: against NumPy and ml_dtypes
// (conformance/make_casts.py).
#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <nyala/core/ops.hpp>

#include "conformance/golden.hpp"
#include "test_data.hpp"

using namespace nyala;
using conformance::Json;

namespace {

const Json& recorded() {
  static const Json record = conformance::read_json(test_data("conformance/recorded/casts.json"));
  return record;
}

std::vector<double> numbers_of(const Json& texts) {
  std::vector<double> numbers;
  for (const Json& text : texts)
    numbers.push_back(std::strtod(text.get<std::string>().c_str(), nullptr));
  return numbers;
}

template <class T>
std::vector<T> words_of(const Json& text) {
  std::istringstream words(text.get<std::string>());
  std::vector<T> numbers;
  for (std::string word; words >> word;)
    numbers.push_back(word[0] == '-' ? static_cast<T>(std::stoll(word))
                                     : static_cast<T>(std::stoull(word)));
  return numbers;
}

template <class Half>
void check_bits(const Tensor& from, const Json& wanted) {
  const auto bits = words_of<std::uint16_t>(wanted);
  const auto halves = ops::cast(from, dtype_of<Half>).template to_vector<Half>();
  REQUIRE(halves.size() == bits.size());
  for (std::size_t i = 0; i < bits.size(); ++i) {
    CAPTURE(i);
    Half want;
    want.bits = bits[i];
    if (std::isnan(static_cast<float>(want)))
      CHECK(std::isnan(static_cast<float>(halves[i])));
    else
      CHECK(halves[i].bits == want.bits);
  }
}

// A number of 16 bits by its definition, for all 65536 of them.
template <class Half>
void check_values(int exponent_bits, int fraction_bits) {
  const int bias = (1 << (exponent_bits - 1)) - 1;
  for (int bits = 0; bits < 65536; ++bits) {
    Half half;
    half.bits = static_cast<std::uint16_t>(bits);
    const int exponent = bits >> fraction_bits & ((1 << exponent_bits) - 1);
    const int fraction = bits & ((1 << fraction_bits) - 1);
    const auto value = static_cast<double>(static_cast<float>(half));
    if (exponent == (1 << exponent_bits) - 1) {
      REQUIRE((fraction == 0 ? std::isinf(value) : std::isnan(value)));
    } else {
      const double magnitude = exponent == 0 ? std::ldexp(fraction, 1 - bias - fraction_bits)
                                             : std::ldexp((1 << fraction_bits) + fraction,
                                                          exponent - bias - fraction_bits);
      REQUIRE(value == (bits >> 15 != 0 ? -magnitude : magnitude));
    }
    REQUIRE(std::signbit(static_cast<float>(half)) == (bits >> 15 != 0));
    if (!std::isnan(value)) REQUIRE(Half(static_cast<float>(half)).bits == half.bits);
  }
}

}  // namespace

TEST_CASE("every number of 16 bits has its value and comes back from float32") {
  check_values<Float16>(5, 10);
  check_values<BFloat16>(8, 7);
}

TEST_CASE("casts to numbers of 16 bits round to the nearest, halves to even") {
  std::vector<float> singles;
  for (double number : numbers_of(recorded()["float32"]))
    singles.push_back(static_cast<float>(number));
  const Tensor x = Tensor::from(singles);
  check_bits<Float16>(x, recorded()["float32_to_float16"]);
  check_bits<BFloat16>(x, recorded()["float32_to_bfloat16"]);
  check_bits<Float16>(Tensor::from(numbers_of(recorded()["float64"])),
                      recorded()["float64_to_float16"]);
}

TEST_CASE("a cast of doubles to bfloat16 rounds once") {
  // Just beyond the middle of 1 and 1 + 2^-7: float32 would round it to the middle, and then down.
  CHECK(BFloat16(1 + 0x1p-8 + 0x1p-40).bits == 0x3f81);
  CHECK(BFloat16(1 + 0x1p-8).bits == 0x3f80);
  CHECK(BFloat16(1 + 0x1p-8 - 0x1p-40).bits == 0x3f80);
}

TEST_CASE("integers wrap in casts to others") {
  const Tensor x = Tensor::from(words_of<std::int64_t>(recorded()["int64"]));
  for (const auto& item : recorded()["wrapped"].items()) {
    const std::string& name = item.key();
    const auto& text = item.value();
    CAPTURE(name);
    const Tensor wrapped = ops::cast(x, std::string_view(name));
    CHECK(name_of(wrapped.dtype()) == name);
    visit_stored(wrapped.dtype(), [&]<class T>() {
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>)
        CHECK(wrapped.to_vector<T>() == words_of<T>(text));
    });
  }
}

TEST_CASE("every dtype casts to every other one") {
  for (const DType from : kDTypes) {
    for (const DType to : kDTypes) {
      const Tensor x = ops::cast(ops::cast(Tensor::from(std::vector<int>{0, 1}), from), to);
      CHECK(x.dtype() == to);
      CHECK(ops::cast(x, int32).to_vector<std::int32_t>() == std::vector<std::int32_t>{0, 1});
    }
  }
}

TEST_CASE("elements of all dtypes are moved as they are") {
  for (const DType dtype : kDTypes) {
    CAPTURE(dtype);
    const Tensor x = ops::cast(ops::reshape(ops::arange(12), {3, 4}), dtype);
    const Tensor moved = ops::concatenate({ops::flip(ops::transpose(x)), ops::transpose(x)}, {1});
    const Tensor padded =
        ops::pad(ops::take(moved, Tensor::from(std::vector<int>{2, 0}), {0}), {{0, 0}, {1, 0}});
    const Tensor chosen = ops::where(ops::ones(padded.shape(), {bool_}), padded, padded);
    CHECK(chosen.dtype() == dtype);
    const Tensor like = ops::cast(chosen, float64);
    const Tensor wide = ops::cast(ops::cast(x, dtype), float64);
    const Tensor want = ops::pad(
        ops::take(ops::concatenate({ops::flip(ops::transpose(wide)), ops::transpose(wide)}, {1}),
                  Tensor::from(std::vector<int>{2, 0}),
                  {0}),
        {{0, 0}, {1, 0}});
    CHECK(ops::array_equal(like, want));
  }
}

TEST_CASE("numbers of 16 bits are printed as NumPy prints them") {
  for (const Json& record : recorded()["printed"]) {
    const Tensor x = ops::cast(Tensor::from(numbers_of(record[0])), float16);
    CHECK(to_string(x) == record[1].get<std::string>());
  }
  CHECK(to_string(Tensor::scalar(0.1, float16)) == "0.1");
  CHECK(to_string(Tensor::scalar(1.0 / 3, bfloat16)) == "0.334");
  CHECK(to_string(Tensor::from(std::vector<std::int8_t>{-3, 65})) == "[-3 65]");
  CHECK(to_string(Tensor::scalar(200, uint16)) == "200");
}
