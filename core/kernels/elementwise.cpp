#include <nyala/core/kernels/elementwise.hpp>

#include <cmath>
#include <cstdlib>
#include <memory>
#include <string>

#include <nyala/core/kernels/driver.hpp>
#include <nyala/core/kernels/loops.hpp>

namespace nyala::kernels {
namespace {

template <class Op>
[[noreturn]] void refuse(Op op, DType dtype, bool floats) {
  throw TypeError(std::string(name_of(op)) + " takes " +
                  (floats ? "float32 or float64" : "bool or integers") + ", received " +
                  std::string(name_of(dtype)));
}

std::int64_t grain_of(Unary op) { return is_slow(op) ? kMathGrain : kCheapGrain; }
std::int64_t grain_of(Binary op) { return is_slow(op) ? kMathGrain : kCheapGrain; }

const std::byte* bytes(In x) { return static_cast<const std::byte*>(x.data); }

// Whether a large input runs across memory: it is read faster from a transposed copy.
template <std::size_t N>
bool runs_across(const Layout<N>& layout, std::size_t which) {
  constexpr std::int64_t large = 1 << 14;
  return layout.rank > 1 && std::abs(layout.back_stride(which)) > 1 && layout.size() >= large;
}

struct Contiguous {
  std::unique_ptr<std::byte[]> data;
  std::array<std::int64_t, kMaxRank> strides;

  Contiguous(DType dtype, std::span<const std::int64_t> shape, In x)
      : data(std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(product(shape)) *
                                                         size_of(dtype))),
        strides(contiguous_strides(shape)) {
    copy(dtype, shape, x, data.get());
  }
  In in() const { return {data.get(), strides.data()}; }
};

}  // namespace

UnaryLoop unary_loop(Unary op, DType dtype) {
  if (dtype == DType::float32 || dtype == DType::float64) {
    if (const UnaryLoop loop = vector_unary_loop(op, dtype)) return loop;
  }
  if (const UnaryLoop loop = scalar_unary_loop(op, dtype)) return loop;
  refuse(op, dtype, true);
}

BinaryLoops binary_loops(Binary op, DType dtype) {
  if (dtype == DType::float32 || dtype == DType::float64) {
    if (const BinaryLoops loops = vector_binary_loops(op, dtype); loops.both != nullptr)
      return loops;
  }
  if (const BinaryLoops loops = plain_binary_loops(op, dtype); loops.both != nullptr) return loops;
  if (const BinaryLoops loops = scalar_binary_loops(op, dtype); loops.both != nullptr) return loops;
  refuse(op, dtype, !is_floating(dtype));
}

void unary(Unary op, DType dtype, std::span<const std::int64_t> shape, In x, void* out) {
  const UnaryLoop loop = unary_loop(op, dtype);
  const std::int64_t size = product(shape);
  const std::int64_t grain = grain_of(op);
  if (size <= grain && is_contiguous(shape, x.strides)) {
    if (size > 0) loop(x.data, out, size);
    return;
  }
  if (size == 0) return;
  const Layout<1> layout(shape, {x.strides});
  if (runs_across(layout, 0)) {
    return unary(op, dtype, shape, Contiguous(dtype, shape, x).in(), out);
  }
  const Inputs<1> in{{bytes(x)}, {size_of(dtype)}, size_of(output_dtype(op, dtype))};
  const auto run = [&](const auto& from, void* to, std::int64_t n) { loop(from[0], to, n); };
  if (runs_in_rows(layout, false)) return drive_rows(layout, in, out, grain, run);
  drive_blocks(layout, in, out, grain, run);
}

void binary(Binary op, DType dtype, std::span<const std::int64_t> shape, In x, In y, void* out) {
  const BinaryLoops loops = binary_loops(op, dtype);
  const std::int64_t size = product(shape);
  const std::int64_t grain = grain_of(op);
  if (size == 0) return;
  if (size <= grain) {
    const bool x_lies_so = is_contiguous(shape, x.strides);
    const bool y_lies_so = is_contiguous(shape, y.strides);
    if (x_lies_so && y_lies_so) return loops.both(x.data, y.data, out, size);
    if (x_lies_so && is_one_element(shape, y.strides)) {
      return loops.scalar_y(x.data, y.data, out, size);
    }
    if (y_lies_so && is_one_element(shape, x.strides)) {
      return loops.scalar_x(x.data, y.data, out, size);
    }
  }
  const Layout<2> layout(shape, {x.strides, y.strides});
  if (runs_across(layout, 0)) {
    return binary(op, dtype, shape, Contiguous(dtype, shape, x).in(), y, out);
  }
  if (runs_across(layout, 1)) {
    return binary(op, dtype, shape, x, Contiguous(dtype, shape, y).in(), out);
  }
  const Inputs<2> in{
      {bytes(x), bytes(y)}, {size_of(dtype), size_of(dtype)}, size_of(output_dtype(op, dtype))};
  BinaryLoop loop = loops.both;
  const auto run = [&](const auto& from, void* to, std::int64_t n) {
    loop(from[0], from[1], to, n);
  };
  if (!runs_in_rows(layout, true)) return drive_blocks(layout, in, out, grain, run);
  if (layout.back_stride(0) == 0) loop = loops.scalar_x;
  if (layout.back_stride(1) == 0) loop = loops.scalar_y;
  drive_rows(layout, in, out, grain, run);
}

}  // namespace nyala::kernels
