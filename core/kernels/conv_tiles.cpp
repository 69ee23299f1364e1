#include <nyala/core/kernels/conv_tiles.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <nyala/core/kernels/conv_loops.hpp>
#include <nyala/core/kernels/conv_windows.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// The most outputs of a piece, and the most taps: their offsets lie on the stack.
constexpr std::int64_t kMostOutputs = 512;
constexpr std::int64_t kMostTaps = 1024;
// Bytes that the windows of a piece may take: of the second cache, and, where they are read once
// for each row of weights, of the first.
constexpr std::int64_t kWindowBytes = 96 << 10;
constexpr std::int64_t kNearBytes = 24 << 10;
// Parts that the weights' gradient is summed in, and the outputs that are worth one.
constexpr std::int64_t kSlices = 8;
constexpr std::int64_t kSliceOutputs = 256;
// Elements packed by one thread.
constexpr std::int64_t kPackGrain = 65536;

using Offsets = std::array<std::int64_t, kMostTaps>;

// Some columns of the right operand, packed one row after the other, `row` elements apart.
struct Panel {
  std::int64_t group, first, width, row;
  std::int64_t at;  // elements packed before, for a reduction of one row
};

// The columns of each group in panels.
std::vector<Panel> cut_columns(const ConvLoops& loops, std::int64_t groups, std::int64_t columns) {
  std::vector<Panel> panels;
  std::int64_t at = 0;
  for (std::int64_t group = 0; group < groups; ++group) {
    for (std::int64_t first = 0, width; first < columns; first += width) {
      width = loops.panel(columns - first);
      const std::int64_t row = (width + loops.lanes - 1) / loops.lanes * loops.lanes;
      panels.push_back({group, first, width, row, at});
      at += row;
    }
  }
  return panels;
}

std::byte* moved(void* data, std::int64_t bytes) { return static_cast<std::byte*>(data) + bytes; }
const std::byte* moved(const void* data, std::int64_t bytes) {
  return data == nullptr ? nullptr : static_cast<const std::byte*>(data) + bytes;
}

std::int64_t in_lines(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

// What the plans share.
class ConvByTiles : public ConvPlan {
 protected:
  ConvByTiles(DType dtype, const ConvShape& shape)
      : item_(static_cast<std::int64_t>(size_of(dtype))),
        loops_(conv_loops(dtype)),
        shape_(shape),
        depthwise_(shape.is_depthwise()) {}

  // The distances of a window's taps, or of the first ones of each row where those of a row lie
  // evenly. Returns how many there are.
  static std::int64_t put_taps(const ConvPass& pass,
                               const ConvView& view,
                               bool rows_only,
                               Offsets& to) {
    const std::int64_t last =
        rows_only ? std::min<std::int64_t>(pass.axes[2].taps, 1) : pass.axes[2].taps;
    std::size_t count = 0;
    for (std::int64_t j0 = 0; j0 < pass.axes[0].taps; ++j0) {
      for (std::int64_t j1 = 0; j1 < pass.axes[1].taps; ++j1) {
        for (std::int64_t j2 = 0; j2 < last; ++j2) to[count++] = tap_at(pass, view, j0, j1, j2);
      }
    }
    return static_cast<std::int64_t>(count);
  }

  std::int64_t item_;
  ConvLoops loops_;
  ConvShape shape_;
  bool depthwise_;
};

// Forward, and backward by the input: each output is a sum over the taps and channels that it
// meets.
class ConvOfWindows final : public ConvByTiles {
 public:
  ConvOfWindows(DType dtype, ConvKind kind, const ConvShape& shape, bool relu)
      : ConvByTiles(dtype, shape), turned_(kind == ConvKind::input_grad), relu_(relu) {
    left_ = turned_ ? shape.group_out() : shape.group_in();
    right_ = turned_ ? shape.group_in() : shape.group_out();
    channels_ = right_ * shape.groups;
    panels_ =
        depthwise_ ? cut_columns(loops_, 1, channels_) : cut_columns(loops_, shape.groups, right_);
    packed_row_ = depthwise_ ? channels_ : panels_.back().at + panels_.back().row;
    if (turned_)
      for (const ConvPass& pass : passes_of_inputs(shape)) add(pass);
    else
      add(pass_of_outputs(shape));
  }

  std::int64_t workspace() const override {
    return packed_row_ * left_ * shape_.window.taps() * item_;
  }

  void run(const void* a,
           const void* w,
           const void* bias,
           void* out,
           std::byte* workspace) const override {
    std::byte* packed = workspace;
    for (const Part& part : parts_) {
      pack(part, w, packed);
      parallel_for(part.pieces.count(), 1, [&](std::int64_t i, std::int64_t) {
        run_piece(part, part.pieces.piece(i), a, packed, bias, out);
      });
      packed += packed_row_ * left_ * part.pass.taps() * item_;
    }
  }

 private:
  struct Part {
    ConvPass pass;
    ConvPieces pieces;
    std::vector<std::int64_t> taps;  // of the window
  };

  void add(const ConvPass& pass) {
    const std::int64_t outputs = std::clamp<std::int64_t>(pass.outputs() / 16, 48, kMostOutputs);
    parts_.push_back(
        {pass, ConvPieces(pass, outputs, kWindowBytes / item_), pass.window_taps(shape_.window)});
  }

  void pack(const Part& part, const void* w, std::byte* to) const {
    const std::int64_t taps = part.pass.taps(), in = shape_.group_in(), out = shape_.out_channels;
    if (depthwise_) {
      const auto row = static_cast<std::size_t>(channels_ * item_);
      for (const std::int64_t tap : part.taps) {
        std::memcpy(to, moved(w, tap * channels_ * item_), row);
        to += row;
      }
      return;
    }
    const std::int64_t depth = left_ * taps;
    const std::int64_t grain = std::max<std::int64_t>(kPackGrain / (depth * panels_[0].row + 1), 1);
    const auto count = static_cast<std::int64_t>(panels_.size());
    parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t i = begin; i < end; ++i) {
        const Panel& p = panels_[static_cast<std::size_t>(i)];
        std::byte* panel = to + p.at * depth * item_;
        if (p.row != p.width)
          std::memset(panel, 0, static_cast<std::size_t>(depth * p.row * item_));
        const std::int64_t filter = p.group * shape_.group_out() + (turned_ ? 0 : p.first);
        for (const std::int64_t tap : part.taps) {
          const std::int64_t first = (tap * in + (turned_ ? p.first : 0)) * out + filter;
          loops_.pack(moved(w, first * item_),
                      turned_ ? out : 1,
                      turned_ ? 1 : out,
                      p.width,
                      left_,
                      panel,
                      p.row);
          panel += left_ * p.row * item_;
        }
      }
    });
  }

  void run_piece(const Part& part,
                 const ConvPiece& piece,
                 const void* a,
                 const std::byte* packed,
                 const void* bias,
                 void* out) const {
    const ConvPass& pass = part.pass;
    const ConvAxis& last = pass.axes[2];
    void* room = matmul_workspace(static_cast<std::size_t>(part.pieces.elements() * item_ + 64));
    const ConvView view = view_windows(pass, piece, a, item_, room);
    std::array<std::int64_t, kMostOutputs> rows, left_at, out_at;
    put_rows(pass, piece, view, rows.data());
    std::size_t at = 0;
    for (std::int64_t r = 0; r < piece.planes * piece.rows; ++r) {
      const std::int64_t to = out_row(pass, piece, r);
      for (std::int64_t c = 0; c < piece.columns; ++c, ++at) {
        left_at[at] = rows[static_cast<std::size_t>(r)] + c * last.from_step * view.pixel;
        out_at[at] = (to + c * last.to_step) * channels_;
      }
    }
    const bool dense = shape_.groups == 1 && last.tap_offset == 1;
    Offsets chunk_at;
    ConvBlock block{};
    block.left_at = left_at.data();
    block.out_at = out_at.data();
    block.chunk_at = chunk_at.data();
    block.count = piece.outputs();
    block.chunks = put_taps(pass, view, dense || depthwise_, chunk_at);
    block.length = depthwise_ ? last.taps : dense ? last.taps * left_ : left_;
    block.left_step = depthwise_ ? last.tap_offset * view.pixel : 1;
    block.relu = relu_;
    const std::int64_t depth = left_ * pass.taps();
    for (const Panel& p : panels_) {
      const std::int64_t to = p.group * right_ + p.first;
      block.left = moved(view.data, (depthwise_ ? p.first : p.group * left_) * item_);
      block.right = moved(packed, (depthwise_ ? p.first : p.at * depth) * item_);
      block.right_row = depthwise_ ? channels_ : p.row;
      block.width = p.width;
      block.out = moved(out, to * item_);
      block.bias = moved(bias, to * item_);
      (depthwise_ ? loops_.depthwise : loops_.products)(block);
    }
  }

  // The pixel of the output that row r of a piece begins with.
  std::int64_t out_row(const ConvPass& pass, const ConvPiece& piece, std::int64_t r) const {
    const auto to = [&](std::size_t i, std::int64_t q) {
      return pass.axes[i].to_first + q * pass.axes[i].to_step;
    };
    const auto size = [&](std::size_t i) {
      const WindowAxis& axis = shape_.window.axes[i];
      return turned_ ? axis.in : axis.out;
    };
    const std::int64_t plane = piece.plane + r / piece.rows, count = pass.axes[0].count;
    const std::int64_t slice = plane / count * size(0) + to(0, plane % count);
    return (slice * size(1) + to(1, piece.row + r % piece.rows)) * size(2) + to(2, piece.column);
  }

  bool turned_, relu_;
  std::int64_t left_, right_;           // channels of a group that are summed over, that are made
  std::int64_t channels_, packed_row_;  // made by all groups; packed for each row of a reduction
  std::vector<Panel> panels_;
  std::vector<Part> parts_;
};

// Backward by the weights: a sum over all outputs, in slices that the shape alone decides on.
class ConvOfWeights final : public ConvByTiles {
 public:
  ConvOfWeights(DType dtype, const ConvShape& shape)
      : ConvByTiles(dtype, shape),
        pass_(pass_of_outputs(shape)),
        pieces_(pass_, kMostOutputs, kNearBytes / item_),
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
    const Panel *first, *last;
    const Panel* begin() const { return first; }
    const Panel* end() const { return last; }
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
    Offsets taps;
    std::array<std::int64_t, kMostOutputs> rows;
    const std::int64_t in = shape_.group_in(), out = shape_.out_channels;
    const std::int64_t dy_at = piece.first(pass_) * out;
    put_taps(pass_, view, false, taps);
    put_rows(pass_, piece, view, rows.data());
    ConvBlock block{};
    block.chunk_at = rows.data();
    block.chunks = piece.planes * piece.rows;
    block.length = piece.columns;
    block.left_step = pass_.axes[2].from_step * view.pixel;
    block.accumulate = accumulate;
    for (const Panel& p : panels) {
      const std::int64_t to = p.group * shape_.group_out() + p.first;
      block.left = moved(view.data, (depthwise_ ? p.first : p.group * in) * item_);
      block.right = moved(dy, (dy_at + to) * item_);
      block.right_row = out;
      block.width = p.width;
      block.out = moved(sum, to * item_);
      if (!depthwise_ && out != p.width) {
        loops_.pack(block.right, 1, out, p.width, piece.outputs(), packed, p.row);
        block.right = packed;
        block.right_row = p.row;
      }
      run_rows(block, taps);
    }
  }

  // All rows of the weights, some at a time.
  void run_rows(ConvBlock& block, const Offsets& taps) const {
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
  std::vector<Panel> panels_;
  std::int64_t weights_, slices_, panels_at_once_;
};

}  // namespace

std::unique_ptr<ConvPlan> plan_conv_by_tiles(DType dtype,
                                             ConvKind kind,
                                             const ConvShape& shape,
                                             ConvOptions options) {
  const Window& window = shape.window;
  if (window.taps() > kMostTaps || window.batch == 0 || window.outputs() == 0 ||
      window.inputs() == 0 || shape.group_in() == 0 || shape.group_out() == 0)
    return nullptr;
  if (kind == ConvKind::weight_grad) return std::make_unique<ConvOfWeights>(dtype, shape);
  return std::make_unique<ConvOfWindows>(dtype, kind, shape, options.relu);
}

}  // namespace nyala::kernels
