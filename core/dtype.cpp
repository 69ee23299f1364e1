#include <nyala/core/dtype.hpp>

#include <array>
#include <atomic>
#include <ostream>
#include <string>

#include <nyala/core/error.hpp>

namespace nyala {
namespace {

constexpr std::array<std::string_view, 8> kNames = {
    "bool", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64"};
std::atomic<DType> g_floatx{DType::float32};

}  // namespace

std::string_view name_of(DType dtype) { return kNames[static_cast<std::size_t>(dtype)]; }

DType dtype_from_name(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<DType>(i);
  }
  throw TypeError("dtype \"" + std::string(name.substr(0, 200)) +
                  "\" is unknown; the dtypes are bool, uint8, int32, int64, float32 and float64");
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

DType result_type(DType a, DType b) {
  // The enumerators stand in the order of promotion; the half floats meet in float32.
  if ((a == DType::float16 && b == DType::bfloat16) ||
      (a == DType::bfloat16 && b == DType::float16)) {
    return DType::float32;
  }
  return a < b ? b : a;
}

DType at_least_float(DType dtype) { return is_floating(dtype) ? dtype : floatx(); }

DType floatx() { return g_floatx.load(std::memory_order_relaxed); }

void set_floatx(DType dtype) {
  if (!is_floating(dtype)) {
    throw ValueError("set_floatx: received " + std::string(name_of(dtype)) +
                     ", expected a floating dtype");
  }
  g_floatx.store(dtype, std::memory_order_relaxed);
}

void throw_no_kernel(DType dtype) {
  throw TypeError("no kernel computes in " + std::string(name_of(dtype)));
}

}  // namespace nyala
