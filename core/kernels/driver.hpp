#pragma once
/// The one driver of elementwise kernels: merges axes, and feeds contiguous runs to a loop, on the
/// pool where there is enough work.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <nyala/core/kernels/layout.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {

/// Elements staged at a time where an input does not lie as the loop wants it.
inline constexpr std::int64_t kBlock = 512;
/// Elements a piece of parallel work holds, for cheap ops and for those that compute.
inline constexpr std::int64_t kCheapGrain = 65536;
inline constexpr std::int64_t kMathGrain = 8192;

/// Collects elements [begin, begin + n) of a strided array into `out`; `which` is its place in the
/// layout.
template <std::size_t N>
void stage(const Layout<N>& layout,
           std::size_t which,
           std::size_t item_size,
           const void* data,
           std::int64_t begin,
           std::int64_t n,
           void* out) {
  visit_size(item_size, [&]<class T>(T) {
    const T* from = static_cast<const T*>(data);
    T* to = static_cast<T*>(out);
    const std::int64_t row = layout.back_size();
    const std::int64_t step = layout.back_stride(which);
    Odometer<N> at(layout, layout.rank - 1, begin / row);
    std::int64_t column = begin % row;
    while (n > 0) {
      const std::int64_t run = std::min(row - column, n);
      const T* source = from + at.offset(which) + column * step;
      if (step == 0) {
        const T element = *source;
        for (std::int64_t i = 0; i < run; ++i) to[i] = element;
      } else {
        for (std::int64_t i = 0; i < run; ++i) to[i] = source[i * step];
      }
      to += run;
      n -= run;
      column = 0;
      at.next();
    }
  });
}

/// How an input is read block by block.
enum class Reading : std::uint8_t {
  direct,    // it lies as the output does
  repeated,  // every row is the same, and a block holds whole rows: staged once
  staged
};

template <std::size_t N>
Reading reading_of(const Layout<N>& layout, std::size_t which) {
  std::int64_t expected = 1;
  bool direct = true, repeated = layout.back_size() <= kBlock;
  for (std::size_t axis = layout.back() + 1; axis-- > 0;) {
    const std::int64_t stride = layout.strides[which][axis];
    direct &= stride == expected;
    repeated &= stride == 0 || axis == layout.back();
    expected *= layout.shape[axis];
  }
  return direct ? Reading::direct : repeated ? Reading::repeated : Reading::staged;
}

template <std::size_t N>
struct Inputs {
  std::array<const std::byte*, N> data;
  std::array<std::size_t, N> item_size;
  std::size_t out_size;
};

/// Whether the innermost axis suits a loop as it lies: long enough, each stride 0 or 1, one of them
/// not 0. With `scalars` unset no stride may be 0.
template <std::size_t N>
bool runs_in_rows(const Layout<N>& layout, bool scalars) {
  constexpr std::int64_t shortest = 16;
  if (layout.rank > 1 && layout.back_size() < shortest) return false;
  bool any_array = false;
  for (std::size_t i = 0; i < N; ++i) {
    const std::int64_t stride = layout.back_stride(i);
    if (stride != 1 && (stride != 0 || !scalars)) return false;
    any_array |= stride == 1;
  }
  return any_array;
}

/// Row by row: f(pointers to the inputs, output, n), where an input of stride 0 is one element.
template <std::size_t N, class F>
void drive_rows(
    const Layout<N>& layout, const Inputs<N>& in, void* out, std::int64_t grain, F&& f) {
  const std::int64_t row = layout.back_size();
  const std::int64_t size = layout.size();
  // A piece is whole rows, or part of one row.
  const std::int64_t piece = row >= grain ? grain : grain / row * row;
  const std::int64_t pieces_a_row = row >= grain ? (row - 1) / grain + 1 : 1;
  const std::int64_t num_pieces = row >= grain ? size / row * pieces_a_row : (size - 1) / piece + 1;
  parallel_for(num_pieces, 1, [&](std::int64_t first, std::int64_t) {
    const std::int64_t row_index = row >= grain ? first / pieces_a_row : first * (piece / row);
    const std::int64_t column = row >= grain ? first % pieces_a_row * grain : 0;
    const std::int64_t run = std::min(row - column, piece);
    std::int64_t left = row >= grain ? 1 : std::min(piece / row, size / row - row_index);
    std::byte* to = static_cast<std::byte*>(out) +
                    static_cast<std::size_t>(row_index * row + column) * in.out_size;
    for (Odometer<N> at(layout, layout.rank - 1, row_index); left > 0; --left, at.next()) {
      std::array<const void*, N> from;
      for (std::size_t i = 0; i < N; ++i) {
        const std::int64_t offset = at.offset(i) + column * layout.back_stride(i);
        from[i] = in.data[i] + offset * static_cast<std::int64_t>(in.item_size[i]);
      }
      f(from, to, run);
      to += static_cast<std::size_t>(row) * in.out_size;
    }
  });
}

/// Block by block, inputs staged where they do not lie as the output: f(pointers to arrays, output,
/// n).
template <std::size_t N, class F>
void drive_blocks(
    const Layout<N>& layout, const Inputs<N>& in, void* out, std::int64_t grain, F&& f) {
  std::array<Reading, N> reading;
  for (std::size_t i = 0; i < N; ++i) reading[i] = reading_of(layout, i);
  const std::int64_t row = layout.back_size();
  const std::int64_t block = row <= kBlock ? kBlock / row * row : kBlock;
  const std::int64_t size = layout.size();
  parallel_for(size, grain / block * block, [&](std::int64_t begin, std::int64_t end) {
    alignas(64) std::array<std::array<std::byte, kBlock * 8>, N> buffers;
    for (std::int64_t at = begin; at < end; at += block) {
      const std::int64_t n = std::min(block, end - at);
      std::array<const void*, N> from;
      for (std::size_t i = 0; i < N; ++i) {
        from[i] = buffers[i].data();
        if (reading[i] == Reading::direct) {
          from[i] = in.data[i] + static_cast<std::size_t>(at) * in.item_size[i];
        } else if (reading[i] == Reading::staged || at == begin) {
          stage(layout, i, in.item_size[i], in.data[i], at, n, buffers[i].data());
        }
      }
      f(from, static_cast<std::byte*>(out) + static_cast<std::size_t>(at) * in.out_size, n);
    }
  });
}

}  // namespace nyala::kernels
