#include <nyala/core/kernels/conv_windows.hpp>

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace nyala::kernels {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a / b - (a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}
std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return -floor_div(-a, b); }

ConvAxis axis_of_outputs(const WindowAxis& w) {
  return {.source = w.in,
          .count = w.out,
          .to_first = 0,
          .to_step = 1,
          .from_first = -w.before,
          .from_step = w.stride,
          .taps = w.size,
          .tap_first = 0,
          .tap_step = 1,
          .tap_offset = w.dilation};
}

// The inputs i with i + before = rest (mod stride). Input i meets output o at tap t where
// i + before = o * stride + t * dilation.
ConvAxis axis_of_inputs(const WindowAxis& w, std::int64_t rest) {
  const std::int64_t first = ceil_div(w.before - rest, w.stride);
  const std::int64_t to_first = rest + first * w.stride - w.before;
  ConvAxis axis{.source = w.out,
                .count = to_first < w.in ? (w.in - 1 - to_first) / w.stride + 1 : 0,
                .to_first = to_first,
                .to_step = w.stride,
                .from_first = first,
                .from_step = 1,
                .taps = 0,
                .tap_first = 0,
                .tap_step = 0,
                .tap_offset = 1};
  // Taps of one remainder are evenly spaced; the last of them meets the first output.
  const std::int64_t apart = w.stride / std::gcd(w.stride, w.dilation);
  for (std::int64_t t = 0; t < std::min(apart, w.size); ++t) {
    if (t * w.dilation % w.stride != rest) continue;
    axis.taps = (w.size - 1 - t) / apart + 1;
    axis.tap_first = t + (axis.taps - 1) * apart;
    axis.tap_step = -apart;
    axis.tap_offset = apart * w.dilation / w.stride;
    axis.from_first = first - (axis.tap_first * w.dilation - rest) / w.stride;
  }
  return axis;
}

}  // namespace

std::vector<std::int64_t> ConvPass::window_taps(const Window& window) const {
  const auto tap = [&](std::size_t i, std::int64_t j) {
    return axes[i].tap_first + j * axes[i].tap_step;
  };
  std::vector<std::int64_t> all;
  for (std::int64_t j0 = 0; j0 < axes[0].taps; ++j0) {
    for (std::int64_t j1 = 0; j1 < axes[1].taps; ++j1) {
      for (std::int64_t j2 = 0; j2 < axes[2].taps; ++j2)
        all.push_back((tap(0, j0) * window.axes[1].size + tap(1, j1)) * window.axes[2].size +
                      tap(2, j2));
    }
  }
  return all;
}

ConvPass pass_of_outputs(const ConvShape& shape) {
  ConvPass pass{shape.window.batch, shape.in_channels, {}};
  for (std::size_t i = 0; i < 3; ++i) pass.axes[i] = axis_of_outputs(shape.window.axes[i]);
  return pass;
}

std::vector<ConvPass> passes_of_inputs(const ConvShape& shape) {
  const auto& axes = shape.window.axes;
  std::vector<ConvPass> passes;
  for (std::int64_t r0 = 0; r0 < axes[0].stride; ++r0) {
    for (std::int64_t r1 = 0; r1 < axes[1].stride; ++r1) {
      for (std::int64_t r2 = 0; r2 < axes[2].stride; ++r2) {
        const ConvPass pass{shape.window.batch,
                            shape.out_channels,
                            {axis_of_inputs(axes[0], r0),
                             axis_of_inputs(axes[1], r1),
                             axis_of_inputs(axes[2], r2)}};
        if (pass.outputs() > 0) passes.push_back(pass);
      }
    }
  }
  return passes;
}

namespace {

std::int64_t span_of(const ConvAxis& axis, std::int64_t outputs) {
  return axis.taps == 0 ? 0 : axis.span(outputs);
}

std::int64_t window_elements(const ConvPass& pass, const ConvPiece& piece) {
  return piece.planes * pass.axes[0].taps * span_of(pass.axes[1], piece.rows) *
         span_of(pass.axes[2], piece.columns) * pass.channels;
}

// The most outputs along an axis, of at most `most`, for which `fits` holds, and 1 at least; even
// parts of all of them.
template <class F>
std::int64_t even_part(std::int64_t all, std::int64_t most, F&& fits) {
  std::int64_t low = 1, high = std::clamp<std::int64_t>(most, 1, all);
  while (low < high) {
    const std::int64_t middle = low + (high - low + 1) / 2;
    if (fits(middle))
      low = middle;
    else
      high = middle - 1;
  }
  return ceil_div(all, ceil_div(all, low));
}

}  // namespace

ConvPieces::ConvPieces(const ConvPass& pass, std::int64_t outputs, std::int64_t elements)
    : all_planes_(pass.planes()), all_rows_(pass.axes[1].count), all_columns_(pass.axes[2].count) {
  most_ = {0, 1, 0, all_rows_, 0, all_columns_};
  const auto fits = [&](ConvPiece piece, std::int64_t ConvPiece::*part) {
    return [&pass, elements, piece, part](std::int64_t size) mutable {
      piece.*part = size;
      return window_elements(pass, piece) <= elements;
    };
  };
  const bool whole_planes = pass.plane() <= outputs && window_elements(pass, most_) <= elements;
  if (whole_planes) {
    most_.planes = even_part(all_planes_, outputs / pass.plane(), fits(most_, &ConvPiece::planes));
  } else {
    most_.rows = 1;
    const bool whole_rows = all_columns_ <= outputs && window_elements(pass, most_) <= elements;
    if (whole_rows)
      most_.rows = even_part(all_rows_, outputs / all_columns_, fits(most_, &ConvPiece::rows));
    else
      most_.columns = even_part(all_columns_, outputs, fits(most_, &ConvPiece::columns));
  }
  planes_ = ceil_div(all_planes_, most_.planes);
  rows_ = ceil_div(all_rows_, most_.rows);
  columns_ = ceil_div(all_columns_, most_.columns);
  elements_ = window_elements(pass, most_);
}

ConvPiece ConvPieces::piece(std::int64_t i) const {
  ConvPiece piece = most_;
  piece.column = i % columns_ * most_.columns;
  piece.row = i / columns_ % rows_ * most_.rows;
  piece.plane = i / (columns_ * rows_) * most_.planes;
  piece.columns = std::min(most_.columns, all_columns_ - piece.column);
  piece.rows = std::min(most_.rows, all_rows_ - piece.row);
  piece.planes = std::min(most_.planes, all_planes_ - piece.plane);
  return piece;
}

namespace {

// Whether `count` outputs from `first` on find all of their windows in the source.
bool is_inside(const ConvAxis& axis, std::int64_t first, std::int64_t count) {
  const std::int64_t begin = axis.from_first + first * axis.from_step;
  return axis.taps == 0 || (begin >= 0 && begin + axis.span(count) <= axis.source);
}

// `count` pixels of a row from pixel `first` on, with zeros for those beyond it.
void copy_row(const std::byte* row,
              std::int64_t pixels,
              std::int64_t first,
              std::int64_t count,
              std::int64_t bytes,
              std::byte* to) {
  const std::int64_t before = std::clamp<std::int64_t>(-first, 0, count);
  const std::int64_t end = std::clamp<std::int64_t>(pixels - first, before, count);
  const auto size = [&](std::int64_t n) { return static_cast<std::size_t>(n * bytes); };
  std::memset(to, 0, size(before));
  if (end > before)
    std::memcpy(to + before * bytes, row + (first + before) * bytes, size(end - before));
  std::memset(to + end * bytes, 0, size(count - end));
}

void copy_pixels(const ConvPass& pass,
                 const ConvPiece& piece,
                 const std::byte* source,
                 std::int64_t bytes,
                 std::byte* to) {
  const ConvAxis &a0 = pass.axes[0], &a1 = pass.axes[1], &a2 = pass.axes[2];
  const std::int64_t rows = a1.span(piece.rows), columns = a2.span(piece.columns);
  const std::int64_t row_bytes = columns * bytes;
  const std::int64_t first_row = a1.from_first + piece.row * a1.from_step;
  const std::int64_t first_column = a2.from_first + piece.column * a2.from_step;
  for (std::int64_t p = piece.plane; p < piece.plane + piece.planes; ++p) {
    const std::int64_t image = p / a0.count, q = p % a0.count;
    for (std::int64_t j = 0; j < a0.taps; ++j) {
      const std::int64_t i0 = a0.from_first + q * a0.from_step + j * a0.tap_offset;
      for (std::int64_t i1 = first_row; i1 < first_row + rows; ++i1, to += row_bytes) {
        if (i0 < 0 || i0 >= a0.source || i1 < 0 || i1 >= a1.source) {
          std::memset(to, 0, static_cast<std::size_t>(row_bytes));
          continue;
        }
        const std::int64_t row = (image * a0.source + i0) * a1.source + i1;
        copy_row(source + row * a2.source * bytes, a2.source, first_column, columns, bytes, to);
      }
    }
  }
}

}  // namespace

ConvView view_source(const ConvPass& pass, const void* source) {
  const std::int64_t row = pass.axes[2].source * pass.channels;
  return {static_cast<const std::byte*>(source),
          pass.axes[0].tap_offset * pass.axes[1].source * row,
          row,
          pass.channels,
          false};
}

ConvRun run_at(const ConvAxis& axis, std::int64_t begin, std::int64_t end) {
  const auto taps_of = [&](std::int64_t output) {
    const std::int64_t from = axis.from_first + output * axis.from_step;
    const std::int64_t first =
        std::clamp<std::int64_t>(ceil_div(-from, axis.tap_offset), 0, axis.taps);
    const std::int64_t last = ceil_div(axis.source - from, axis.tap_offset);
    return std::pair{first, std::clamp<std::int64_t>(last, first, axis.taps) - first};
  };
  const auto taps = taps_of(begin);
  std::int64_t count = 1;
  while (begin + count < end && taps_of(begin + count) == taps) ++count;
  return {begin, count, taps.first, taps.second};
}

ConvView view_windows(const ConvPass& pass,
                      const ConvPiece& piece,
                      const void* source,
                      std::int64_t item,
                      void* room) {
  const ConvAxis &a0 = pass.axes[0], &a1 = pass.axes[1], &a2 = pass.axes[2];
  if (pass.taps() == 0) return {static_cast<const std::byte*>(source), 0, 0, 0, true};
  if (is_inside(a0, 0, a0.count) && is_inside(a1, piece.row, piece.rows) &&
      is_inside(a2, piece.column, piece.columns))
    return view_source(pass, source);
  return copy_windows(pass, piece, source, item, room);
}

ConvView copy_windows(const ConvPass& pass,
                      const ConvPiece& piece,
                      const void* source,
                      std::int64_t item,
                      void* room) {
  const ConvAxis &a1 = pass.axes[1], &a2 = pass.axes[2];
  const std::int64_t pixel = pass.channels;
  copy_pixels(pass,
              piece,
              static_cast<const std::byte*>(source),
              pixel * item,
              static_cast<std::byte*>(room));
  const std::int64_t row = a2.span(piece.columns) * pixel;
  return {static_cast<const std::byte*>(room), a1.span(piece.rows) * row, row, pixel, true};
}

void put_rows(const ConvPass& pass,
              const ConvPiece& piece,
              const ConvView& view,
              std::int64_t* to) {
  const ConvAxis &a0 = pass.axes[0], &a1 = pass.axes[1], &a2 = pass.axes[2];
  for (std::int64_t p = 0; p < piece.planes; ++p) {
    std::int64_t at = p * a0.taps * view.tap;
    if (!view.copied) {
      const std::int64_t image = (piece.plane + p) / a0.count, q = (piece.plane + p) % a0.count;
      const std::int64_t i0 = image * a0.source + a0.from_first + q * a0.from_step;
      at = (i0 * a1.source + a1.from_first + piece.row * a1.from_step) * view.row +
           (a2.from_first + piece.column * a2.from_step) * view.pixel;
    }
    for (std::int64_t r = 0; r < piece.rows; ++r) *to++ = at + r * a1.from_step * view.row;
  }
}

}  // namespace nyala::kernels
