#include <nyala/core/ops/conv.hpp>

#include <nyala/core/kernels/conv.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/ops/windows/support.hpp>

namespace nyala {
namespace ops {
namespace {

// Each of the three ops is linear in both of its inputs, and their gradients are one another: y =
// conv(x, w), dx = conv_input_grad(dy, w), dw = conv_weight_grad(x, dy) share a geometry.
template <class Self>
struct OfConv : Sliding {
  int groups = 1;

  template <class A = Self>
  static constexpr auto base_fields() {
    return std::tuple_cat(
        Sliding::sliding_fields<A>(),
        std::tuple{Field{"groups", &A::groups, "Parts of the channels, each by itself."}});
  }

  static bool takes(DType dtype) { return kernels::multiplies(dtype); }

  [[noreturn]] static void refuse(Inputs<Spec> in, const std::string& wanted) {
    std::string shapes;
    for (std::size_t i = 0; i < in.size(); ++i) shapes += (i == 0 ? "" : ", ") + in[i].shape.str();
    throw ShapeError(std::string(Self::name) + ": received shapes " + shapes + ", expected " +
                     wanted + " of one dtype of floats");
  }
  static void expect(bool right, Inputs<Spec> in, const char* wanted) {
    const DType dtype = in[0].dtype;
    for (std::size_t i = 0; i < in.size(); ++i) right = right && in[i].dtype == dtype;
    right = right && is_floating(dtype) && takes(dtype);
    if (!right) refuse(in, wanted);
  }

  // Whether this many channels, or an unknown number, make whole groups. Throws ValueError for
  // groups below 1.
  bool makes_groups(std::int64_t channels) const {
    if (groups < 1) {
      throw ValueError(std::string(Self::name) + ": received groups = " + std::to_string(groups) +
                       ", expected 1 or more");
    }
    return channels == None || channels % groups == 0;
  }

  // Known shapes as the kernels count them.
  kernels::ConvShape geometry(const Shape& x, const Shape& y, const Extents& sizes) const {
    kernels::ConvShape shape;
    const int rank = sizes.count();
    shape.window.batch = x[0];
    for (int i = 0; i < rank; ++i) {
      kernels::WindowAxis one = axis(i, x[i + 1], sizes[i]);
      one.out = y[i + 1];
      shape.window.axes[static_cast<std::size_t>(3 - rank + i)] = one;
    }
    shape.in_channels = x.back();
    shape.out_channels = y.back();
    shape.groups = groups;
    return shape;
  }

  auto prepare(const Layouts& at, Workspace& workspace) const {
    std::shared_ptr<const kernels::ConvPlan> plan = self().plan(at.in, at.out[0]);
    const std::int64_t room = workspace.take(plan->workspace());
    return [plan, room, has_bias = at.in.size() > 2](
               const void* const* from, void* const* to, std::byte* block) {
      plan->run(from[0], from[1], has_bias ? from[2] : nullptr, to[0], block + room);
    };
  }

  // The geometry of a gradient, for sizes that are known now.
  template <class Other>
  Other with_geometry(const Shape& x, const Shape& y, const Extents& sizes) const {
    Other other;
    static_cast<Sliding&>(other) = this->settled(x, y, sizes);
    other.groups = groups;
    return other;
  }

 private:
  const Self& self() const { return static_cast<const Self&>(*this); }
};

struct Conv;

// Inputs: dy and w. An axis of dx has (out - 1) * stride + extra elements.
struct ConvInputGrad : OfConv<ConvInputGrad> {
  static constexpr std::string_view name = "conv_input_grad";
  static constexpr std::string_view doc = "The gradient of conv by its input.";
  static constexpr Saves saves = Saves::inputs;

  Extents extra;
  template <class A = ConvInputGrad>
  static constexpr auto fields() {
    return std::tuple_cat(
        base_fields<A>(),
        std::tuple{Field{"extra", &A::extra, "Elements of an axis for its first window."}});
  }

  Spec infer(Inputs<Spec> in) const {
    const Shape &dy = in[0].shape, &w = in[1].shape;
    const int rank = extra.count();
    expect(dy.rank() == rank + 2 && w.rank() == rank + 2 && sizes_fit(dy.back(), w.back()) &&
               makes_groups(w.back()),
           in,
           "(batch, spatial..., filters) and (spatial..., channels, filters)");
    Shape dx = dy;
    for (int i = 0; i < rank; ++i) {
      if (dy[i + 1] == None) continue;
      dx[i + 1] = add_sizes(multiply_sizes(dy[i + 1] - 1, strides[i], "conv_input_grad"),
                            extra[i],
                            "conv_input_grad");
      if (dx[i + 1] < 0) dx[i + 1] = 0;
    }
    dx[-1] = multiply_sizes(w[-2], groups, "conv_input_grad");
    return {dx, in[0].dtype};
  }
  auto plan(Inputs<Tensor> in, const Tensor& out) const {
    const Extents sizes = spatial_sizes(in[1].shape(), 0, extra.count());
    return kernels::plan_conv(
        out.dtype(), kernels::ConvKind::input_grad, geometry(out.shape(), in[0].shape(), sizes));
  }
  Grads vjp(const Saved& saved, const Tensor& d) const;
  static std::vector<SampleOf<ConvInputGrad>> samples();
};

// Inputs: x and dy.
struct ConvWeightGrad : OfConv<ConvWeightGrad> {
  static constexpr std::string_view name = "conv_weight_grad";
  static constexpr std::string_view doc = "The gradient of conv by its kernel.";
  static constexpr Saves saves = Saves::inputs;

  Extents sizes;
  template <class A = ConvWeightGrad>
  static constexpr auto fields() {
    return std::tuple_cat(base_fields<A>(),
                          std::tuple{Field{"sizes", &A::sizes, "The kernel's spatial sizes."}});
  }

  Spec infer(Inputs<Spec> in) const {
    const Shape &x = in[0].shape, &dy = in[1].shape;
    const int rank = sizes.count();
    expect(x.rank() == rank + 2 && dy.rank() == rank + 2 && sizes_fit(x[0], dy[0]) &&
               x.back() != None && makes_groups(x.back()) && makes_groups(dy.back()),
           in,
           "(batch, spatial..., channels) and (batch, spatial..., filters)");
    Shape w;
    for (int i = 0; i < rank; ++i) w.push_back(sizes[i]);
    w.push_back(x.back() / groups);
    w.push_back(dy.back());
    return {w, in[0].dtype};
  }
  auto plan(Inputs<Tensor> in, const Tensor& out) const {
    return kernels::plan_conv(
        out.dtype(), kernels::ConvKind::weight_grad, geometry(in[0].shape(), in[1].shape(), sizes));
  }
  Grads vjp(const Saved& saved, const Tensor& d) const;
  static std::vector<SampleOf<ConvWeightGrad>> samples();
};

Extents extra_of(const Sliding& sliding, const Shape& x, const Shape& y, int rank) {
  return each_extent(rank, [&](int i) { return x[i + 1] - (y[i + 1] - 1) * sliding.strides[i]; });
}

ConvInputGrad input_grad_of(const Sliding& s, int groups, const Shape& x, const Shape& y) {
  ConvInputGrad grad;
  static_cast<Sliding&>(grad) = s;
  grad.groups = groups;
  grad.extra = extra_of(s, x, y, s.strides.count());
  return grad;
}

// Inputs: x, w and, where there is one, a bias.
struct Conv : OfConv<Conv> {
  static constexpr std::string_view name = "conv";
  static constexpr std::string_view doc =
      "Inner products of windows with a kernel, plus a bias, and max(., 0) of that with relu.";
  static constexpr Saves saves = Saves::both;

  bool relu = false;
  template <class A = Conv>
  static constexpr auto fields() {
    return std::tuple_cat(
        base_fields<A>(),
        std::tuple{Field{"relu", &A::relu, "Whether negative numbers become 0."}});
  }

  Spec infer(Inputs<Spec> in) const {
    const Shape &x = in[0].shape, &w = in[1].shape;
    const int rank = strides.count();
    bool right = x.rank() == rank + 2 && w.rank() == rank + 2;
    right = right && sizes_fit(x.back(), multiply_sizes(w[-2], groups, "conv")) &&
            makes_groups(w.back());
    if (in.size() > 2)
      right = right && in[2].shape.rank() == 1 && sizes_fit(in[2].shape[0], w.back());
    expect(right,
           in,
           "(batch, spatial..., channels), (spatial..., channels / groups, filters) "
           "and a bias for each filter");
    const Shape y = output(x, w);
    for (int i = 0; i < rank; ++i) {
      if (y[i + 1] == 0 && x[i + 1] > 0)
        refuse(in, "an input that is as large as a window of " + w.str());
    }
    return {y, in[0].dtype};
  }
  Shape output(const Shape& x, const Shape& w) const {
    Shape y = x;
    for (int i = 0; i < strides.count(); ++i) y[i + 1] = axis(i, x[i + 1], w[i]).out;
    y[-1] = w.back();
    return y;
  }
  auto plan(Inputs<Tensor> in, const Tensor& out) const {
    const Extents sizes = spatial_sizes(in[1].shape(), 0, strides.count());
    return kernels::plan_conv(out.dtype(),
                              kernels::ConvKind::forward,
                              geometry(in[0].shape(), out.shape(), sizes),
                              {.relu = relu});
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Shape &x = saved.shape(0), &w = saved.shape(1), &y = dy.shape();
    const Extents sizes = spatial_sizes(w, 0, strides.count());
    const Tensor d = relu ? where(saved.output() > 0, dy, 0) : dy;
    auto of_w = with_geometry<ConvWeightGrad>(x, y, sizes);
    of_w.sizes = sizes;
    Grads grads(saved.num_inputs());
    if (saved.wants(0)) grads[0] = run_op(input_grad_of(of_w, groups, x, y), {d, saved.input(1)});
    if (saved.wants(1)) grads[1] = run_op(of_w, {saved.input(0), d});
    if (saved.num_inputs() > 2 && saved.wants(2)) grads[2] = sum_to(d, {y.back()});
    return grads;
  }
  AnyOp with_epilogue(Inputs<Tensor> in, const Epilogue& epilogue) const {
    if (relu || (epilogue.bias && in.size() > 2)) return {};
    if (epilogue.activation && *epilogue.activation != kernels::Unary::relu) return {};
    Conv op = *this;
    op.relu = epilogue.activation.has_value();
    return AnyOp(detail::op_def<Conv>(), &op);
  }
  static std::vector<SampleOf<Conv>> samples();
};

Grads ConvInputGrad::vjp(const Saved& saved, const Tensor& d) const {
  const Shape &dy = saved.shape(0), &w = saved.shape(1);
  const Extents sizes = spatial_sizes(w, 0, extra.count());
  Grads grads(2);
  if (saved.wants(0))
    grads[0] = run_op(with_geometry<Conv>(d.shape(), dy, sizes), {d, saved.input(1)});
  if (saved.wants(1)) {
    auto of_w = with_geometry<ConvWeightGrad>(d.shape(), dy, sizes);
    of_w.sizes = sizes;
    grads[1] = run_op(of_w, {d, saved.input(0)});
  }
  return grads;
}

Grads ConvWeightGrad::vjp(const Saved& saved, const Tensor& d) const {
  const Shape &x = saved.shape(0), &dy = saved.shape(1);
  Grads grads(2);
  if (saved.wants(0)) grads[0] = run_op(input_grad_of(*this, groups, x, dy), {saved.input(1), d});
  if (saved.wants(1)) grads[1] = run_op(with_geometry<Conv>(x, dy, sizes), {saved.input(0), d});
  return grads;
}

struct ConvSample {
  Extents strides, dilation;
  bool same;
  Extents before, after;
  int groups;
  Shape x, w;
};

// Odd sizes; strides that leave elements over; dilation, groups, depthwise; an empty batch.
const std::vector<ConvSample>& conv_samples() {
  static const std::vector<ConvSample> all = {
      {{1}, {1}, false, {0}, {0}, 1, {2, 5, 3}, {3, 3, 2}},
      {{2}, {1}, true, {0}, {0}, 1, {1, 6, 2}, {3, 2, 3}},
      {{1}, {2}, false, {4}, {0}, 1, {1, 5, 2}, {3, 2, 2}},
      {{3, 2}, {1, 1}, true, {0, 0}, {0, 0}, 1, {1, 5, 4, 2}, {2, 3, 2, 3}},
      {{1, 1}, {2, 1}, false, {1, 0}, {2, 1}, 2, {1, 4, 3, 4}, {2, 2, 2, 2}},
      {{2, 1}, {1, 1}, false, {-1, 1}, {0, 1}, 3, {1, 5, 3, 3}, {2, 3, 1, 3}},
      {{1, 1}, {1, 1}, true, {0, 0}, {0, 0}, 2, {1, 3, 3, 2}, {3, 3, 1, 4}},
      {{1, 2, 1}, {1, 1, 1}, true, {0, 0, 0}, {0, 0, 0}, 1, {1, 2, 3, 2, 2}, {2, 2, 1, 2, 1}},
      {{1}, {1}, true, {0}, {0}, 1, {0, 4, 2}, {3, 2, 2}}};
  return all;
}

template <class Op>
Op op_of(const ConvSample& sample) {
  Op op;
  static_cast<Sliding&>(op) = {
      sample.strides, sample.dilation, sample.before, sample.after, sample.same};
  op.groups = sample.groups;
  return op;
}

Shape output_of(const ConvSample& sample) { return op_of<Conv>(sample).output(sample.x, sample.w); }

std::vector<SampleOf<Conv>> Conv::samples() {
  std::vector<SampleOf<Conv>> all;
  for (const ConvSample& sample : conv_samples()) {
    all.push_back({op_of<Conv>(sample), {{sample.x}, {sample.w}}});
  }
  SampleOf<Conv> biased = {all[0].op, {{{1, 5, 3}, 0.1, 2}, {{3, 3, 2}, 0.1, 2}, {{2}, 0.1, 2}}};
  biased.op.relu = true;
  all.push_back(biased);
  return all;
}

std::vector<SampleOf<ConvInputGrad>> ConvInputGrad::samples() {
  std::vector<SampleOf<ConvInputGrad>> all;
  for (const ConvSample& sample : conv_samples()) {
    const Shape y = output_of(sample);
    const Extents sizes = spatial_sizes(sample.w, 0, sample.strides.count());
    const Sliding settled = op_of<Conv>(sample).settled(sample.x, y, sizes);
    all.push_back({input_grad_of(settled, sample.groups, sample.x, y), {{y}, {sample.w}}});
  }
  return all;
}

std::vector<SampleOf<ConvWeightGrad>> ConvWeightGrad::samples() {
  std::vector<SampleOf<ConvWeightGrad>> all;
  for (const ConvSample& sample : conv_samples()) {
    const Shape y = output_of(sample);
    const Extents sizes = spatial_sizes(sample.w, 0, sample.strides.count());
    auto op = op_of<Conv>(sample).with_geometry<ConvWeightGrad>(sample.x, y, sizes);
    op.sizes = sizes;
    all.push_back({op, {{sample.x}, {y}}});
  }
  return all;
}

// One convolution of channels_last tensors of one dtype.
Tensor run_conv(const Tensor& x, const Tensor& kernel, const Tensor& bias, const Conv& op) {
  if (bias.defined()) return run_op(op, {x, kernel, bias});
  return run_op(op, {x, kernel});
}

// x and the kernel in the dtype that both are computed in, and the result in theirs.
template <class F>
Tensor in_window_dtype(const Tensor& x, const Tensor& kernel, F&& f) {
  const DType dtype = result_type(to_float(x).dtype(), to_float(kernel).dtype());
  const DType computed = kernels::multiplies(dtype) ? dtype : computed_in(dtype);
  return cast(f(cast(x, computed), cast(kernel, computed)), dtype);
}

template <class Args>
Conv conv_op(const Tensor& x, const Args& args, const char* who) {
  Conv op;
  const int rank = spatial_rank(x, who);
  op.strides = args.strides.spread(rank, who, "strides");
  op.dilation = args.dilation_rate.spread(rank, who, "dilation_rate");
  op.before = op.after = Extents(0).spread(rank, who, "padding", 0);
  return op;
}

void expect_kernel(const Tensor& x, const Tensor& kernel, const char* who) {
  if (x.rank() == kernel.rank() && kernel.shape()[-2] != 0) return;
  throw ShapeError(std::string(who) + ": received shapes " + x.shape().str() + " and " +
                   kernel.shape().str() + ", expected a kernel with two axes beside the spatial");
}

int groups_of(const Tensor& x, const Tensor& kernel, const char* who) {
  const std::int64_t channels = x.shape().back(), each = kernel.shape()[-2];
  if (channels == None || each == None) return 1;
  if (channels % each == 0) return static_cast<int>(channels / each);
  throw ShapeError(std::string(who) + ": received " + std::to_string(channels) +
                   " channels and a kernel for " + std::to_string(each) +
                   ", expected a multiple of these");
}

}  // namespace

Tensor conv(const Tensor& inputs, const Tensor& kernel, const ConvArgs& args) {
  Conv op = conv_op(inputs, args, "conv");
  op.same = is_same_padding(args.padding, "conv");
  expect_kernel(inputs, kernel, "conv");
  return in_window_dtype(inputs, kernel, [&](const Tensor& x, const Tensor& w) {
    return in_channels_last(x, args.data_format, "conv", [&](const Tensor& last) {
      op.groups = groups_of(last, w, "conv");
      return run_conv(last, w, {}, op);
    });
  });
}

Tensor conv_bias(const Tensor& x,
                 const Tensor& kernel,
                 const Tensor& bias,
                 const ConvBiasArgs& args) {
  Conv op = conv_op(x, args, "conv");
  op.same = args.same;
  op.relu = args.relu;
  if (args.before.given()) op.before = args.before;
  if (args.after.given()) op.after = args.after;
  expect_kernel(x, kernel, "conv");
  op.groups = groups_of(x, kernel, "conv");
  return in_window_dtype(x, kernel, [&](const Tensor& a, const Tensor& w) {
    return run_conv(a, w, bias.defined() ? cast(bias, a.dtype()) : bias, op);
  });
}

Tensor depthwise_conv(const Tensor& inputs, const Tensor& kernel, const ConvArgs& args) {
  Conv op = conv_op(inputs, args, "depthwise_conv");
  op.same = is_same_padding(args.padding, "depthwise_conv");
  expect_kernel(inputs, kernel, "depthwise_conv");
  const std::int64_t channels = kernel.shape()[-2], multiplier = kernel.shape()[-1];
  return in_window_dtype(inputs, kernel, [&](const Tensor& x, const Tensor& w) {
    return in_channels_last(x, args.data_format, "depthwise_conv", [&](const Tensor& last) {
      if (!sizes_fit(last.shape().back(), channels)) {
        throw ShapeError("depthwise_conv: received " + std::to_string(last.shape().back()) +
                         " channels and a kernel for " + std::to_string(channels));
      }
      // A channel for each output: then every product is one of vectors of channels.
      const Tensor wide = multiplier == 1 ? last : repeat(last, multiplier, {.axis = -1});
      Shape shape = w.shape();
      shape[-2] = 1;
      shape[-1] = multiply_sizes(channels, multiplier, "depthwise_conv");
      op.groups = static_cast<int>(shape[-1]);
      return run_conv(wide, reshape(w, shape), {}, op);
    });
  });
}

Tensor separable_conv(const Tensor& inputs,
                      const Tensor& depthwise_kernel,
                      const Tensor& pointwise_kernel,
                      const ConvArgs& args) {
  const Tensor x = depthwise_conv(inputs, depthwise_kernel, args);
  return conv(x, pointwise_kernel, {.data_format = args.data_format});
}

Tensor conv_transpose(const Tensor& inputs, const Tensor& kernel, const ConvTransposeArgs& args) {
  static constexpr const char* who = "conv_transpose";
  const int rank = spatial_rank(inputs, who);
  const bool same = is_same_padding(args.padding, who);
  expect_kernel(inputs, kernel, who);
  const bool has_padding = args.output_padding.given();
  const Extents more = has_padding ? args.output_padding.spread(rank, who, "output_padding", 0)
                                   : Extents(0).spread(rank, who, "output_padding", 0);
  ConvInputGrad op;
  static_cast<Sliding&>(op) = conv_op(inputs, args, who);
  const auto span = [&](int i) { return (kernel.shape()[i] - 1) * op.dilation[i] + 1; };
  op.extra = each_extent(rank, [&](int i) {
    const std::int64_t stride = op.strides[i];
    if (!same) return has_padding ? span(i) + more[i] : std::max(span(i), stride);
    return has_padding ? span(i) % 2 + more[i] : stride;
  });
  // What the convolution of the output would have added.
  op.before = each_extent(
      rank, [&](int i) { return same ? std::max<std::int64_t>(span(i) - op.extra[i], 0) / 2 : 0; });
  return in_window_dtype(inputs, kernel, [&](const Tensor& x, const Tensor& w) {
    return in_channels_last(x, args.data_format, who, [&](const Tensor& last) {
      return run_op(op, {last, w});
    });
  });
}

}  // namespace ops

using namespace ops;
NYALA_OP(Conv)
NYALA_OP(ConvInputGrad)
NYALA_OP(ConvWeightGrad)

}  // namespace nyala
