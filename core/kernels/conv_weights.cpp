#include <algorithm>
#include <array>

#include <nyala/core/kernels/conv_panels.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// A piece's windows fit the second cache. For each tile of the weights one line of each output's
// window is read, and its row of a panel of dy: those of so many outputs fit the first.
constexpr std::int64_t kWindowBytes = 160 << 10;
constexpr std::int64_t kNearOutputs = 208;
// Parts that the weights' gradient is summed in, and the outputs that are worth one.
constexpr std::int64_t kSlices = 8;
constexpr std::int64_t kSliceOutputs = 256;

std::int64_t in_lines(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

// Backward by the weights: a sum over all outputs, in slices that the shape alone decides on.
class ConvOfWeights final : public ConvByTiles {
 public:
  ConvOfWeights(DType dtype, const ConvShape& shape)
      : ConvByTiles(dtype, shape),
        pass_(pass_of_outputs(shape)),
        pieces_(pass_, kNearOutputs, kWindowBytes / item_),
        panels_(depthwise_ ? cut_columns(loops_, 1, shape.out_channels)
                           : cut_columns(loops_, shape.groups, shape.group_out())),
        weights_(shape.window.taps() * shape.group_in() * shape.out_channels) {
    const std::int64_t most = std::min(kSlices, pieces_.count());
    slices_ = std::clamp<std::int64_t>(pass_.outputs() / kSliceOutputs, 1, most);
    const auto panels = static_cast<std::int64_t>(panels_.size());
    panels_at_once_ = (panels - 1) / std::min(panels, (kSlices - 1) / slices_ + 1) + 1;
  }

  std::int64_t workspace() const override { return (slices_ - 1) * in_lines(weights_ * item_); }

  void run(
      const void* x, const void* dy, const void*, void* dw, std::byte* workspace) const override {
    const auto panels = static_cast<std::int64_t>(panels_.size());
    const std::int64_t parts = (panels - 1) / panels_at_once_ + 1;
    const auto sum_of = [&](std::int64_t slice) -> std::byte* {
      if (slice == 0) return static_cast<std::byte*>(dw);
      return workspace + (slice - 1) * in_lines(weights_ * item_);
    };
    parallel_for(slices_ * parts, 1, [&](std::int64_t i, std::int64_t) {
      const std::int64_t first = i % parts * panels_at_once_;
      const std::int64_t last = std::min(first + panels_at_once_, panels);
      run_slice(
          i / parts, {panels_.data() + first, panels_.data() + last}, x, dy, sum_of(i / parts));
    });
    if (slices_ == 1) return;
    parallel_for(weights_, kPackGrain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t slice = 1; slice < slices_; ++slice)
        add(moved(sum_of(slice), begin * item_), moved(dw, begin * item_), end - begin);
    });
  }

 private:
  struct Panels {
    const ConvPanel *first, *last;
    const ConvPanel* begin() const { return first; }
    const ConvPanel* end() const { return last; }
  };

  void add(const std::byte* from, std::byte* to, std::int64_t count) const {
    const auto sum = [&]<class T>(const T* a, T* b) {
      for (std::int64_t i = 0; i < count; ++i) b[i] += a[i];
    };
    if (item_ == sizeof(float))
      sum(reinterpret_cast<const float*>(from), reinterpret_cast<float*>(to));
    else
      sum(reinterpret_cast<const double*>(from), reinterpret_cast<double*>(to));
  }

  void run_slice(
      std::int64_t slice, Panels panels, const void* x, const void* dy, std::byte* sum) const {
    const std::int64_t first = slice * pieces_.count() / slices_;
    const std::int64_t last = (slice + 1) * pieces_.count() / slices_;
    const std::int64_t windows = in_lines(pieces_.elements() * item_);
    const std::int64_t panel = pieces_.outputs() * panels_[0].row * item_;
    void* room = matmul_workspace(static_cast<std::size_t>(windows + panel + 64));
    for (std::int64_t i = first; i < last; ++i)
      run_piece(pieces_.piece(i), panels, x, dy, sum, i > first, room, moved(room, windows));
  }

  void run_piece(const ConvPiece& piece,
                 Panels panels,
                 const void* x,
                 const void* dy,
                 std::byte* sum,
                 bool accumulate,
                 void* room,
                 void* packed) const {
    const ConvView view = view_windows(pass_, piece, x, item_, room);
    ConvOffsets taps;
    std::array<std::int64_t, kNearOutputs> rows, right_at;
    const std::int64_t in = shape_.group_in(), out = shape_.out_channels;
    const std::int64_t dy_at = piece.first(pass_) * out;
    std::size_t tap = 0;
    for (std::int64_t j0 = 0; j0 < pass_.axes[0].taps; ++j0) {
      for (std::int64_t j1 = 0; j1 < pass_.axes[1].taps; ++j1) {
        for (std::int64_t j2 = 0; j2 < pass_.axes[2].taps; ++j2)
          taps[tap++] = tap_at(pass_, view, j0, j1, j2);
      }
    }
    put_rows(pass_, piece, view, rows.data());
    ConvBlock block{};
    block.chunk_at = rows.data();
    block.right_at = right_at.data();
    block.chunks = piece.planes * piece.rows;
    for (std::int64_t r = 0; r < block.chunks; ++r)
      right_at[static_cast<std::size_t>(r)] = r * piece.columns;
    block.length = piece.columns;
    block.left_step = pass_.axes[2].from_step * view.pixel;
    block.accumulate = accumulate;
    for (const ConvPanel& p : panels) {
      const std::int64_t to = p.group * shape_.group_out() + p.first;
      block.left = moved(view.data, (depthwise_ ? p.first : p.group * in) * item_);
      block.right = moved(dy, (dy_at + to) * item_);
      block.right_row = out;
      block.width = p.width;
      block.out = moved(sum, to * item_);
      // Whole vectors are read, which only a row without a rest has.
      if (!depthwise_ && (out != p.width || p.width != p.row)) {
        loops_.pack(block.right, 1, out, p.width, piece.outputs(), packed, p.row);
        block.right = packed;
        block.right_row = p.row;
      }
      run_rows(block, taps);
    }
  }

  // All rows of the weights, some at a time.
  void run_rows(ConvBlock& block, const ConvOffsets& taps) const {
    constexpr std::int64_t most = 384;  // a multiple of any tile's rows
    const std::int64_t in = shape_.group_in(), count = shape_.window.taps() * in;
    std::array<std::int64_t, most> left_at, out_at;
    block.left_at = left_at.data();
    block.out_at = out_at.data();
    for (std::int64_t first = 0; first < count; first += most) {
      block.count = std::min(most, count - first);
      for (std::int64_t i = 0; i < block.count; ++i) {
        const std::int64_t row = first + i;
        left_at[static_cast<std::size_t>(i)] = taps[static_cast<std::size_t>(row / in)] + row % in;
        out_at[static_cast<std::size_t>(i)] = row * shape_.out_channels;
      }
      (depthwise_ ? loops_.depthwise : loops_.products)(block);
    }
  }

  ConvPass pass_;
  ConvPieces pieces_;
  std::vector<ConvPanel> panels_;
  std::int64_t weights_, slices_, panels_at_once_;
};

}  // namespace

std::unique_ptr<ConvPlan> plan_conv_of_weights(DType dtype, const ConvShape& shape) {
  return std::make_unique<ConvOfWeights>(dtype, shape);
}

}  // namespace nyala::kernels
