#include <nyala/core/dtype.hpp>

#include <atomic>
#include <ostream>
#include <string>

#include <nyala/core/error.hpp>

namespace nyala {
namespace {

std::atomic<DType> g_floatx{DType::float32};

}  // namespace

std::string_view name_of(DType dtype) { return traits_of(dtype).name; }

DType dtype_from_name(std::string_view name) {
  std::string known;
  for (const DType dtype : kDTypes) {
    if (name_of(dtype) == name) return dtype;
    known += (known.empty() ? "" : ", ") + std::string(name_of(dtype));
  }
  throw TypeError("dtype \"" + std::string(name.substr(0, 200)) + "\" is unknown; the dtypes are " +
                  known);
}

std::ostream& operator<<(std::ostream& out, DType dtype) { return out << name_of(dtype); }

namespace {

DType signed_of(std::size_t size) {
  for (const DType dtype : kDTypes) {
    if (traits_of(dtype).kind == DTypeKind::integer && size_of(dtype) == size) return dtype;
  }
  return floatx();  // no integer holds both
}

}  // namespace

DType result_type(DType a, DType b) {
  // TensorFlow, which Keras follows, has few ops of uint64: a result is never one.
  if (a == b) return a == DType::uint64 ? DType::uint32 : a;
  const DTypeTraits &x = traits_of(a), &y = traits_of(b);
  if (x.kind > y.kind) return result_type(b, a);
  // y is of the later kind: bool, unsigned, signed, floating.
  if (x.kind != y.kind) {
    const bool holds = x.kind == DTypeKind::boolean || y.kind == DTypeKind::floating;
    const DType wider = holds || y.size > x.size ? b : signed_of(2 * x.size);
    return wider == DType::uint64 ? DType::uint32 : wider;
  }
  if (x.size == y.size) return DType::float32;  // float16 and bfloat16
  const DType wider = x.size > y.size ? a : b;
  return wider == DType::uint64 ? DType::uint32 : wider;
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
