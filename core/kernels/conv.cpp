#include <nyala/core/kernels/conv.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/kernels/bytes.hpp>
#include <nyala/core/kernels/conv_tiles.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

// Calls f(o0, o1, tap0, tap1, i0, i1) for the rows of outputs of one tap that have a row of inputs.
template <class F>
void each_row_pair(const Window& window, std::int64_t o0, std::int64_t o1, F&& f) {
  const WindowAxis &d = window.axes[0], &h = window.axes[1];
  for (std::int64_t t0 = 0; t0 < d.size; ++t0) {
    const std::int64_t i0 = d.input_of(o0, t0);
    if (!d.is_inside(i0)) continue;
    for (std::int64_t t1 = 0; t1 < h.size; ++t1) {
      const std::int64_t i1 = h.input_of(o1, t1);
      if (h.is_inside(i1)) f(t0 * h.size + t1, i0 * h.in + i1);
    }
  }
}

template <class T>
void finish_row(T* y, std::int64_t pixels, std::int64_t channels, bool relu) {
  if (!relu) return;
  for (std::int64_t i = 0; i < pixels * channels; ++i) y[i] = y[i] < T{0} ? T{0} : y[i];
}

template <class T>
void start_row(T* y, std::int64_t pixels, std::int64_t channels, const T* bias) {
  for (std::int64_t p = 0; p < pixels; ++p, y += channels) {
    if (bias == nullptr)
      std::fill(y, y + channels, T{0});
    else
      std::copy(bias, bias + channels, y);
  }
}

// Tap by tap: for each row of outputs and each tap one product of (pixels, channels) matrices, or,
// depthwise, one of elements.
template <class T>
class ConvByTaps final : public ConvPlan {
 public:
  ConvByTaps(DType dtype, ConvKind kind, const ConvShape& shape, ConvOptions options)
      : kind_(kind), shape_(shape), relu_(options.relu) {
    const WindowAxis& w = shape.window.axes[2];
    for (std::int64_t tap = 0; tap < w.size; ++tap) {
      spans_.push_back(w.outputs_of(tap));
      products_.push_back(product(dtype, spans_.back().last - spans_.back().first));
    }
  }

  void run(const void* a, const void* b, const void* bias, void* out, std::byte*) const override {
    switch (kind_) {
      case ConvKind::forward: return forward(cast(a), cast(b), cast(bias), static_cast<T*>(out));
      case ConvKind::input_grad: return input_grad(cast(a), cast(b), static_cast<T*>(out));
      case ConvKind::weight_grad: return weight_grad(cast(a), cast(b), static_cast<T*>(out));
    }
  }

 private:
  static const T* cast(const void* data) { return static_cast<const T*>(data); }

  MatmulPlan product(DType dtype, std::int64_t pixels) const {
    const std::int64_t ic = shape_.in_channels, oc = shape_.out_channels;
    const std::int64_t group_in = shape_.group_in(), group_out = shape_.group_out();
    const std::int64_t step = shape_.window.axes[2].stride * ic;
    const MatmulOptions options{.accumulate = true};
    switch (kind_) {
      case ConvKind::forward:
        return plan_matmul({dtype, pixels, group_out, group_in, {step, 1}, {oc, 1}, oc, options});
      case ConvKind::input_grad:
        return plan_matmul({dtype, pixels, group_in, group_out, {oc, 1}, {1, oc}, step, options});
      default:
        return plan_matmul({dtype, group_in, group_out, pixels, {1, step}, {oc, 1}, oc, options});
    }
  }

  // f(tap, first pixel of the input, first pixel of the output) for what one tap pairs in a row.
  template <class F>
  void each_tap(std::int64_t row_tap, std::int64_t in_row, std::int64_t out_row, F&& f) const {
    const WindowAxis& w = shape_.window.axes[2];
    for (std::int64_t tap = 0; tap < w.size; ++tap) {
      const auto [first, last] = spans_[static_cast<std::size_t>(tap)];
      if (first == last) continue;
      f(static_cast<std::size_t>(tap),
        row_tap * w.size + tap,
        in_row * w.in + w.input_of(first, tap),
        out_row * w.out + first);
    }
  }

  // The offsets of each group in x, w and y.
  template <class F>
  void each_group(F&& f) const {
    for (std::int64_t g = 0; g < shape_.groups; ++g)
      f(g * shape_.group_in(), g * shape_.group_out());
  }

  std::int64_t pixels(std::size_t tap) const { return spans_[tap].last - spans_[tap].first; }
  std::int64_t weights_of_tap() const { return shape_.group_in() * shape_.out_channels; }

  void forward(const T* x, const T* w, const T* bias, T* y) const {
    const Window& window = shape_.window;
    const std::int64_t ic = shape_.in_channels, oc = shape_.out_channels;
    const std::int64_t rows = window.axes[0].out * window.axes[1].out, width = window.axes[2].out;
    const std::int64_t in_rows = window.axes[0].in * window.axes[1].in;
    const std::int64_t step = window.axes[2].stride * ic;
    parallel_for(window.batch * rows, 1, [&](std::int64_t row, std::int64_t) {
      T* to = y + row * width * oc;
      start_row(to, width, oc, bias);
      const std::int64_t image = row / rows, o = row % rows;
      each_row_pair(window,
                    o / window.axes[1].out,
                    o % window.axes[1].out,
                    [&](std::int64_t row_tap, std::int64_t in_row) {
                      each_tap(
                          row_tap,
                          image * in_rows + in_row,
                          row,
                          [&](std::size_t t, std::int64_t tap, std::int64_t in, std::int64_t out) {
                            const T* weights = w + tap * weights_of_tap();
                            if (shape_.is_depthwise())
                              return add_products(
                                  x + in * ic, step, weights, 0, y + out * oc, oc, pixels(t), oc);
                            each_group([&](std::int64_t gi, std::int64_t go) {
                              products_[t](x + in * ic + gi, weights + go, y + out * oc + go);
                            });
                          });
                    });
      finish_row(to, width, oc, relu_);
    });
  }

  // to[p][c] += a[p][c] * b[p][c], where the pixels lie `..._step` apart.
  static void add_products(const T* a,
                           std::int64_t a_step,
                           const T* b,
                           std::int64_t b_step,
                           T* to,
                           std::int64_t to_step,
                           std::int64_t count,
                           std::int64_t channels) {
    for (; count > 0; --count, a += a_step, b += b_step, to += to_step) {
      for (std::int64_t c = 0; c < channels; ++c) to[c] += a[c] * b[c];
    }
  }

  void input_grad(const T* dy, const T* w, T* dx) const {
    const Window& window = shape_.window;
    const std::int64_t ic = shape_.in_channels, oc = shape_.out_channels;
    const std::int64_t rows = window.axes[0].out * window.axes[1].out;
    const std::int64_t in_rows = window.axes[0].in * window.axes[1].in;
    const std::int64_t step = window.axes[2].stride * ic;
    std::fill(dx, dx + window.batch * window.inputs() * ic, T{0});
    parallel_for(window.batch, 1, [&](std::int64_t image, std::int64_t) {
      for (std::int64_t o = 0; o < rows; ++o) {
        each_row_pair(
            window,
            o / window.axes[1].out,
            o % window.axes[1].out,
            [&](std::int64_t row_tap, std::int64_t in_row) {
              each_tap(row_tap,
                       image * in_rows + in_row,
                       image * rows + o,
                       [&](std::size_t t, std::int64_t tap, std::int64_t in, std::int64_t out) {
                         const T* weights = w + tap * weights_of_tap();
                         if (shape_.is_depthwise())
                           return add_products(
                               dy + out * oc, oc, weights, 0, dx + in * ic, step, pixels(t), oc);
                         each_group([&](std::int64_t gi, std::int64_t go) {
                           products_[t](dy + out * oc + go, weights + go, dx + in * ic + gi);
                         });
                       });
            });
      }
    });
  }

  // Each row of taps on a thread: its weights are summed over all pixels in one order.
  void weight_grad(const T* x, const T* dy, T* dw) const {
    const Window& window = shape_.window;
    const WindowAxis &d = window.axes[0], &h = window.axes[1], &width = window.axes[2];
    const std::int64_t ic = shape_.in_channels, oc = shape_.out_channels;
    const std::int64_t step = width.stride * ic, of_row = width.size * weights_of_tap();
    parallel_for(d.size * h.size, 1, [&](std::int64_t row_tap, std::int64_t) {
      std::fill(dw + row_tap * of_row, dw + (row_tap + 1) * of_row, T{0});
      const auto [d_first, d_last] = d.outputs_of(row_tap / h.size);
      const auto [h_first, h_last] = h.outputs_of(row_tap % h.size);
      for (std::int64_t image = 0; image < window.batch; ++image) {
        for (std::int64_t o0 = d_first; o0 < d_last; ++o0) {
          for (std::int64_t o1 = h_first; o1 < h_last; ++o1) {
            const std::int64_t i0 = d.input_of(o0, row_tap / h.size);
            const std::int64_t i1 = h.input_of(o1, row_tap % h.size);
            each_tap(row_tap,
                     (image * d.in + i0) * h.in + i1,
                     (image * d.out + o0) * h.out + o1,
                     [&](std::size_t t, std::int64_t tap, std::int64_t in, std::int64_t out) {
                       T* weights = dw + tap * weights_of_tap();
                       if (shape_.is_depthwise())
                         return add_products(
                             x + in * ic, step, dy + out * oc, oc, weights, 0, pixels(t), oc);
                       each_group([&](std::int64_t gi, std::int64_t go) {
                         products_[t](x + in * ic + gi, dy + out * oc + go, weights + go);
                       });
                     });
          }
        }
      }
    });
  }

  ConvKind kind_;
  ConvShape shape_;
  bool relu_;
  std::vector<WindowAxis::Span> spans_;  // of the taps along the last axis
  std::vector<MatmulPlan> products_;
};

// Of another dtype, computed in float32 and rounded once.
class ConvWidened final : public ConvPlan {
 public:
  ConvWidened(DType dtype, ConvKind kind, const ConvShape& shape, ConvOptions options)
      : plan_(plan_conv(DType::float32, kind, shape, options)),
        widen_(cast_loop(dtype, DType::float32)),
        round_(cast_loop(DType::float32, dtype)),
        item_(static_cast<std::int64_t>(size_of(dtype))),
        bias_(shape.out_channels) {
    const Window& window = shape.window;
    const std::int64_t x = window.batch * window.inputs() * shape.in_channels;
    const std::int64_t w = window.taps() * shape.group_in() * shape.out_channels;
    const std::int64_t y = window.batch * window.outputs() * shape.out_channels;
    a_ = kind == ConvKind::input_grad ? y : x;
    b_ = kind == ConvKind::weight_grad ? y : w;
    out_ = kind == ConvKind::forward ? y : kind == ConvKind::input_grad ? x : w;
  }

  std::int64_t workspace() const override {
    return room(a_) + room(b_) + room(bias_) + room(out_) + plan_->workspace();
  }

  void run(const void* a,
           const void* b,
           const void* bias,
           void* out,
           std::byte* workspace) const override {
    const auto wide = [&](const void* from, std::int64_t count) {
      std::byte* const to = workspace;
      workspace += room(count);
      if (from != nullptr) cast(widen_, from, item_, to, sizeof(float), count);
      return to;
    };
    const void* const wide_a = wide(a, a_);
    const void* const wide_b = wide(b, b_);
    const void* const wide_bias = wide(bias, bias_);
    void* const result = wide(nullptr, out_);
    plan_->run(wide_a, wide_b, bias == nullptr ? nullptr : wide_bias, result, workspace);
    cast(round_, result, sizeof(float), out, item_, out_);
  }

 private:
  static std::int64_t room(std::int64_t floats) {
    return in_lines(floats * static_cast<std::int64_t>(sizeof(float)));
  }

  static void cast(UnaryLoop loop,
                   const void* from,
                   std::int64_t from_item,
                   void* to,
                   std::int64_t to_item,
                   std::int64_t count) {
    constexpr std::int64_t grain = 65536;
    parallel_for(count, grain, [&](std::int64_t begin, std::int64_t end) {
      loop(moved(from, begin * from_item), moved(to, begin * to_item), end - begin);
    });
  }

  std::unique_ptr<ConvPlan> plan_;
  UnaryLoop widen_, round_;
  std::int64_t item_, bias_;
  std::int64_t a_, b_, out_;  // numbers
};

}  // namespace

std::unique_ptr<ConvPlan> plan_conv_by_taps(DType dtype,
                                            ConvKind kind,
                                            const ConvShape& shape,
                                            ConvOptions options) {
  if (dtype == DType::float32)
    return std::make_unique<ConvByTaps<float>>(dtype, kind, shape, options);
  if (dtype == DType::float64)
    return std::make_unique<ConvByTaps<double>>(dtype, kind, shape, options);
  throw TypeError("conv: received dtype " + std::string(name_of(dtype)) +
                  ", expected float32 or float64");
}

std::unique_ptr<ConvPlan> plan_conv(DType dtype,
                                    ConvKind kind,
                                    const ConvShape& shape,
                                    ConvOptions options) {
  if (is_floating(dtype) && multiplies(dtype)) {
    if (auto plan = plan_conv_by_tiles(dtype, kind, shape, options)) return plan;
    if (!has_kernels(dtype)) return std::make_unique<ConvWidened>(dtype, kind, shape, options);
  }
  return plan_conv_by_taps(dtype, kind, shape, options);
}

}  // namespace nyala::kernels
