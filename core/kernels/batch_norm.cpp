#include <nyala/core/kernels/batch_norm.hpp>

#include <algorithm>
#include <cstddef>

#include <nyala/core/kernels/batch_norm_loops.hpp>
#include <nyala/core/kernels/reduce.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Elements that a piece of parallel work reads, and the most of the outer whose numbers are added
// up one after another: more would add up rounding errors.
constexpr std::int64_t kGrain = 32768;
constexpr std::int64_t kMostOuter = 256;
// Channels whose sums stay in the first-level cache while rows go by.
constexpr std::int64_t kMostChannels = 1024;

const std::byte* bytes(const void* data) { return static_cast<const std::byte*>(data); }
std::byte* bytes(void* data) { return static_cast<std::byte*>(data); }

// An array cut in blocks, by sizes alone: pieces of the outer times pieces of the channels.
class Grid {
 public:
  Grid(DType dtype, const Channels& size)
      : size_(size), item_(static_cast<std::int64_t>(size_of(dtype))) {
    if (dtype != DType::float32 && dtype != DType::float64) throw_no_kernel(dtype);
    const auto at_least_one = [](std::int64_t n) { return std::max<std::int64_t>(n, 1); };
    const std::int64_t inner = at_least_one(size.inner);
    channels_ = std::min({at_least_one(kGrain / inner), kMostChannels, at_least_one(size.n)});
    outer_ = std::min({at_least_one(kGrain / (inner * channels_)), kMostOuter, size.outer});
    if (!is_empty()) parts_ = (size.outer - 1) / outer_ + 1;
  }

  struct Place {
    ChannelBlock block;
    std::int64_t at, channel, part;  // in bytes: of the block, its first channel and its part
  };

  bool is_empty() const { return size_.n == 0 || size_.outer == 0 || size_.inner == 0; }
  std::int64_t row() const { return size_.n * item_; }
  ChannelParts parts() const {
    const std::int64_t last = size_.outer - (parts_ - 1) * outer_;
    return {parts_,
            size_.n,
            static_cast<double>(outer_ * size_.inner),
            static_cast<double>(last * size_.inner)};
  }

  // f(place) for every block, from the last one on if `backwards`: what another pass read last is
  // still in the cache.
  template <class F>
  void each(bool backwards, F&& f) const {
    if (is_empty()) return;
    const std::int64_t columns = (size_.n - 1) / channels_ + 1, count = parts_ * columns;
    const std::int64_t elements = std::max<std::int64_t>(outer_ * channels_ * size_.inner, 1);
    parallel_for(count, std::max<std::int64_t>(kGrain / elements, 1), [&](auto begin, auto end) {
      for (std::int64_t i = begin; i < end; ++i) f(place(backwards ? count - 1 - i : i, columns));
    });
  }

 private:
  Place place(std::int64_t i, std::int64_t columns) const {
    const std::int64_t part = i / columns, outer = part * outer_;
    const std::int64_t channel = i % columns * channels_, stride = size_.n * size_.inner;
    return {{std::min(outer_, size_.outer - outer),
             std::min(channels_, size_.n - channel),
             size_.inner,
             stride},
            (outer * stride + channel * size_.inner) * item_,
            channel * item_,
            (part * size_.n + channel) * item_};
  }

  Channels size_;
  std::int64_t item_, channels_, outer_, parts_ = 0;
};

// Rows of numbers, one for each channel, each aligned to a cache line.
class Rows {
 public:
  Rows(const Grid& grid, std::int64_t count) : row_((grid.row() + 63) / 64 * 64) {
    data_ = static_cast<std::byte*>(matmul_workspace(static_cast<std::size_t>(count * row_)));
  }
  std::byte* operator[](std::int64_t i) const { return data_ + i * row_; }

 private:
  std::int64_t row_;
  std::byte* data_;
};

}  // namespace

void channel_moments(DType dtype, const Channels& size, const void* x, void* mean, void* variance) {
  const Grid grid(dtype, size);
  if (size.n == 0) return;
  const BatchNormLoops loops = batch_norm_loops(dtype);
  const ChannelParts parts = grid.parts();
  // All means, then all squares.
  const Rows rows(grid, 2 * parts.count);
  std::byte *means = rows[0], *squares = rows[parts.count];
  grid.each(false, [&](const Grid::Place& to) {
    loops.moments(to.block, bytes(x) + to.at, means + to.part, squares + to.part);
  });
  loops.merge_moments(parts, means, squares, mean, variance);
}

void batch_norm(DType dtype, const Channels& size, const BatchNormArrays& arrays, double epsilon) {
  const Grid grid(dtype, size);
  if (grid.is_empty()) return;
  const BatchNormLoops loops = batch_norm_loops(dtype);
  std::byte* scale = Rows(grid, 1)[0];
  loops.scale(size.n, arrays.variance, arrays.gamma, epsilon, scale);
  grid.each(true, [&](const Grid::Place& to) {
    loops.normalize(to.block,
                    bytes(arrays.x) + to.at,
                    bytes(arrays.mean) + to.channel,
                    scale + to.channel,
                    bytes(arrays.beta) + to.channel,
                    bytes(arrays.y) + to.at);
  });
}

void batch_norm_grad(DType dtype,
                     const Channels& size,
                     const BatchNormGradArrays& arrays,
                     double epsilon) {
  const Grid grid(dtype, size);
  if (size.n == 0) return;
  const BatchNormLoops loops = batch_norm_loops(dtype);
  const ChannelParts parts = grid.parts();
  const Rows rows(grid, 3 + 2 * parts.count);
  std::byte *scale = rows[0], *offset = rows[1], *slope = rows[2];
  std::byte *sums = rows[3], *products = rows[3 + parts.count];
  const auto *x = bytes(arrays.x), *dy = bytes(arrays.dy), *mean = bytes(arrays.mean);
  grid.each(false, [&](const Grid::Place& to) {
    loops.grad_sums(
        to.block, x + to.at, mean + to.channel, dy + to.at, sums + to.part, products + to.part);
  });
  loops.merge_grad(parts, sums, products, arrays, epsilon, {scale, offset, slope});
  grid.each(true, [&](const Grid::Place& to) {
    loops.grad(to.block,
               x + to.at,
               mean + to.channel,
               dy + to.at,
               {scale + to.channel, offset + to.channel, slope + to.channel},
               bytes(arrays.dx) + to.at);
  });
}

}  // namespace nyala::kernels
