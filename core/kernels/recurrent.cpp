#include <nyala/core/kernels/recurrent.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/kernels/recurrent_loops.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Rows that go through all steps together: a multiple of the products' tiles, few enough for two
// threads to share a batch of 32.
constexpr std::int64_t kRows = 16;
// Multiplications below which threads do not pay.
constexpr std::int64_t kThreadWork = std::int64_t{1} << 19;
// The most rows that are multiplied by an unpacked kernel: a vector of sums for each row and panel
// of a packed one would leave the multipliers idle.
constexpr std::int64_t kFewRows = 2;
// For so few rows a step waits for its weights. Of more bytes than the first cache has, those read
// last are read first in the next step: so many columns at a time, in contiguous strips.
constexpr std::int64_t kNearBytes = 24 << 10;
constexpr std::int64_t kStrip = 64;
constexpr std::int64_t kStepsToCopyFor = 4;

std::int64_t aligned(std::int64_t bytes) { return (bytes + 63) / 64 * 64; }

template <class P>
P moved(P array, std::int64_t bytes) {
  if (array == nullptr) return nullptr;
  using Byte =
      std::conditional_t<std::is_const_v<std::remove_pointer_t<P>>, const std::byte*, std::byte*>;
  return static_cast<Byte>(array) + bytes;
}

// What both directions share: sizes in bytes, the product of a step, and its packed operand.
class Sequence {
 public:
  Sequence(const RecurrentPlan& plan, std::int64_t n, std::int64_t k, bool accumulate)
      : p(plan),
        loops(recurrent_loops(plan.dtype, plan.cell)),
        item(static_cast<std::int64_t>(size_of(plan.dtype))),
        state(plan.units * item),
        wide(plan.width() * item),
        saved(plan.saved_width() * item),
        packs(plan.batch > kFewRows),
        in_strips(!packs && plan.steps >= kStepsToCopyFor && n * k * item > kNearBytes),
        // Of one row: a plan of one column with more rows is transposed, and its parts with it.
        whole(plan_matmul({plan.dtype, 1, n, k, {k, 1}, {n, 1}, n, {.accumulate = accumulate}})) {
    if (in_strips) strips = {product_of(kStrip), product_of(n % kStrip)};
  }

  std::int64_t packed_bytes() const {
    if (in_strips) return aligned(whole.k * whole.n * item);
    return packs ? aligned(packed_size(whole) * item) : 0;
  }
  /// The right operand of the products, packed into `to` where that pays.
  const void* right(const void* b, void* to) const {
    if (packs) pack_columns(whole, b, to);
    if (in_strips) copy_strips(b, to);
    return packs || in_strips ? to : b;
  }
  /// The product of step t, for all columns of a block's rows.
  void multiply(const MatmulPlan& product,
                std::int64_t t,
                const void* a,
                const void* b,
                const void* bias,
                void* c) const {
    if (!in_strips) return product.run_tile(product, a, b, bias, c);
    const std::int64_t count = (whole.n - 1) / kStrip + 1;
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t column = (t % 2 == 0 ? i : count - 1 - i) * kStrip;
      const MatmulPlan& strip = strips[column + kStrip <= whole.n ? 0 : 1];
      strip.run_tile(strip,
                     a,
                     moved(b, column * whole.k * item),
                     moved(bias, column * item),
                     moved(c, column * item));
    }
  }

  /// body(product, first row, rows) for each block of rows.
  template <class F>
  void each_block(F&& body) const {
    const auto part = [&](std::int64_t begin, std::int64_t end) {
      MatmulPlan product = part_of(whole, packs ? kRows : p.batch, whole.n, whole.n, packs);
      for (; begin < end; begin += kRows) {
        product.m = std::min(kRows, end - begin);
        body(product, begin, product.m);
      }
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
  const bool packs, in_strips;
  const MatmulPlan whole;
  std::array<MatmulPlan, 2> strips;  // a whole one and the last

 private:
  MatmulPlan product_of(std::int64_t columns) const {
    const std::int64_t n = whole.n, k = whole.k;
    return plan_matmul(
        {p.dtype, p.batch, columns, k, {k, 1}, {columns, 1}, n, {.accumulate = whole.accumulate}});
  }
  void copy_strips(const void* b, void* to) const {
    const std::array strides{whole.n, std::int64_t{1}};
    for (std::int64_t column = 0; column < whole.n; column += kStrip) {
      const std::array shape{whole.k, std::min(kStrip, whole.n - column)};
      copy(p.dtype,
           shape,
           {moved(b, column * item), strides.data()},
           moved(to, column * whole.k * item));
    }
  }
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
    return q.packed_bytes() + aligned(plan.units * q.wide);
  }
  const Sequence q = forward_of(plan);
  return q.packed_bytes() + aligned(plan.batch * q.wide);
}

void recurrent_forward(const RecurrentPlan& plan, const RecurrentForward& a, void* workspace) {
  const Sequence q = forward_of(plan);
  void* inner = moved(workspace, q.packed_bytes());
  const void* kernel = q.right(a.kernel, workspace);
  q.each_block([&](const MatmulPlan& product, std::int64_t first, std::int64_t rows) {
    void* own = moved(inner, first * q.wide);
    for (std::int64_t t = 0; t < plan.steps; ++t) {
      const std::int64_t before = q.at(t, first, q.state), after = q.at(t + 1, first, q.state);
      q.multiply(product, t, moved(a.h, before), kernel, a.bias, own);
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
  void* transposed = moved(workspace, q.packed_bytes());
  visit_float(plan.dtype,
              [&]<class T>() { transpose<T>(a.kernel, plan.units, plan.width(), transposed); });
  const void* kernel = q.right(transposed, workspace);
  q.each_block([&](const MatmulPlan& product, std::int64_t first, std::int64_t rows) {
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
      s.h = const_cast<void*>(moved(a.h, after));
      s.c = const_cast<void*>(moved(a.c, after));
      s.saved = const_cast<void*>(moved(a.saved, q.at(t, first, q.saved)));
      s.dh_out = moved(a.dh, after);
      s.dc_out = moved(a.dc, after);
      s.dh = dh;
      s.dc = dc;
      s.dx = moved(a.dx, q.at(t, first, q.wide));
      s.dinner = moved(a.dinner, q.at(t, first, q.wide));
      q.loops.backward(s);
      q.multiply(product, t, s.dinner == nullptr ? s.dx : s.dinner, kernel, nullptr, dh);
    }
    add_bytes(plan.dtype, moved(a.dh, first * q.state), dh, rows * plan.units);
    if (a.dc != nullptr) add_bytes(plan.dtype, moved(a.dc, first * q.state), dc, rows * plan.units);
  });
}

}  // namespace nyala::kernels
