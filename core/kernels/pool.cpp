#include <nyala/core/kernels/pool.hpp>

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <nyala/core/kernels/pool_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// The elements of one window along an axis that exist.
struct Taps {
  std::int64_t first, count;  // the first input, how many

  bool operator==(const Taps&) const = default;
};

Taps taps_of(const WindowAxis& axis, std::int64_t output) {
  const std::int64_t begin = axis.input_of(output, 0);
  const std::int64_t skipped = begin < 0 ? (-begin + axis.dilation - 1) / axis.dilation : 0;
  const std::int64_t first = begin + skipped * axis.dilation;
  const std::int64_t room = first < axis.in ? (axis.in - 1 - first) / axis.dilation + 1 : 0;
  return {first, std::clamp<std::int64_t>(room, 0, std::max<std::int64_t>(axis.size - skipped, 0))};
}

bool is_apart(const WindowAxis& axis) {
  return axis.out < 2 || axis.stride >= (axis.size - 1) * axis.dilation + 1;
}
// Whether the windows cover the axis without gaps.
bool is_covered(const WindowAxis& axis) {
  return axis.dilation == 1 && axis.stride <= axis.size && axis.before >= 0 && axis.out > 0 &&
         axis.input_of(axis.out - 1, axis.size - 1) >= axis.in - 1;
}

// f(run) for a row of outputs, whose windows along the last axis are cut short at its ends only.
template <class F>
void each_run_of_row(const WindowAxis& w, PoolRun run, F&& f) {
  const std::int64_t x = run.x, y = run.y;
  for (std::int64_t o = 0; o < w.out;) {
    const Taps taps = taps_of(w, o);
    run.taps[2] = taps.count;
    run.x = x + (taps.count > 0 ? taps.first : 0) * run.channels;
    run.y = y + o * run.channels;
    const std::int64_t begin = w.input_of(o, 0);
    const bool whole = begin >= 0 && taps.count == w.size;
    // Whole windows follow one another up to the last that ends inside.
    run.count = 1;
    if (whole)
      run.count = std::min((w.in - 1 - w.input_of(o, w.size - 1)) / w.stride + 1, w.out - o);
    f(run);
    o += run.count;
  }
}

// f(run) for all windows of an image; x and y of a run count from the batch's beginning.
template <class F>
void each_run(const PoolShape& shape, std::int64_t image, F&& f) {
  const WindowAxis &d = shape.window.axes[0], &h = shape.window.axes[1], &w = shape.window.axes[2];
  const std::int64_t row = w.in * shape.channels, slice = h.in * row;
  PoolRun run{};
  run.channels = shape.channels;
  run.x_step = w.stride * shape.channels;
  run.tap_step = {d.dilation * slice, h.dilation * row, w.dilation * shape.channels};
  run.apart = is_apart(d) && is_apart(h) && is_apart(w);
  for (std::int64_t o0 = 0; o0 < d.out; ++o0) {
    const Taps t0 = taps_of(d, o0);
    for (std::int64_t o1 = 0; o1 < h.out; ++o1) {
      const Taps t1 = taps_of(h, o1);
      run.taps = {t0.count, t1.count, 0};
      run.x = image * d.in * slice;
      if (t0.count > 0 && t1.count > 0) run.x += t0.first * slice + t1.first * row;
      run.y = ((image * d.out + o0) * h.out + o1) * w.out * shape.channels;
      each_run_of_row(w, run, f);
    }
  }
}

// The same, the windows of an image on one thread.
template <class F>
void each_run(const PoolShape& shape, F&& f) {
  parallel_for(
      shape.window.batch, 1, [&](std::int64_t image, std::int64_t) { each_run(shape, image, f); });
}

// The same for what adds to the elements of dx, which are 0 before.
template <class F>
void each_spread(DType dtype, const PoolShape& shape, void* dx, F&& f) {
  const auto& axes = shape.window.axes;
  bool whole = true, apart = true;
  for (const WindowAxis& axis : axes) {
    whole = whole && is_covered(axis);
    apart = apart && is_apart(axis);
  }
  const std::size_t bytes =
      static_cast<std::size_t>(shape.window.inputs() * shape.channels) * size_of(dtype);
  parallel_for(shape.window.batch, 1, [&](std::int64_t image, std::int64_t) {
    if (!whole || !apart)
      std::memset(static_cast<std::byte*>(dx) + static_cast<std::size_t>(image) * bytes, 0, bytes);
    each_run(shape, image, [&](const PoolRun& run) {
      if (run.elements() > 0) f(run);
    });
  });
}

}  // namespace

void max_pool(DType dtype, const PoolShape& shape, const void* x, void* y) {
  const PoolLoops loops = pool_loops(dtype);
  each_run(shape, [&](const PoolRun& run) { loops.max(run, x, y); });
}

void max_pool_pick(DType dtype, const PoolShape& shape, const void* x, const void* from, void* y) {
  const PoolLoops loops = pool_loops(dtype);
  each_run(shape, [&](const PoolRun& run) {
    if (run.elements() > 0) return loops.pick(run, x, from, y);
    const std::size_t item = size_of(dtype);
    std::memset(static_cast<std::byte*>(y) + static_cast<std::size_t>(run.y) * item,
                0,
                static_cast<std::size_t>(run.count * run.channels) * item);
  });
}

void max_pool_spread(DType dtype, const PoolShape& shape, const void* x, const void* dy, void* dx) {
  const PoolLoops loops = pool_loops(dtype);
  each_spread(dtype, shape, dx, [&](const PoolRun& run) { loops.spread_max(run, x, dy, dx); });
}

void average_pool(DType dtype, const PoolShape& shape, const void* x, void* y) {
  const PoolLoops loops = pool_loops(dtype);
  each_run(shape, [&](const PoolRun& run) { loops.average(run, x, y); });
}

void average_pool_spread(DType dtype, const PoolShape& shape, const void* dy, void* dx) {
  const PoolLoops loops = pool_loops(dtype);
  each_spread(dtype, shape, dx, [&](const PoolRun& run) { loops.spread_average(run, dy, dx); });
}

}  // namespace nyala::kernels
