#include <algorithm>
#include <cmath>
#include <cstring>

#include <nyala/core/kernels/driver.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/loops.hpp>
#include <nyala/core/kernels/scalar.hpp>

namespace nyala::kernels {
namespace {

const std::byte* bytes(In x) { return static_cast<const std::byte*>(x.data); }

template <class From, class To>
void convert_loop(const void* x_data, void* out_data, std::int64_t n) {
  const From* x = static_cast<const From*>(x_data);
  To* out = static_cast<To*>(out_data);
  for (std::int64_t i = 0; i < n; ++i) out[i] = scalar::convert<To>(x[i]);
}

template <class T, bool kScalarX, bool kScalarY>
void choose_loop(
    const void* condition, const void* x_data, const void* y_data, void* out, std::int64_t n) {
  const bool* c = static_cast<const bool*>(condition);
  const T* x = static_cast<const T*>(x_data);
  const T* y = static_cast<const T*>(y_data);
  T* to = static_cast<T*>(out);
  for (std::int64_t i = 0; i < n; ++i) {
    const T a = x[kScalarX ? 0 : i];
    const T b = y[kScalarY ? 0 : i];
    // Without a branch: masks of dropout are as random as can be.
    const T mask = static_cast<T>(T{0} - static_cast<T>(c[i]));
    to[i] = static_cast<T>(b ^ ((a ^ b) & mask));
  }
}

// Copies two innermost axes: the input is fastest along one, the output along the other, so square
// tiles keep both in the cache.
struct Steps {
  std::int64_t row, column;
};
template <class T>
void copy_tiled(const T* x, Steps from, T* out, Steps to, std::int64_t rows, std::int64_t columns) {
  constexpr std::int64_t tile = 8;
  for (std::int64_t r = 0; r < rows; r += tile) {
    const std::int64_t r_end = std::min(rows, r + tile);
    for (std::int64_t c = 0; c < columns; c += tile) {
      const std::int64_t c_end = std::min(columns, c + tile);
      for (std::int64_t i = r; i < r_end; ++i) {
        for (std::int64_t j = c; j < c_end; ++j) {
          out[i * to.row + j * to.column] = x[i * from.row + j * from.column];
        }
      }
    }
  }
}

// The outer axis along which the input steps least: it goes next to the innermost one.
std::size_t closest_axis(const Layout<2>& layout) {
  std::size_t best = layout.back() - 1;
  for (std::size_t axis = 0; axis < layout.back(); ++axis) {
    if (std::abs(layout.strides[0][axis]) < std::abs(layout.strides[0][best])) best = axis;
  }
  return best;
}

template <class T>
void copy_rows(const Layout<2>& layout, const T* x, T* out) {
  const std::int64_t row = layout.back_size();
  const std::int64_t rows = layout.size() / row;
  parallel_for(rows,
               std::max<std::int64_t>(kCheapGrain / row, 1),
               [&](std::int64_t begin, std::int64_t end) {
                 Odometer<2> at(layout, layout.rank - 1, begin);
                 for (std::int64_t i = begin; i < end; ++i, at.next()) {
                   const T* from = x + at.offset(0);
                   T* to = out + at.offset(1);
                   if (layout.back_stride(0) == 1 && layout.back_stride(1) == 1) {
                     std::memcpy(to, from, static_cast<std::size_t>(row) * sizeof(T));
                   } else {
                     const std::int64_t from_step = layout.back_stride(0),
                                        to_step = layout.back_stride(1);
                     for (std::int64_t j = 0; j < row; ++j) to[j * to_step] = from[j * from_step];
                   }
                 }
               });
}

template <class T>
void copy_transposed(Layout<2> layout, const T* x, T* out) {
  const std::size_t last = layout.back(), second = last - 1;
  const std::size_t best = closest_axis(layout);
  // A copy visits each element once, so its outer axes may stand in any order.
  std::swap(layout.shape[best], layout.shape[second]);
  for (auto& strides : layout.strides) std::swap(strides[best], strides[second]);
  const std::int64_t rows = layout.shape[second], columns = layout.shape[last];
  constexpr std::int64_t band = 64;
  const std::int64_t bands = (rows - 1) / band + 1;
  const std::int64_t outer = layout.size() / (rows * columns);
  parallel_for(outer * bands,
               std::max<std::int64_t>(kCheapGrain / (band * columns), 1),
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t i = begin; i < end; ++i) {
                   const Odometer<2> at(layout, layout.rank - 2, i / bands);
                   const std::int64_t first = i % bands * band;
                   copy_tiled(x + at.offset(0) + first * layout.strides[0][second],
                              {layout.strides[0][second], layout.strides[0][last]},
                              out + at.offset(1) + first * layout.strides[1][second],
                              {layout.strides[1][second], layout.strides[1][last]},
                              std::min(band, rows - first),
                              columns);
                 }
               });
}

}  // namespace

UnaryLoop cast_loop(DType from, DType to) {
  if (const UnaryLoop loop = vector_cast_loop(from, to); loop != nullptr) return loop;
  return visit_stored(from, [&]<class From>() {
    return visit_stored(to, [&]<class To>() -> UnaryLoop { return convert_loop<From, To>; });
  });
}

SelectLoop select_loop(DType dtype, bool scalar_x, bool scalar_y) {
  SelectLoop loop = nullptr;
  visit_size(size_of(dtype), [&]<class T>(T) {
    if (scalar_x)
      loop = scalar_y ? choose_loop<T, true, true> : choose_loop<T, true, false>;
    else
      loop = scalar_y ? choose_loop<T, false, true> : choose_loop<T, false, false>;
  });
  return loop;
}

void copy_strided(DType dtype,
                  std::span<const std::int64_t> shape,
                  In x,
                  void* out,
                  const std::int64_t* out_strides) {
  if (product(shape) == 0) return;
  const Layout<2> layout(shape, {x.strides, out_strides});
  visit_size(size_of(dtype), [&]<class T>(T) {
    const T* from = static_cast<const T*>(x.data);
    T* to = static_cast<T*>(out);
    const bool long_steps = std::abs(layout.back_stride(0)) > 1 && layout.rank > 1;
    if (long_steps)
      copy_transposed(layout, from, to);
    else if (layout.rank > 1 || layout.back_stride(0) != 1 || layout.back_stride(1) != 1)
      copy_rows(layout, from, to);
    else
      std::memcpy(to, from, static_cast<std::size_t>(layout.back_size()) * sizeof(T));
  });
}

void copy(DType dtype, std::span<const std::int64_t> shape, In x, void* out) {
  if (is_contiguous(shape, x.strides)) {
    const std::int64_t size = product(shape);
    if (size > 0) std::memcpy(out, x.data, static_cast<std::size_t>(size) * size_of(dtype));
    return;
  }
  const auto strides = contiguous_strides(shape);
  copy_strided(dtype, shape, x, out, strides.data());
}

void cast(DType from, DType to, std::span<const std::int64_t> shape, In x, void* out) {
  if (from == to) return copy(from, shape, x, out);
  const UnaryLoop loop = cast_loop(from, to);
  const std::int64_t size = product(shape);
  if (size == 0) return;
  if (size <= kCheapGrain && is_contiguous(shape, x.strides)) return loop(x.data, out, size);
  const Layout<1> layout(shape, {x.strides});
  const Inputs<1> in{{bytes(x)}, {size_of(from)}, size_of(to)};
  const auto run = [&](const auto& source, void* target, std::int64_t n) {
    loop(source[0], target, n);
  };
  if (runs_in_rows(layout, false)) return drive_rows(layout, in, out, kCheapGrain, run);
  drive_blocks(layout, in, out, kCheapGrain, run);
}

void select(DType dtype, std::span<const std::int64_t> shape, In condition, In x, In y, void* out) {
  const std::int64_t size = product(shape);
  if (size == 0) return;
  const Layout<3> layout(shape, {condition.strides, x.strides, y.strides});
  const std::size_t item = size_of(dtype);
  const Inputs<3> in{{bytes(condition), bytes(x), bytes(y)}, {1, item, item}, item};
  const SelectLoop loop = select_loop(dtype, false, false);
  const auto run = [&](const std::array<const void*, 3>& from, void* target, std::int64_t n) {
    loop(from[0], from[1], from[2], target, n);
  };
  if (runs_in_rows(layout, false)) return drive_rows(layout, in, out, kCheapGrain, run);
  drive_blocks(layout, in, out, kCheapGrain, run);
}

// Elements that are worth another thread.
constexpr std::int64_t kFillGrain = 65536;

void fill(DType dtype, std::int64_t n, const void* value, void* out) {
  visit_size(size_of(dtype), [&]<class T>(T) {
    T element;
    std::memcpy(&element, value, sizeof(T));
    T* const to = static_cast<T*>(out);
    parallel_for(n, kFillGrain, [&](std::int64_t begin, std::int64_t end) {
      if (element == 0)  // the commonest, which memset does faster
        std::memset(to + begin, 0, static_cast<std::size_t>(end - begin) * sizeof(T));
      else
        std::fill(to + begin, to + end, element);
    });
  });
}

}  // namespace nyala::kernels
