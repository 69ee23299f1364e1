#include <algorithm>

#include <nyala/core/ops/pool.hpp>

#include <nyala/core/kernels/pool.hpp>
#include <nyala/core/ops/windows/support.hpp>

namespace nyala {
namespace ops {
namespace {

template <class Self>
struct OfPool : Sliding {
  Extents sizes;
  static constexpr Saves saves = Saves::inputs;

  template <class A = Self>
  static constexpr auto base_fields() {
    return std::tuple_cat(Sliding::sliding_fields<A>(),
                          std::tuple{Field{"sizes", &A::sizes, "Of a window."}});
  }
  template <class A = Self>
  static constexpr auto fields() {
    return base_fields<A>();
  }

  int rank() const { return sizes.count(); }

  Spec pooled(Inputs<Spec> in) const {
    const Shape& x = in[0].shape;
    if (x.rank() != rank() + 2 ||
        (in[0].dtype != DType::float32 && in[0].dtype != DType::float64)) {
      throw ShapeError(std::string(Self::name) + ": received " + std::string(name_of(in[0].dtype)) +
                       " of shape " + x.str() + ", expected floats of rank " +
                       std::to_string(rank() + 2));
    }
    const Shape y = output(x);
    for (int i = 0; i < rank(); ++i) {
      if (y[i + 1] == 0 && x[i + 1] > 0) {
        throw ShapeError(std::string(Self::name) + ": received shape " + x.str() +
                         ", expected one as large as a window of " + sizes.str());
      }
    }
    return {y, in[0].dtype};
  }
  Shape output(const Shape& x) const {
    Shape y = x;
    for (int i = 0; i < rank(); ++i) y[i + 1] = axis(i, x[i + 1], sizes[i]).out;
    return y;
  }
  static void expect_like(Inputs<Spec> in, const Shape& wanted) {
    bool right = in[1].shape.rank() == wanted.rank() && in[1].dtype == in[0].dtype;
    for (int i = 0; right && i < wanted.rank(); ++i) right = sizes_fit(in[1].shape[i], wanted[i]);
    if (right) return;
    throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() + " and " +
                     in[1].shape.str() + ", expected the second to be " + wanted.str() +
                     " of the same dtype");
  }

  kernels::PoolShape geometry(const Shape& x, const Shape& y) const {
    kernels::PoolShape shape;
    shape.window.batch = x[0];
    shape.channels = x.back();
    for (int i = 0; i < rank(); ++i) {
      kernels::WindowAxis one = axis(i, x[i + 1], sizes[i]);
      one.out = y[i + 1];
      shape.window.axes[static_cast<std::size_t>(3 - rank() + i)] = one;
    }
    return shape;
  }
  template <class Other>
  Other like() const {
    Other other;
    static_cast<Sliding&>(other) = *this;
    other.sizes = sizes;
    return other;
  }

  auto prepare(const Layouts& at, Workspace&) const {
    return [shape = self().shape_of(at.in, at.out[0]),
            dtype = at.out[0].dtype(),
            last = at.in.size() - 1](const void* const* from, void* const* to) {
      Self::compute(dtype, shape, from[0], from[last], to[0]);
    };
  }

 private:
  const Self& self() const { return static_cast<const Self&>(*this); }
};

struct PoolSample {
  Extents sizes, strides;
  bool same;
  Shape x;
};
const std::vector<PoolSample>& pool_samples() {
  static const std::vector<PoolSample> all = {{{2}, {2}, false, {2, 5, 3}},
                                              {{3}, {2}, true, {1, 6, 2}},
                                              {{2, 3}, {1, 2}, true, {1, 3, 4, 2}},
                                              {{2, 2}, {3, 3}, false, {2, 5, 5, 1}},
                                              {{2, 1, 2}, {1, 2, 2}, true, {1, 3, 2, 3, 2}},
                                              {{2, 2}, {2, 2}, true, {0, 3, 2, 2}}};
  return all;
}
template <class Op>
Op pool_op(const PoolSample& sample) {
  Op op;
  const int rank = sample.sizes.count();
  static_cast<Sliding&>(op) = {sample.strides,
                               each_extent(rank, [](int) { return 1; }),
                               each_extent(rank, [](int) { return 0; }),
                               each_extent(rank, [](int) { return 0; }),
                               sample.same};
  op.sizes = sample.sizes;
  return op;
}

// The element of `from` where x is largest in each window. Inputs: x and from.
struct MaxPoolPick : OfPool<MaxPoolPick> {
  static constexpr std::string_view name = "max_pool_pick";
  static constexpr std::string_view doc = "What another array holds where windows are largest.";
  static constexpr auto compute = kernels::max_pool_pick;

  Spec infer(Inputs<Spec> in) const {
    expect_like(in, in[0].shape);
    return pooled(in);
  }
  kernels::PoolShape shape_of(Inputs<Tensor> in, const Tensor& out) const {
    return geometry(in[0].shape(), out.shape());
  }
  Grads vjp(const Saved& saved, const Tensor& d) const;
  static std::vector<SampleOf<MaxPoolPick>> samples() {
    std::vector<SampleOf<MaxPoolPick>> all;
    for (const PoolSample& sample : pool_samples())
      all.push_back({pool_op<MaxPoolPick>(sample), {{sample.x}, {sample.x}}});
    return all;
  }
};

// Inputs: x and dy.
struct MaxPoolGrad : OfPool<MaxPoolGrad> {
  static constexpr std::string_view name = "max_pool_grad";
  static constexpr std::string_view doc = "The gradient of max_pool.";
  static constexpr auto compute = kernels::max_pool_spread;

  Spec infer(Inputs<Spec> in) const {
    expect_like(in, pooled(in).shape);
    return in[0];
  }
  kernels::PoolShape shape_of(Inputs<Tensor> in, const Tensor&) const {
    return geometry(in[0].shape(), in[1].shape());
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    Grads grads(2);
    if (saved.wants(0)) grads[0] = zeros_like(saved.input(0));
    if (saved.wants(1)) grads[1] = run_op(like<MaxPoolPick>(), {saved.input(0), d});
    return grads;
  }
  static std::vector<SampleOf<MaxPoolGrad>> samples() {
    std::vector<SampleOf<MaxPoolGrad>> all;
    for (const PoolSample& sample : pool_samples()) {
      const auto op = pool_op<MaxPoolGrad>(sample);
      all.push_back({op, {{sample.x}, {op.output(sample.x)}}});
    }
    return all;
  }
};

Grads MaxPoolPick::vjp(const Saved& saved, const Tensor& d) const {
  Grads grads(2);
  if (saved.wants(0)) grads[0] = zeros_like(saved.input(0));
  if (saved.wants(1)) grads[1] = run_op(like<MaxPoolGrad>(), {saved.input(0), d});
  return grads;
}

struct MaxPool : OfPool<MaxPool> {
  static constexpr std::string_view name = "max_pool";
  static constexpr std::string_view doc = "The largest element of each window.";

  static void compute(
      DType dtype, const kernels::PoolShape& shape, const void* x, const void*, void* y) {
    kernels::max_pool(dtype, shape, x, y);
  }
  Spec infer(Inputs<Spec> in) const { return pooled(in); }
  kernels::PoolShape shape_of(Inputs<Tensor> in, const Tensor& out) const {
    return geometry(in[0].shape(), out.shape());
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {run_op(like<MaxPoolGrad>(), {saved.input(), dy})};
  }
  static std::vector<SampleOf<MaxPool>> samples() {
    std::vector<SampleOf<MaxPool>> all;
    for (const PoolSample& sample : pool_samples())
      all.push_back({pool_op<MaxPool>(sample), {{sample.x}}});
    return all;
  }
};

struct AveragePool;

// An axis of dx has (out - 1) * stride + extra elements.
struct AveragePoolGrad : OfPool<AveragePoolGrad> {
  static constexpr std::string_view name = "average_pool_grad";
  static constexpr std::string_view doc = "The gradient of average_pool.";
  static constexpr Saves saves = Saves::nothing;

  Extents extra;
  template <class A = AveragePoolGrad>
  static constexpr auto fields() {
    return std::tuple_cat(
        base_fields<A>(),
        std::tuple{Field{"extra", &A::extra, "Elements of an axis for its first window."}});
  }
  static void compute(
      DType dtype, const kernels::PoolShape& shape, const void* dy, const void*, void* dx) {
    kernels::average_pool_spread(dtype, shape, dy, dx);
  }
  Spec infer(Inputs<Spec> in) const {
    const Shape& dy = in[0].shape;
    if (dy.rank() != rank() + 2) {
      throw ShapeError("average_pool_grad: received shape " + dy.str() + ", expected rank " +
                       std::to_string(rank() + 2));
    }
    Shape dx = dy;
    for (int i = 0; i < rank(); ++i) {
      if (dy[i + 1] != None)
        dx[i + 1] = std::max<std::int64_t>((dy[i + 1] - 1) * strides[i] + extra[i], 0);
    }
    return {dx, in[0].dtype};
  }
  kernels::PoolShape shape_of(Inputs<Tensor> in, const Tensor& out) const {
    return geometry(out.shape(), in[0].shape());
  }
  Grads vjp(const Saved& saved, const Tensor& d) const;
  static std::vector<SampleOf<AveragePoolGrad>> samples();
};

struct AveragePool : OfPool<AveragePool> {
  static constexpr std::string_view name = "average_pool";
  static constexpr std::string_view doc = "The mean of each window.";
  static constexpr Saves saves = Saves::nothing;

  static void compute(
      DType dtype, const kernels::PoolShape& shape, const void* x, const void*, void* y) {
    kernels::average_pool(dtype, shape, x, y);
  }
  Spec infer(Inputs<Spec> in) const { return pooled(in); }
  kernels::PoolShape shape_of(Inputs<Tensor> in, const Tensor& out) const {
    return geometry(in[0].shape(), out.shape());
  }
  AveragePoolGrad grad(const Shape& x, const Shape& y) const {
    auto op = like<AveragePoolGrad>();
    static_cast<Sliding&>(op) = settled(x, y, sizes);
    op.extra = each_extent(rank(), [&](int i) { return x[i + 1] - (y[i + 1] - 1) * strides[i]; });
    return op;
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {run_op(grad(saved.shape(), dy.shape()), {dy})};
  }
  static std::vector<SampleOf<AveragePool>> samples() {
    std::vector<SampleOf<AveragePool>> all;
    for (const PoolSample& sample : pool_samples())
      all.push_back({pool_op<AveragePool>(sample), {{sample.x}}});
    return all;
  }
};

Grads AveragePoolGrad::vjp(const Saved& saved, const Tensor& d) const {
  auto op = like<AveragePool>();
  static_cast<Sliding&>(op) = settled(d.shape(), saved.shape(), sizes);
  return {run_op(op, {d})};
}

std::vector<SampleOf<AveragePoolGrad>> AveragePoolGrad::samples() {
  std::vector<SampleOf<AveragePoolGrad>> all;
  for (const PoolSample& sample : pool_samples()) {
    const auto op = pool_op<AveragePool>(sample);
    const Shape y = op.output(sample.x);
    all.push_back({op.grad(sample.x, y), {{y}}});
  }
  return all;
}

template <class Op>
Tensor pool(const Tensor& inputs, const Extents& pool_size, const PoolArgs& args) {
  const std::string who(Op::name);
  const int rank = spatial_rank(inputs, who.c_str());
  PoolSample options;
  options.sizes = pool_size.spread(rank, who, "pool_size");
  options.strides =
      args.strides.given() ? args.strides.spread(rank, who, "strides") : options.sizes;
  options.same = is_same_padding(args.padding, who.c_str());
  const Tensor y = in_channels_last(
      cast(inputs, window_dtype(inputs)), args.data_format, who.c_str(), [&](const Tensor& x) {
        return run_op(pool_op<Op>(options), {x});
      });
  return cast(y, inputs.dtype());
}

// f(x, axis, windows) for each spatial axis, one after the other: means and maxima of boxes are
// those of rows of rows.
template <class F>
Tensor along_spatial_axes(const Tensor& inputs,
                          const Extents& output_size,
                          const std::string& data_format,
                          const char* who,
                          F&& f) {
  const int rank = spatial_rank(inputs, who);
  const Extents sizes = output_size.spread(rank, who, "output_size");
  const int first = is_channels_first(data_format, who) ? 2 : 1;
  Tensor x = inputs;
  for (int i = 0; i < rank; ++i) {
    if (x.shape()[first + i] == None) {
      throw ShapeError(std::string(who) + ": received shape " + inputs.shape().str() +
                       ", expected known spatial sizes");
    }
    x = f(x, first + i, std::int64_t{sizes[i]});
  }
  return x;
}

struct Part {
  std::int64_t begin, end;
};
Part adaptive_part(std::int64_t i, std::int64_t size, std::int64_t count) {
  return {i * size / count, ((i + 1) * size + count - 1) / count};
}

}  // namespace

Tensor max_pool(const Tensor& inputs, const Extents& pool_size, const PoolArgs& args) {
  return pool<MaxPool>(inputs, pool_size, args);
}
Tensor average_pool(const Tensor& inputs, const Extents& pool_size, const PoolArgs& args) {
  return pool<AveragePool>(inputs, pool_size, args);
}

Tensor adaptive_average_pool(const Tensor& inputs,
                             const Extents& output_size,
                             const AdaptivePoolArgs& args) {
  return along_spatial_axes(
      inputs,
      output_size,
      args.data_format,
      "adaptive_average_pool",
      [](const Tensor& x, int axis, std::int64_t count) {
        const std::int64_t size = x.shape()[axis];
        std::vector<double> shares(static_cast<std::size_t>(size * count));
        for (std::int64_t i = 0; i < count; ++i) {
          const Part part = adaptive_part(i, size, count);
          for (std::int64_t j = part.begin; j < part.end; ++j)
            shares[static_cast<std::size_t>(j * count + i)] =
                1 / static_cast<double>(part.end - part.begin);
        }
        const Tensor matrix = cast(Tensor::from(shares, {size, count}), to_float(x).dtype());
        return moveaxis(tensordot(x, matrix, {{axis}, {0}}), -1, axis);
      });
}

Tensor adaptive_max_pool(const Tensor& inputs,
                         const Extents& output_size,
                         const AdaptivePoolArgs& args) {
  return along_spatial_axes(inputs,
                            output_size,
                            args.data_format,
                            "adaptive_max_pool",
                            [](const Tensor& x, int axis, std::int64_t count) {
                              std::vector<Tensor> parts;
                              for (std::int64_t i = 0; i < count; ++i) {
                                const Part part = adaptive_part(i, x.shape()[axis], count);
                                parts.push_back(max(slice_axis(x, axis, part.begin, part.end),
                                                    {.axis = axis, .keepdims = true}));
                              }
                              return concatenate(parts, {.axis = axis});
                            });
}

}  // namespace ops

using namespace ops;
NYALA_OP(MaxPool)
NYALA_OP(MaxPoolGrad)
NYALA_OP(MaxPoolPick)
NYALA_OP(AveragePool)
NYALA_OP(AveragePoolGrad)

}  // namespace nyala
