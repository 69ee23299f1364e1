#include <algorithm>
#include <array>

#include <nyala/core/kernels/bfloat16_conv.hpp>
#include <nyala/core/kernels/conv_panels.hpp>
#include <nyala/core/kernels/elementwise.hpp>
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

  std::int64_t workspace() const override {
    return (slices_ - (in_place() ? 1 : 0)) * in_lines(weights_ * item_);
  }

  void run(
      const void* x, const void* dy, const void*, void* dw, std::byte* workspace) const override {
    const auto panels = static_cast<std::int64_t>(panels_.size());
    const std::int64_t parts = (panels - 1) / panels_at_once_ + 1;
    const auto sum_of = [&](std::int64_t slice) -> std::byte* {
      if (in_place() && slice == 0) return static_cast<std::byte*>(dw);
      return workspace + (slice - (in_place() ? 1 : 0)) * in_lines(weights_ * item_);
    };
    parallel_for(slices_ * parts, 1, [&](std::int64_t i, std::int64_t) {
      const std::int64_t first = i % parts * panels_at_once_;
      const std::int64_t last = std::min(first + panels_at_once_, panels);
      run_slice(
          i / parts, {panels_.data() + first, panels_.data() + last}, x, dy, sum_of(i / parts));
    });
    if (slices_ == 1 && in_place()) return;
    parallel_for(weights_, kPackGrain, [&](std::int64_t begin, std::int64_t end) {
      std::byte* const sums = sum_of(0) + begin * item_;
      for (std::int64_t slice = 1; slice < slices_; ++slice)
        add(sum_of(slice) + begin * item_, sums, end - begin);
      if (!in_place())
        cast_loop(DType::float32, DType::bfloat16)(sums, moved(dw, begin * number_), end - begin);
    });
  }

 private:
  // Whether sums are of the dtype of dw.
  bool in_place() const { return number_ == item_; }

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

  struct Room {
    void *windows, *pairs, *panel;
  };

  // Windows whose elements are pairs of pixels that follow one another in the sums.
  ConvView view_pairs(const ConvPiece& piece, const void* x, const Room& room) const {
    ConvView view = copy_windows(pass_, piece, x, number_, room.windows);
    const ConvAxis &a0 = pass_.axes[0], &a1 = pass_.axes[1];
    const std::int64_t rows = piece.planes * a0.taps * a1.span(piece.rows);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::int64_t at = r * view.row;
      pair_up(moved(room.windows, at * number_),
              pass_.axes[2].from_step * view.pixel,
              view.row,
              moved(room.pairs, at * item_));
    }
    view.data = static_cast<const std::byte*>(room.pairs);
    return view;
  }

  void run_slice(
      std::int64_t slice, Panels panels, const void* x, const void* dy, std::byte* sum) const {
    const std::int64_t first = slice * pieces_.count() / slices_;
    const std::int64_t last = (slice + 1) * pieces_.count() / slices_;
    Room room{};
    const std::int64_t windows = in_lines(pieces_.elements() * number_);
    const std::int64_t pairs = together_ == 1 ? 0 : in_lines(pieces_.elements() * item_);
    const std::int64_t panel = pieces_.outputs() * panels_[0].row * item_;
    room.windows = matmul_workspace(static_cast<std::size_t>(windows + pairs + panel + 64));
    room.pairs = moved(room.windows, windows);
    room.panel = moved(room.pairs, pairs);
    for (std::int64_t i = first; i < last; ++i)
      run_piece(pieces_.piece(i), panels, x, dy, sum, i > first, room);
  }

  void run_piece(const ConvPiece& piece,
                 Panels panels,
                 const void* x,
                 const void* dy,
                 std::byte* sum,
                 bool accumulate,
                 const Room& room) const {
    const ConvView view = together_ == 1 ? view_windows(pass_, piece, x, item_, room.windows)
                                         : view_pairs(piece, x, room);
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
    block.length = (piece.columns - 1) / together_ + 1;
    for (std::int64_t r = 0; r < block.chunks; ++r)
      right_at[static_cast<std::size_t>(r)] = r * block.length;
    block.left_step = together_ * pass_.axes[2].from_step * view.pixel;
    block.accumulate = accumulate;
    for (const ConvPanel& p : panels) {
      const std::int64_t to = p.group * shape_.group_out() + p.first;
      block.left = moved(view.data, (depthwise_ ? p.first : p.group * in) * item_);
      block.right = moved(dy, (dy_at + to) * number_);
      block.right_row = out;
      block.width = p.width;
      block.out = moved(sum, to * item_);
      // Whole vectors are read, which only a row without a rest has.
      if (!depthwise_ && (together_ > 1 || out != p.width || p.width != p.row)) {
        pack(piece, p, block, room.panel);
        block.right = room.panel;
        block.right_row = p.row;
      }
      run_rows(block, taps);
    }
  }

  // Some columns of dy, row by row where a row's pairs are its own.
  void pack(const ConvPiece& piece, const ConvPanel& p, const ConvBlock& block, void* to) const {
    const std::int64_t out = shape_.out_channels;
    const bool at_once = piece.columns % together_ == 0;
    const std::int64_t parts = at_once ? 1 : block.chunks;
    for (std::int64_t r = 0; r < parts; ++r) {
      loops_.pack(moved(block.right, r * piece.columns * out * number_),
                  1,
                  out,
                  p.width,
                  piece.outputs() / parts,
                  moved(to, r * block.length * p.row * item_),
                  p.row);
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
      (depthwise_ ? loops_.depthwise : loops_.sums)(block);
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
