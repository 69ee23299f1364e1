#pragma once
/// How strided arrays are walked: axes that lie in memory as one are merged, the rest counted up.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <nyala/core/error.hpp>

namespace nyala::kernels {

inline constexpr int kMaxRank = 32;

inline void check_rank(std::span<const std::int64_t> shape) {
  if (shape.size() > static_cast<std::size_t>(kMaxRank)) {
    throw LimitError("kernels: received " + std::to_string(shape.size()) +
                     " axes, expected at most " + std::to_string(kMaxRank));
  }
}

/// Whether a layout is row-major without gaps. Axes of size 1 may have any stride.
inline bool is_contiguous(std::span<const std::int64_t> shape, const std::int64_t* strides) {
  std::int64_t expected = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    if (shape[axis] != 1 && strides[axis] != expected) return false;
    expected *= shape[axis];
  }
  return true;
}

/// Whether all of a layout is one element.
inline bool is_one_element(std::span<const std::int64_t> shape, const std::int64_t* strides) {
  for (std::size_t axis = 0; axis < shape.size(); ++axis) {
    if (shape[axis] != 1 && strides[axis] != 0) return false;
  }
  return true;
}

/// The strides of a row-major layout without gaps.
inline std::array<std::int64_t, kMaxRank> contiguous_strides(std::span<const std::int64_t> shape) {
  check_rank(shape);
  std::array<std::int64_t, kMaxRank> strides;
  std::int64_t stride = 1;
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return strides;
}

inline std::int64_t product(std::span<const std::int64_t> shape) {
  std::int64_t size = 1;
  for (const std::int64_t dim : shape) size *= dim;
  return size;
}

/// The layouts of N arrays over one shape, with axes of size 1 dropped and axes merged where all
/// arrays allow it. There is always at least one axis.
template <std::size_t N>
struct Layout {
  int rank = 0;
  std::array<std::int64_t, kMaxRank> shape;
  std::array<std::array<std::int64_t, kMaxRank>, N> strides;

  Layout() {}

  Layout(std::span<const std::int64_t> sizes, const std::array<const std::int64_t*, N>& steps) {
    check_rank(sizes);
    for (std::size_t axis = 0; axis < sizes.size(); ++axis) {
      std::array<std::int64_t, N> step;
      for (std::size_t i = 0; i < N; ++i) step[i] = steps[i][axis];
      push(sizes[axis], step);
    }
    if (rank == 0) push_new(1, {});
  }

  /// Adds an axis within the last one; merges the two where that changes nothing.
  void push(std::int64_t size, const std::array<std::int64_t, N>& step) {
    if (size == 1) return;
    bool merge = rank > 0;
    for (std::size_t i = 0; merge && i < N; ++i) merge = back_stride(i) == step[i] * size;
    if (!merge) return push_new(size, step);
    shape[back()] *= size;
    for (std::size_t i = 0; i < N; ++i) strides[i][back()] = step[i];
  }

  void push_new(std::int64_t size, const std::array<std::int64_t, N>& step) {
    ++rank;
    shape[back()] = size;
    for (std::size_t i = 0; i < N; ++i) strides[i][back()] = step[i];
  }

  std::size_t back() const { return static_cast<std::size_t>(rank) - 1; }
  std::int64_t back_size() const { return shape[back()]; }
  std::int64_t back_stride(std::size_t i) const { return strides[i][back()]; }
  std::int64_t size() const { return product({shape.data(), static_cast<std::size_t>(rank)}); }
};

/// Counts through the first `rank` axes of a layout, keeping the offset of each array.
template <std::size_t N>
class Odometer {
 public:
  /// Stands at the `position`-th index in row-major order.
  Odometer(const Layout<N>& layout, int rank, std::int64_t position)
      : layout_(layout), rank_(static_cast<std::size_t>(rank)) {
    offsets_.fill(0);
    for (std::size_t axis = rank_; axis-- > 0;) {
      const std::int64_t size = layout.shape[axis];
      index_[axis] = position % size;
      position /= size;
      for (std::size_t i = 0; i < N; ++i) offsets_[i] += index_[axis] * layout.strides[i][axis];
    }
  }

  std::int64_t offset(std::size_t i) const { return offsets_[i]; }
  std::int64_t index(std::size_t axis) const { return index_[axis]; }

  void next() {
    for (std::size_t axis = rank_; axis-- > 0;) {
      for (std::size_t i = 0; i < N; ++i) offsets_[i] += layout_.strides[i][axis];
      if (++index_[axis] < layout_.shape[axis]) return;
      index_[axis] = 0;
      for (std::size_t i = 0; i < N; ++i) {
        offsets_[i] -= layout_.shape[axis] * layout_.strides[i][axis];
      }
    }
  }

 private:
  const Layout<N>& layout_;
  std::size_t rank_;
  std::array<std::int64_t, kMaxRank> index_;
  std::array<std::int64_t, N> offsets_;
};

/// Calls f with a value of the unsigned integer of `bytes` bytes (1, 2, 4 or 8): for moving
/// elements.
template <class F>
void visit_size(std::size_t bytes, F&& f) {
  switch (bytes) {
    case 1: return f(std::uint8_t{});
    case 2: return f(std::uint16_t{});
    case 4: return f(std::uint32_t{});
    default: return f(std::uint64_t{});
  }
}

}  // namespace nyala::kernels
