#include <nyala/core/kernels/conv_tiles.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include <nyala/core/kernels/conv_panels.hpp>
#include <nyala/core/kernels/simd/gemm.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Bytes of the second cache that a copy of windows may take.
constexpr std::int64_t kWindowBytes = 96 << 10;
// What a box costs beside its products, and an element that is copied, in products of vectors.
constexpr double kBoxWork = 500;
constexpr double kCopyWork = 4;

// Forward, and backward by the input: each output is a sum over the taps and channels that it
// meets.
class ConvOfWindows final : public ConvByTiles {
 public:
  ConvOfWindows(DType dtype, ConvKind kind, const ConvShape& shape, bool relu)
      : ConvByTiles(dtype, shape), input_grad_(kind == ConvKind::input_grad), relu_(relu) {
    left_ = (input_grad_ ? shape.group_out() : shape.group_in()) / together_;
    right_ = input_grad_ ? shape.group_in() : shape.group_out();
    channels_ = right_ * shape.groups;
    panels_ =
        depthwise_ ? cut_columns(loops_, 1, channels_) : cut_columns(loops_, shape.groups, right_);
    packed_row_ = depthwise_ ? channels_ : panels_.back().at + panels_.back().row;
    if (input_grad_)
      for (const ConvPass& pass : passes_of_inputs(shape)) add(pass);
    else
      add(pass_of_outputs(shape));
  }

  // The time that all outputs take, in products of vectors.
  double work() const { return work_; }
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
    bool in_boxes;  // leaves out taps beyond the source, or reads a copy with zeros
  };

  void add(ConvPass pass) {
    pass.channels /= together_;
    const std::int64_t outputs = std::clamp<std::int64_t>(pass.outputs() / 16, 48, kMostOutputs);
    const ConvPieces copied(pass, outputs, kWindowBytes / item_);
    const ConvPieces boxed(pass, outputs, std::numeric_limits<std::int64_t>::max());
    const double of_boxes = work_in_boxes(pass, boxed), of_copies = work_in_copies(pass, copied);
    const bool in_boxes = of_boxes < of_copies;
    work_ += std::min(of_boxes, of_copies) * static_cast<double>(pass.outputs());
    parts_.push_back({pass, in_boxes ? boxed : copied, pass.window_taps(shape_.window), in_boxes});
  }

  // The vectors that are multiplied for `outputs` outputs of some taps.
  double work_of(std::int64_t outputs, std::int64_t taps) const {
    constexpr std::int64_t tile = 6;
    const std::int64_t of_tap = depthwise_ ? 2 * channels_ : left_ * channels_;
    const std::int64_t vectors = (of_tap + loops_.lanes - 1) / loops_.lanes;
    const std::int64_t rounded_up = (outputs + tile - 1) / tile * tile;
    return static_cast<double>(rounded_up * taps * vectors) + kBoxWork;
  }
  // The work for an output. Boxes multiply less, and fill tiles the worse the smaller they are.
  double work_in_boxes(const ConvPass& pass, const ConvPieces& pieces) const {
    double work = 0;
    std::int64_t outputs = 0;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(pieces.count(), 64); ++i) {
      const ConvPiece piece = pieces.piece(i);
      outputs += piece.outputs();
      each_box(pass, piece, [&](const ConvBox& box) {
        work += work_of(box.piece.outputs(), box.taps[0] * box.taps[1] * box.taps[2]);
      });
    }
    return work / static_cast<double>(outputs);
  }
  double work_in_copies(const ConvPass& pass, const ConvPieces& pieces) const {
    const double copies =
        static_cast<double>(pieces.elements()) * kCopyWork / static_cast<double>(loops_.lanes);
    return (work_of(pieces.outputs(), pass.taps()) + copies) /
           static_cast<double>(pieces.outputs());
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
        const ConvPanel& p = panels_[static_cast<std::size_t>(i)];
        std::byte* panel = to + p.at * depth * item_;
        if (p.row != p.width)
          std::memset(panel, 0, static_cast<std::size_t>(depth * p.row * item_));
        const std::int64_t filter = p.group * shape_.group_out() + (input_grad_ ? 0 : p.first);
        for (const std::int64_t tap : part.taps) {
          const std::int64_t first = (tap * in + (input_grad_ ? p.first : 0)) * out + filter;
          loops_.pack(moved(w, first * number_),
                      input_grad_ ? out : 1,
                      input_grad_ ? 1 : out,
                      p.width,
                      left_ * together_,
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
    if (part.in_boxes) {
      const ConvView view = view_source(pass, a);
      return each_box(
          pass, piece, [&](const ConvBox& box) { run_box(pass, box, view, packed, bias, out); });
    }
    void* room = matmul_workspace(static_cast<std::size_t>(part.pieces.elements() * item_ + 64));
    const ConvBox all{piece, {}, {pass.axes[0].taps, pass.axes[1].taps, pass.axes[2].taps}};
    run_box(pass, all, view_windows(pass, piece, a, item_, room), packed, bias, out);
  }

  void run_box(const ConvPass& pass,
               const ConvBox& box,
               const ConvView& view,
               const std::byte* packed,
               const void* bias,
               void* out) const {
    const ConvPiece& piece = box.piece;
    const ConvAxis& last = pass.axes[2];
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
    ConvOffsets chunk_at, right_at;
    ConvBlock block{};
    block.left_at = left_at.data();
    block.out_at = out_at.data();
    block.chunk_at = chunk_at.data();
    block.right_at = right_at.data();
    block.count = piece.outputs();
    block.chunks = put_chunks(pass, box, view, dense || depthwise_, chunk_at, right_at);
    block.length = depthwise_ ? box.taps[2] : dense ? box.taps[2] * left_ : left_;
    block.left_step = depthwise_ ? last.tap_offset * view.pixel : 1;
    block.relu = relu_;
    const std::int64_t depth = left_ * pass.taps();
    for (const ConvPanel& p : panels_) {
      const std::int64_t to = p.group * right_ + p.first;
      block.left = moved(view.data, (depthwise_ ? p.first : p.group * left_) * item_);
      block.right = moved(packed, (depthwise_ ? p.first : p.at * depth) * item_);
      block.right_row = depthwise_ ? channels_ : p.row;
      block.width = p.width;
      block.out = moved(out, to * number_);
      block.bias = moved(bias, to * number_);
      (depthwise_ ? loops_.depthwise : loops_.products)(block);
    }
  }

  // The taps of a box, or the first ones of each row where those of a row follow one another, and
  // the rows of their weights. Returns how many there are.
  std::int64_t put_chunks(const ConvPass& pass,
                          const ConvBox& box,
                          const ConvView& view,
                          bool rows_only,
                          ConvOffsets& chunk_at,
                          ConvOffsets& right_at) const {
    const auto& [f0, f1, f2] = box.first;
    const std::int64_t last = rows_only ? std::min<std::int64_t>(box.taps[2], 1) : box.taps[2];
    std::size_t count = 0;
    for (std::int64_t j0 = f0; j0 < f0 + box.taps[0]; ++j0) {
      for (std::int64_t j1 = f1; j1 < f1 + box.taps[1]; ++j1) {
        for (std::int64_t j2 = f2; j2 < f2 + last; ++j2, ++count) {
          const std::int64_t tap = (j0 * pass.axes[1].taps + j1) * pass.axes[2].taps + j2;
          chunk_at[count] = tap_at(pass, view, j0, j1, j2);
          right_at[count] = tap * left_;
        }
      }
    }
    return static_cast<std::int64_t>(count);
  }

  // The pixel of the output that row r of a piece begins with.
  std::int64_t out_row(const ConvPass& pass, const ConvPiece& piece, std::int64_t r) const {
    const auto to = [&](std::size_t i, std::int64_t q) {
      return pass.axes[i].to_first + q * pass.axes[i].to_step;
    };
    const auto size = [&](std::size_t i) {
      const WindowAxis& axis = shape_.window.axes[i];
      return input_grad_ ? axis.in : axis.out;
    };
    const std::int64_t plane = piece.plane + r / piece.rows, count = pass.axes[0].count;
    const std::int64_t slice = plane / count * size(0) + to(0, plane % count);
    return (slice * size(1) + to(1, piece.row + r % piece.rows)) * size(2) + to(2, piece.column);
  }

  bool input_grad_, relu_;
  std::int64_t left_;                   // elements of a group's channels that are summed over
  std::int64_t right_;                  // channels of a group that are made
  std::int64_t channels_, packed_row_;  // made by all groups; packed for each row of a reduction
  std::vector<ConvPanel> panels_;
  std::vector<Part> parts_;
  double work_ = 0;
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
  const bool in_pairs = dtype == DType::bfloat16;
  if (in_pairs && shape.is_depthwise()) return nullptr;
  if (in_pairs && kind != ConvKind::weight_grad &&
      (kind == ConvKind::forward ? shape.group_in() : shape.group_out()) % 2 != 0)
    return nullptr;
  const auto or_winograd = [&](double work, std::unique_ptr<ConvPlan> plan) {
    return dtype == DType::float32 ? by_winograd(kind, shape, options, work, std::move(plan))
                                   : std::move(plan);
  };
  if (kind == ConvKind::weight_grad) {
    const std::int64_t lanes = conv_loops(dtype).lanes;
    const std::int64_t row = (shape.group_out() + lanes - 1) / lanes * shape.in_channels;
    const std::int64_t work = window.batch * window.outputs() * window.taps() * row;
    return or_winograd(static_cast<double>(work), plan_conv_of_weights(dtype, shape));
  }
  auto plan = std::make_unique<ConvOfWindows>(dtype, kind, shape, options.relu);
  const double work = plan->work();
  return or_winograd(work, std::move(plan));
}

}  // namespace nyala::kernels
