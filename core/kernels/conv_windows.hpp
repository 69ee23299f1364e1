#pragma once
/// Where convolutions find what they multiply: windows that need no bounds, in pieces that fit a
/// cache. Not for other kernels.
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <nyala/core/kernels/conv.hpp>

namespace nyala::kernels {

/// One axis of a convolution: output `to_first + q * to_step`, for q in [0, count), meets at tap j
/// the element `from_first + q * from_step + j * tap_offset` of the source, or a zero beyond it.
/// Tap j has the weights of the window's tap `tap_first + j * tap_step`.
struct ConvAxis {
  std::int64_t source;
  std::int64_t count, to_first, to_step;
  std::int64_t from_first, from_step;
  std::int64_t taps, tap_first, tap_step, tap_offset;

  /// From the first tap's element to the last one's, of `outputs` outputs.
  std::int64_t span(std::int64_t outputs) const {
    return (outputs - 1) * from_step + (taps - 1) * tap_offset + 1;
  }
};

/// A convolution of `channels` channels, of which all axes have one step from output to output.
struct ConvPass {
  std::int64_t batch, channels;
  std::array<ConvAxis, 3> axes;

  std::int64_t taps() const { return axes[0].taps * axes[1].taps * axes[2].taps; }
  std::int64_t planes() const { return batch * axes[0].count; }
  std::int64_t plane() const { return axes[1].count * axes[2].count; }
  std::int64_t outputs() const { return planes() * plane(); }
  /// The window's tap of each of this pass's taps.
  std::vector<std::int64_t> window_taps(const Window& window) const;
};

/// Outputs from inputs: the window as it is.
ConvPass pass_of_outputs(const ConvShape& shape);
/// Inputs from outputs: one pass for each remainder that inputs leave by the strides.
std::vector<ConvPass> passes_of_inputs(const ConvShape& shape);

/// Some outputs of a pass: whole planes, whole rows of one plane or a part of one row. Their order
/// is that of the output.
struct ConvPiece {
  std::int64_t plane, planes, row, rows, column, columns;

  std::int64_t outputs() const { return planes * rows * columns; }
  /// The position of its first output among all outputs of the pass.
  std::int64_t first(const ConvPass& pass) const {
    return (plane * pass.axes[1].count + row) * pass.axes[2].count + column;
  }
};

/// How a pass is cut: into pieces of about `outputs` outputs, with windows of at most about
/// `elements` elements, and at least one output.
class ConvPieces {
 public:
  ConvPieces(const ConvPass& pass, std::int64_t outputs, std::int64_t elements);

  std::int64_t count() const { return planes_ * rows_ * columns_; }
  ConvPiece piece(std::int64_t i) const;
  /// The most elements that the windows of a piece span.
  std::int64_t elements() const { return elements_; }
  std::int64_t outputs() const { return most_.outputs(); }

 private:
  ConvPiece most_{};
  std::int64_t all_planes_, all_rows_, all_columns_;
  std::int64_t planes_, rows_, columns_;  // pieces
  std::int64_t elements_;
};

/// Where the windows of a piece are: in the source itself or, where some reach beyond it, in a copy
/// with zeros around. Distances are in elements.
struct ConvView {
  const std::byte* data;
  std::int64_t tap, row, pixel;  ///< from one to the next along the three axes
  bool copied;
};

/// The windows of a piece of `source`, an array of elements of `item` bytes. `room` is for a copy:
/// ConvPieces::elements() elements.
ConvView view_windows(const ConvPass& pass,
                      const ConvPiece& piece,
                      const void* source,
                      std::int64_t item,
                      void* room);
/// A copy in any case.
ConvView copy_windows(const ConvPass& pass,
                      const ConvPiece& piece,
                      const void* source,
                      std::int64_t item,
                      void* room);
/// The same without a copy: windows may reach beyond the source.
ConvView view_source(const ConvPass& pass, const void* source);
/// Where the windows of each row of outputs begin: piece.planes * piece.rows offsets.
void put_rows(const ConvPass& pass, const ConvPiece& piece, const ConvView& view, std::int64_t* to);
/// Outputs of a piece that find the same taps of their windows in the source.
struct ConvBox {
  ConvPiece piece;
  std::array<std::int64_t, 3> first, taps;
};
/// The distance of tap (j0, j1, j2) from a window's beginning.
inline std::int64_t tap_at(
    const ConvPass& pass, const ConvView& view, std::int64_t j0, std::int64_t j1, std::int64_t j2) {
  return j0 * view.tap + j1 * pass.axes[1].tap_offset * view.row +
         j2 * pass.axes[2].tap_offset * view.pixel;
}

/// Outputs [begin, begin + count) along an axis find taps [first, first + taps) in the source.
struct ConvRun {
  std::int64_t begin, count, first, taps;
};
/// The longest one that begins there and ends before `end`.
ConvRun run_at(const ConvAxis& axis, std::int64_t begin, std::int64_t end);

/// f(box) for the boxes of a piece: they leave out every tap beyond the source.
template <class F>
void each_box(const ConvPass& pass, const ConvPiece& piece, F&& f) {
  const auto each_run =
      [](const ConvAxis& axis, std::int64_t begin, std::int64_t count, auto&& use) {
        for (const std::int64_t end = begin + count; begin < end;) {
          const ConvRun run = run_at(axis, begin, end);
          use(run);
          begin += run.count;
        }
      };
  const auto planes = [&](std::int64_t plane, std::int64_t count, const ConvRun& depth) {
    each_run(pass.axes[1], piece.row, piece.rows, [&](const ConvRun& rows) {
      each_run(pass.axes[2], piece.column, piece.columns, [&](const ConvRun& columns) {
        f(ConvBox{{plane, count, rows.begin, rows.count, columns.begin, columns.count},
                  {depth.first, rows.first, columns.first},
                  {depth.taps, rows.taps, columns.taps}});
      });
    });
  };
  // Planes of one depth are as many images.
  const std::int64_t depth = pass.axes[0].count;
  if (depth == 1) return planes(piece.plane, piece.planes, run_at(pass.axes[0], 0, 1));
  for (std::int64_t p = piece.plane; p < piece.plane + piece.planes; ++p)
    planes(p, 1, run_at(pass.axes[0], p % depth, p % depth + 1));
}

}  // namespace nyala::kernels
