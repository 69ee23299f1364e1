#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <utility>
#include <vector>

#include <nyala/core/kernels/conv_panels.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/kernels/winograd_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

constexpr std::int64_t kPlanes = kWinogradPlanes;
// Bytes of transformed tiles and sums that stay in the second cache, and how many tiles that may
// be: products go over 8 rows at a time.
constexpr std::int64_t kTileBytes = 384 << 10;
constexpr std::int64_t kFewestTiles = 16;
constexpr std::int64_t kMostTiles = 48;
// Backward by the weights tiles are summed over: more at once make better products. The slices of a
// sum take at most so many bytes together.
constexpr std::int64_t kMostSummedTiles = 128;
constexpr std::int64_t kSlices = 8;
constexpr std::int64_t kSliceBytes = 64 << 20;

// From one plane of so many floats to the next: sixteen of them a page apart would share the same
// few lines of a cache.
std::int64_t plane_of(std::int64_t floats) { return (floats + 15) / 16 * 16 + 16; }

std::int64_t half_up(std::int64_t n) { return (n + 1) / 2; }

// Whether windows of three follow one another along an axis.
bool is_plain(const ConvAxis& axis) {
  return axis.taps == 3 && axis.from_step == 1 && axis.to_step == 1 && axis.tap_offset == 1;
}
// Whether an axis has no window at all.
bool is_flat(const ConvAxis& axis) {
  return axis.taps == 1 && axis.from_step == 1 && axis.from_first == 0 && axis.count == axis.source;
}

// The tiles of a pass: of all images, one after the other. Where a result is not finite, all of
// them are computed again directly, as what is not finite spreads over its tile.
class Winograd : public ConvByTiles {
 public:
  // The time it takes, in products of vectors: with what moving a vector through a transform costs,
  // and one of the weights beside packing them.
  double work() const {
    const auto vectors = [&](std::int64_t n) {
      const std::int64_t rounded_up = (n + loops_.lanes - 1) / loops_.lanes;
      return static_cast<double>(rounded_up);
    };
    const double each = static_cast<double>(left_) * vectors(right_);
    const double moved = 7.5 * vectors(left_) + 6 * vectors(right_);
    return static_cast<double>(tiles() * kPlanes) * (1.15 * each + moved) + 40 * each;
  }
  void set_direct(std::unique_ptr<ConvPlan> direct) { direct_ = std::move(direct); }

 protected:
  Winograd(const ConvShape& shape,
           const ConvPass& pass,
           std::int64_t left,
           std::int64_t right,
           std::int64_t most)
      : ConvByTiles(DType::float32, shape),
        pass_(pass),
        left_(left),
        right_(right),
        transforms_(winograd_loops()),
        panels_(cut_columns(loops_, 1, right_)),
        tile_rows_(half_up(pass.axes[1].count)),
        tile_columns_(half_up(pass.axes[2].count)),
        most_(std::clamp(
            kTileBytes / (kPlanes * (left_ + right_) * item_) / 8 * 8, kFewestTiles, most)) {}

  std::int64_t tiles() const { return pass_.planes() * tile_rows_ * tile_columns_; }

  struct Tile {
    std::int64_t plane, row, column;
  };
  Tile tile(std::int64_t i) const {
    return {i / (tile_rows_ * tile_columns_),
            i / tile_columns_ % tile_rows_ * 2,
            i % tile_columns_ * 2};
  }

  // Room for transformed inputs, for what `right_` channels have, and for zeros. Planes of the two
  // are these floats apart.
  struct Room {
    float *left, *right, *zeros;
  };
  std::int64_t left_plane() const { return plane_of(most_ * left_); }
  std::int64_t right_plane() const { return plane_of(most_ * right_); }
  Room room() const {
    const std::int64_t zeros = std::max(left_, right_);
    const std::int64_t floats = kPlanes * (left_plane() + right_plane()) + zeros;
    Room room{};
    room.left = static_cast<float*>(matmul_workspace(static_cast<std::size_t>(floats * item_)));
    room.right = room.left + kPlanes * left_plane();
    room.zeros = room.right + kPlanes * right_plane();
    std::fill(room.zeros, room.zeros + zeros, 0.0f);
    return room;
  }

  void transform_inputs(std::int64_t first,
                        std::int64_t last,
                        const float* a,
                        const Room& room) const {
    const ConvAxis &rows = pass_.axes[1], &columns = pass_.axes[2];
    for (std::int64_t i = first; i < last; ++i) {
      const Tile at = tile(i);
      std::array<const float*, 16> pixels;
      for (std::int64_t p = 0; p < 16; ++p) {
        const std::int64_t row = rows.from_first + at.row + p / 4;
        const std::int64_t column = columns.from_first + at.column + p % 4;
        const bool inside = row >= 0 && row < rows.source && column >= 0 && column < columns.source;
        const std::int64_t pixel = (at.plane * rows.source + row) * columns.source + column;
        pixels[static_cast<std::size_t>(p)] = inside ? a + pixel * left_ : room.zeros;
      }
      transforms_.inputs(pixels.data(), left_, room.left + (i - first) * left_, left_plane());
    }
  }

  // The pixels of the output in a tile; `outside` for those beyond it.
  template <class T>
  std::array<T*, 4> outputs_of(std::int64_t i, T* out, T* outside) const {
    const std::int64_t rows = pass_.axes[1].count, columns = pass_.axes[2].count;
    const Tile at = tile(i);
    std::array<T*, 4> pixels;
    for (std::int64_t p = 0; p < 4; ++p) {
      const std::int64_t row = at.row + p / 2, column = at.column + p % 2;
      const bool inside = row < rows && column < columns;
      const std::int64_t pixel = (at.plane * rows + row) * columns + column;
      pixels[static_cast<std::size_t>(p)] = inside ? out + pixel * right_ : outside;
    }
    return pixels;
  }

  std::unique_ptr<ConvPlan> direct_;
  ConvPass pass_;
  std::int64_t left_, right_;  // channels of the source and of the output
  WinogradLoops transforms_;
  std::vector<ConvPanel> panels_;
  std::int64_t tile_rows_, tile_columns_;  // of a plane
  std::int64_t most_;                      // tiles at once
};

// Forward, and backward by the input.
class WinogradOfWindows final : public Winograd {
 public:
  WinogradOfWindows(ConvKind kind, const ConvShape& shape, const ConvPass& pass, bool relu)
      : Winograd(shape,
                 pass,
                 kind == ConvKind::forward ? shape.in_channels : shape.out_channels,
                 kind == ConvKind::forward ? shape.out_channels : shape.in_channels,
                 kMostTiles),
        input_grad_(kind == ConvKind::input_grad),
        relu_(relu),
        taps_(pass.window_taps(shape.window)) {
    for (std::int64_t i = 0; i < most_; ++i) {
      left_at_.push_back(i * left_);
      out_at_.push_back(i * right_);
    }
  }

  std::int64_t workspace() const override {
    return std::max(planes_before(panels_.size()) * item_, direct_->workspace());
  }

  void run(const void* a,
           const void* w,
           const void* bias,
           void* out,
           std::byte* workspace) const override {
    auto* const packed = reinterpret_cast<float*>(workspace);
    parallel_for(static_cast<std::int64_t>(panels_.size()), 1, [&](std::int64_t i, std::int64_t) {
      const auto at = static_cast<std::size_t>(i);
      pack(panels_[at], static_cast<const float*>(w), packed + planes_before(at));
    });
    std::atomic<bool> is_finite = true;
    parallel_for(tiles(), most_, [&](std::int64_t first, std::int64_t last) {
      const Room own = room();
      transform_inputs(first, last, static_cast<const float*>(a), own);
      multiply(last - first, own, packed);
      for (std::int64_t i = first; i < last; ++i) {
        const auto pixels = outputs_of<float>(i, static_cast<float*>(out), nullptr);
        if (!transforms_.outputs(own.right + (i - first) * right_,
                                 right_plane(),
                                 right_,
                                 static_cast<const float*>(bias),
                                 relu_,
                                 pixels.data()))
          is_finite.store(false, std::memory_order_relaxed);
      }
    });
    if (!is_finite) direct_->run(a, w, bias, out, workspace);
  }

 private:
  // Floats of the packed planes of the first `count` panels.
  std::int64_t planes_before(std::size_t count) const {
    std::int64_t floats = 0;
    for (std::size_t i = 0; i < count; ++i) floats += kPlanes * plane_of(left_ * panels_[i].row);
    return floats;
  }

  void pack(const ConvPanel& panel, const float* w, float* to) const {
    const std::int64_t in = shape_.in_channels, out = shape_.out_channels;
    const std::int64_t plane = plane_of(left_ * panel.row);
    const auto bytes = static_cast<std::size_t>(9 * plane * item_);
    auto* taps = static_cast<float*>(matmul_workspace(bytes));
    const float* const first = taps;
    if (panel.row != panel.width) std::memset(taps, 0, bytes);
    for (const std::int64_t tap : taps_) {
      loops_.pack(w + tap * in * out + panel.first * (input_grad_ ? out : 1),
                  input_grad_ ? out : 1,
                  input_grad_ ? 1 : out,
                  panel.width,
                  left_,
                  taps,
                  panel.row);
      taps += plane;
    }
    transforms_.kernels(first, left_ * panel.row, to, plane);
  }

  // One product for each plane.
  void multiply(std::int64_t tiles, const Room& room, const float* packed) const {
    ConvBlock block = one_product(left_at_.data(), out_at_.data(), tiles, left_, 1);
    for (const ConvPanel& panel : panels_) {
      const std::int64_t plane = plane_of(left_ * panel.row);
      block.width = panel.width;
      block.right_row = panel.row;
      for (std::int64_t p = 0; p < kPlanes; ++p) {
        block.left = room.left + p * left_plane();
        block.right = packed + p * plane;
        block.out = room.right + p * right_plane() + panel.first;
        loops_.products(block);
      }
      packed += kPlanes * plane;
    }
  }

  bool input_grad_, relu_;
  std::vector<std::int64_t> taps_;  // of the window
  std::vector<std::int64_t> left_at_, out_at_;
};

// Backward by the weights: a sum over all tiles, in slices that the shape alone decides on.
class WinogradOfWeights final : public Winograd {
 public:
  WinogradOfWeights(const ConvShape& shape, const ConvPass& pass)
      : Winograd(shape, pass, shape.in_channels, shape.out_channels, kMostSummedTiles),
        plane_(plane_of(left_ * right_)),
        pieces_((tiles() - 1) / most_ + 1),
        slices_(std::clamp<std::int64_t>(
            kSliceBytes / (kPlanes * plane_ * item_), 1, std::min(kSlices, pieces_))) {
    for (std::int64_t i = 0; i < left_; ++i) {
      left_at_.push_back(i);
      out_at_.push_back(i * right_);
    }
  }

  std::int64_t workspace() const override {
    return std::max(slices_ * kPlanes * plane_ * item_, direct_->workspace());
  }

  void run(
      const void* x, const void* dy, const void*, void* dw, std::byte* workspace) const override {
    auto* const sums = reinterpret_cast<float*>(workspace);
    const std::int64_t slice_floats = kPlanes * plane_;
    parallel_for(slices_, 1, [&](std::int64_t slice, std::int64_t) {
      const std::int64_t first = slice * pieces_ / slices_;
      const std::int64_t last = (slice + 1) * pieces_ / slices_;
      for (std::int64_t i = first; i < last; ++i) {
        add_piece(i,
                  static_cast<const float*>(x),
                  static_cast<const float*>(dy),
                  i > first,
                  sums + slice * slice_floats);
      }
    });
    const std::int64_t n = left_ * right_;
    std::atomic<bool> is_finite = true;
    parallel_for(n, kPackGrain / kPlanes, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t p = 0; p < kPlanes; ++p) {
        for (std::int64_t slice = 1; slice < slices_; ++slice) {
          const float* const from = sums + slice * slice_floats + p * plane_;
          for (std::int64_t i = begin; i < end; ++i) sums[p * plane_ + i] += from[i];
        }
      }
      if (!transforms_.weights(
              sums + begin, plane_, end - begin, static_cast<float*>(dw) + begin, n))
        is_finite.store(false, std::memory_order_relaxed);
    });
    if (!is_finite) direct_->run(x, dy, nullptr, dw, workspace);
  }

 private:
  void add_piece(
      std::int64_t piece, const float* x, const float* dy, bool accumulate, float* sums) const {
    const std::int64_t first = piece * most_, last = std::min(first + most_, tiles());
    const Room own = room();
    transform_inputs(first, last, x, own);
    for (std::int64_t i = first; i < last; ++i) {
      transforms_.gradients(outputs_of<const float>(i, dy, own.zeros).data(),
                            right_,
                            own.right + (i - first) * right_,
                            right_plane());
    }
    ConvBlock block = one_product(left_at_.data(), out_at_.data(), left_, last - first, left_);
    block.right_row = right_;
    block.accumulate = accumulate;
    for (const ConvPanel& panel : panels_) {
      block.width = panel.width;
      for (std::int64_t p = 0; p < kPlanes; ++p) {
        block.left = own.left + p * left_plane();
        block.right = own.right + p * right_plane() + panel.first;
        block.out = sums + p * plane_ + panel.first;
        loops_.products(block);
      }
    }
  }

  std::int64_t plane_, pieces_, slices_;
  std::vector<std::int64_t> left_at_, out_at_;
};

}  // namespace

std::unique_ptr<ConvPlan> by_winograd(ConvKind kind,
                                      const ConvShape& shape,
                                      ConvOptions options,
                                      double work,
                                      std::unique_ptr<ConvPlan> direct) {
  const auto& axes = shape.window.axes;
  if (shape.groups != 1 || axes[0].stride != 1 || axes[1].stride != 1 || axes[2].stride != 1)
    return direct;
  const ConvPass pass =
      kind == ConvKind::input_grad ? passes_of_inputs(shape)[0] : pass_of_outputs(shape);
  if (!is_flat(pass.axes[0]) || !is_plain(pass.axes[1]) || !is_plain(pass.axes[2])) return direct;
  const auto the_faster = [&](auto plan) -> std::unique_ptr<ConvPlan> {
    if (plan->work() >= work) return std::move(direct);
    plan->set_direct(std::move(direct));
    return plan;
  };
  if (kind == ConvKind::weight_grad)
    return the_faster(std::make_unique<WinogradOfWeights>(shape, pass));
  return the_faster(std::make_unique<WinogradOfWindows>(kind, shape, pass, options.relu));
}

}  // namespace nyala::kernels
