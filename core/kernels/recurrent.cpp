#include <nyala/core/kernels/recurrent.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/kernels/bytes.hpp>
#include <nyala/core/kernels/recurrent_loops.hpp>
#include <nyala/core/kernels/step_product.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Multiplications below which threads do not pay.
constexpr std::int64_t kThreadWork = std::int64_t{1} << 19;
constexpr std::int64_t kRows = StepProduct::kRows;

// What both directions share: sizes in bytes and the product of a step.
class Sequence {
 public:
  Sequence(const RecurrentPlan& plan, std::int64_t n, std::int64_t k, bool accumulate)
      : p(plan),
        loops(recurrent_loops(plan.dtype, plan.cell)),
        item(static_cast<std::int64_t>(size_of(plan.dtype))),
        state(plan.units * item),
        wide(plan.width() * item),
        saved(plan.saved_width() * item),
        product(plan, n, k, accumulate) {}

  /// body(first row, rows) for each block of rows.
  template <class F>
  void each_block(F&& body) const {
    const auto part = [&](std::int64_t begin, std::int64_t end) {
      for (; begin < end; begin += kRows) body(begin, std::min(kRows, end - begin));
    };
    if (p.steps * p.batch * p.units * p.width() < kThreadWork)
      part(0, p.batch);
    else
      parallel_for(p.batch, kRows, part);
  }

  /// The arrays of a step, from row `first` on; `t` counts from 0.
  RecurrentStep step(const bool* mask,
                     std::int64_t t,
                     std::int64_t first,
                     std::int64_t rows) const {
    RecurrentStep s = {};
    s.plan = &p;
    s.rows = rows;
    s.mask = mask == nullptr ? nullptr : mask + t * p.batch + first;
    return s;
  }
  /// The offset in bytes of row `first` of step t, for rows of `row` bytes.
  std::int64_t at(std::int64_t t, std::int64_t first, std::int64_t row) const {
    return (t * p.batch + first) * row;
  }

  const RecurrentPlan& p;
  const RecurrentLoops loops;
  const std::int64_t item, state, wide, saved;
  const StepProduct product;
};

Sequence forward_of(const RecurrentPlan& plan) { return {plan, plan.width(), plan.units, false}; }
Sequence backward_of(const RecurrentPlan& plan) { return {plan, plan.units, plan.width(), true}; }

template <class T>
void transpose(const void* from, std::int64_t rows, std::int64_t columns, void* to) {
  const T* a = static_cast<const T*>(from);
  T* b = static_cast<T*>(to);
  for (std::int64_t i = 0; i < rows; ++i) {
    for (std::int64_t j = 0; j < columns; ++j) b[j * rows + i] = a[i * columns + j];
  }
}

void add_bytes(DType dtype, const void* from, void* to, std::int64_t n) {
  visit_float(dtype, [&]<class T>() {
    for (std::int64_t i = 0; i < n; ++i) static_cast<T*>(to)[i] += static_cast<const T*>(from)[i];
  });
}

}  // namespace

std::int64_t recurrent_workspace(const RecurrentPlan& plan, bool backward) {
  if (backward) {
    const Sequence q = backward_of(plan);
    return q.product.arranged_bytes() + in_lines(plan.units * q.wide);
  }
  const Sequence q = forward_of(plan);
  return q.product.arranged_bytes() + in_lines(plan.batch * q.wide);
}

void recurrent_forward(const RecurrentPlan& plan, const RecurrentForward& a, void* workspace) {
  const Sequence q = forward_of(plan);
  void* inner = moved(workspace, q.product.arranged_bytes());
  const void* kernel = q.product.arrange(a.kernel, workspace);
  q.each_block([&](std::int64_t first, std::int64_t rows) {
    void* own = moved(inner, first * q.wide);
    for (std::int64_t t = 0; t < plan.steps; ++t) {
      const std::int64_t before = q.at(t, first, q.state), after = q.at(t + 1, first, q.state);
      q.product.run(t, rows, moved(a.h, before), kernel, a.bias, own);
      RecurrentStep s = q.step(a.mask, t, first, rows);
      s.x = moved(a.x, q.at(t, first, q.wide));
      s.inner = own;
      s.h_before = moved(a.h, before);
      s.c_before = moved(a.c, before);
      s.h = moved(a.h, after);
      s.c = moved(a.c, after);
      s.saved = moved(a.saved, q.at(t, first, q.saved));
      q.loops.forward(s);
    }
  });
}

void recurrent_backward(const RecurrentPlan& plan, const RecurrentBackward& a, void* workspace) {
  const Sequence q = backward_of(plan);
  void* transposed = moved(workspace, q.product.arranged_bytes());
  visit_float(plan.dtype,
              [&]<class T>() { transpose<T>(a.kernel, plan.units, plan.width(), transposed); });
  const void* kernel = q.product.arrange(transposed, workspace);
  q.each_block([&](std::int64_t first, std::int64_t rows) {
    void* dh = moved(a.dh0, first * q.state);
    void* dc = moved(a.dc0, first * q.state);
    const auto size = static_cast<std::size_t>(rows * q.state);
    std::memset(dh, 0, size);
    if (dc != nullptr) std::memset(dc, 0, size);
    for (std::int64_t t = plan.steps; t-- > 0;) {
      const std::int64_t before = q.at(t, first, q.state), after = q.at(t + 1, first, q.state);
      RecurrentStep s = q.step(a.mask, t, first, rows);
      s.h_before = moved(a.h, before);
      s.c_before = moved(a.c, before);
      s.h = const_cast<std::byte*>(moved(a.h, after));
      s.c = const_cast<std::byte*>(moved(a.c, after));
      s.saved = const_cast<std::byte*>(moved(a.saved, q.at(t, first, q.saved)));
      s.dh_out = moved(a.dh, after);
      s.dc_out = moved(a.dc, after);
      s.dh = dh;
      s.dc = dc;
      s.dx = moved(a.dx, q.at(t, first, q.wide));
      s.dinner = moved(a.dinner, q.at(t, first, q.wide));
      q.loops.backward(s);
      q.product.run(t, rows, s.dinner == nullptr ? s.dx : s.dinner, kernel, nullptr, dh);
    }
    add_bytes(plan.dtype, moved(a.dh, first * q.state), dh, rows * plan.units);
    if (a.dc != nullptr) add_bytes(plan.dtype, moved(a.dc, first * q.state), dc, rows * plan.units);
  });
}

}  // namespace nyala::kernels
