#include <algorithm>

#include <nyala/core/kernels/normalize.hpp>
#include <nyala/core/kernels/normalized_product.hpp>
#include <nyala/core/ops/fused.hpp>
#include <nyala/core/ops/normalizing.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

// ---- pairs of rows ----

template <class Self>
struct DotOfRows : LengthOptions {
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    Shape out = in[0].shape;
    if (out.rank() == 0 || in[1].dtype != in[0].dtype || in[1].shape.rank() != out.rank())
      throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() +
                       " and " + in[1].shape.str() + ", expected the same");
    for (int i = 0; i < out.rank(); ++i) {
      const std::int64_t size = in[1].shape[i];
      if (!sizes_fit(size, out[i]))
        throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() +
                         " and " + in[1].shape.str() + ", expected the same");
      if (out[i] == None) out[i] = size;
    }
    out.erase(out.rank() - 1);
    return {out, in[0].dtype};
  }
  kernels::NormalizedLines pairs(const Tensor& x, std::int64_t count) const {
    return {x.dtype(), count, x.shape().back(), 1, clamp()};
  }
  static std::vector<SampleOf<Self>> make_samples(bool gradient) {
    std::vector<SampleOf<Self>> samples;
    const auto add = [&](double least, bool old, const Shape& shape) {
      Self op;
      op.epsilon = least;
      op.legacy = old;
      Shape outer = shape;
      outer.erase(outer.rank() - 1);
      samples.push_back({op, {{shape}, {shape}}});
      if (gradient) samples.back().inputs.push_back({outer});
    };
    add(1e-7, false, {3, 4});
    add(1e-7, true, {5});
    add(1e-7, false, {2, 3, 17});
    add(100, false, {2, 11});  // every row is clamped
    add(1e-7, false, {0, 3});
    add(1e-7, false, {2, 0});
    return samples;
  }
};

// The gradient of x. Inputs: x, y and the gradient of the products.
struct NormalizedDotGrad : DotOfRows<NormalizedDotGrad> {
  static constexpr std::string_view name = "normalized_dot_grad";
  static constexpr std::string_view doc = "l2_normalize_grad of x and d l2_normalize(y).";

  Spec infer(Inputs<Spec> in) const {
    const Spec dots = DotOfRows::infer(in);
    expect_spec(name, in[2], dots.shape, dots.dtype);
    return in[0];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [of = pairs(at.in[0], at.in[2].size())](const void* const* from, void* const* to) {
      kernels::normalized_dot_grad(of, from[0], from[1], from[2], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor unit = l2_normalize(in[1], {.legacy = legacy, .epsilon = epsilon});
    return l2_normalize_grad(in[0], expand_dims(in[2], -1) * unit, -1, *this);
  }
  Grads vjp(const Saved& saved, const Tensor& c) const {
    const Tensor &x = saved.input(0), &y = saved.input(1);
    const Tensor d = expand_dims(saved.input(2), -1);
    const Tensor unit_y = l2_normalize(y, {.legacy = legacy, .epsilon = epsilon});
    const auto [of_x, of_dy] = differentiate_l2_normalize_grad(x, d * unit_y, c, -1, *this);
    return {of_x, l2_normalize_grad(y, d * of_dy, -1, *this), sum(of_dy * unit_y, {.axis = -1})};
  }
  static std::vector<SampleOf<NormalizedDotGrad>> samples() { return make_samples(true); }
};

struct NormalizedDot : DotOfRows<NormalizedDot> {
  static constexpr std::string_view name = "normalized_dot";
  static constexpr std::string_view doc = "Products of rows scaled to length one.";

  auto prepare(const Layouts& at, Workspace&) const {
    return [of = pairs(at.in[0], at.out[0].size())](const void* const* from, void* const* to) {
      kernels::normalized_dot(of, from[0], from[1], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const L2NormalizeArgs args = {.legacy = legacy, .epsilon = epsilon};
    return sum(l2_normalize(in[0], args) * l2_normalize(in[1], args), {.axis = -1});
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor &x = saved.input(0), &y = saved.input(1);
    const NormalizedDotGrad grad{{*this}};
    Tensor dx, dy;
    if (saved.wants(0)) dx = run_op(grad, {x, y, d});
    if (saved.wants(1)) dy = run_op(grad, {y, x, d});
    return {dx, dy};
  }
  static std::vector<SampleOf<NormalizedDot>> samples() { return make_samples(false); }
};

// ---- matrices of rows ----

// Whether a sample of both is too large to stay in a second cache.
bool is_large_sample(const Shape& x, const Shape& y) {
  if (!x.is_known() || !y.is_known()) return false;
  constexpr std::int64_t large = 1 << 18;
  const std::int64_t batch = std::max<std::int64_t>(x[0], 1);
  return (x.num_elements() + y.num_elements()) / batch > large;
}

// For each sample of x (batch, ..., n) and y (batch, ..., n), the products of all their rows.
template <class Self>
struct DotOfMatrices : LengthOptions {
  static constexpr Saves saves = Saves::inputs;

  // The axes between the batch and the rows.
  static std::vector<int> free_axes(const Shape& shape) {
    std::vector<int> axes;
    for (int i = 1; i + 1 < shape.rank(); ++i) axes.push_back(i);
    return axes;
  }
  static Spec infer_products(const Spec& x_spec, const Spec& y_spec) {
    const Shape &x = x_spec.shape, &y = y_spec.shape;
    if (x.rank() < 2 || y.rank() < 2 || x_spec.dtype != y_spec.dtype || !sizes_fit(x[0], y[0]) ||
        !sizes_fit(x.back(), y.back()))
      throw ShapeError(std::string(Self::name) + ": received shapes " + x.str() + " and " +
                       y.str() + ", expected batches of rows of the same length");
    Shape out = {x[0] == None ? y[0] : x[0]};
    for (int i : free_axes(x)) out.push_back(x[i]);
    for (int i : free_axes(y)) out.push_back(y[i]);
    return {out, x_spec.dtype};
  }
  kernels::NormalizedProduct product(const Tensor& x, const Tensor& y) const {
    const auto rows = [](const Shape& shape) {
      std::int64_t count = 1;
      for (int i : free_axes(shape)) count *= shape[i];
      return count;
    };
    return {.dtype = x.dtype(),
            .batch = x.shape()[0],
            .m = rows(x.shape()),
            .n = rows(y.shape()),
            .k = x.shape().back(),
            .clamp = clamp()};
  }

  static std::vector<SampleOf<Self>> make_samples(bool gradient) {
    std::vector<SampleOf<Self>> samples;
    const auto add = [&](double least, bool old, const Shape& x, const Shape& y) {
      Self op;
      op.epsilon = least;
      op.legacy = old;
      samples.push_back({op, {{x}, {y}}});
      if (gradient)
        samples.back().inputs.push_back({infer_products({x, float64}, {y, float64}).shape});
    };
    add(1e-7, false, {2, 3, 4}, {2, 2, 4});
    add(1e-7, true, {1, 2, 4}, {1, 3, 4});
    add(1e-7, false, {2, 3}, {2, 2, 2, 3});
    add(100, false, {1, 2, 9}, {1, 1, 9});  // every row is clamped
    add(1e-7, false, {0, 2, 3}, {0, 2, 3});
    add(1e-7, false, {1, 0, 3}, {1, 2, 3});
    return samples;
  }
};

// The gradients of x and y. Inputs: x, y and the gradient d of the products.
struct NormalizedBatchDotGrad : DotOfMatrices<NormalizedBatchDotGrad> {
  static constexpr std::string_view name = "normalized_batch_dot_grad";
  static constexpr std::string_view doc = "l2_normalize_grad of x and d v, and of y and d' u.";
  bool of_x = true, of_y = true;
  static constexpr auto fields() {
    return std::tuple_cat(
        LengthOptions::fields(),
        std::tuple{Field{"of_x", &NormalizedBatchDotGrad::of_x, "Whether that of x is given."},
                   Field{"of_y", &NormalizedBatchDotGrad::of_y, "Whether that of y is given."}});
  }

  Specs infer(Inputs<Spec> in) const {
    const Spec products = infer_products(in[0], in[1]);
    expect_spec(name, in[2], products.shape, products.dtype);
    Specs out;
    if (of_x) out.push_back(in[0]);
    if (of_y) out.push_back(in[1]);
    return out;
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [p = product(at.in[0], at.in[1]), x = of_x, y = of_y](const void* const* from,
                                                                 void* const* to) {
      kernels::normalized_product_grad(
          p, from[0], from[1], from[2], x ? to[0] : nullptr, y ? to[x ? 1 : 0] : nullptr);
    };
  }
  // With the scaled rows u and v, products of d give what l2_normalize_grad takes; c are the
  // gradients of its results.
  Grads vjp(const Saved& saved, Inputs<Tensor> c) const {
    const Tensor &x = saved.input(0), &y = saved.input(1), &d = saved.input(2);
    const L2NormalizeArgs args = {.legacy = legacy, .epsilon = epsilon};
    const Tensor u = l2_normalize(x, args), v = l2_normalize(y, args);
    std::vector<int> x_part, y_part;  // the axes of d that come from either
    for (int i = 1; i < d.rank(); ++i) (i + 1 < x.rank() ? x_part : y_part).push_back(i);
    // Laid out as x and y.
    const auto like_x = [&](const Tensor& of_y_rows) {
      return dot_general(d, of_y_rows, {{0}, {0}, y_part, free_axes(y.shape())});
    };
    const auto like_y = [&](const Tensor& of_x_rows) {
      return dot_general(d, of_x_rows, {{0}, {0}, x_part, free_axes(x.shape())});
    };
    const auto products = [](const Tensor& a, const Tensor& b) {
      return dot_general(a, b, {{0}, {0}, {a.rank() - 1}, {b.rank() - 1}});
    };
    Tensor dx, dy, dd;
    const auto add = [](Tensor& sum, const Tensor& term) {
      sum = sum.defined() ? sum + term : term;
    };
    if (of_x) {
      const auto [first, second] = differentiate_l2_normalize_grad(x, like_x(v), c[0], -1, *this);
      add(dx, first);
      add(dy, l2_normalize_grad(y, like_y(second), -1, *this));
      add(dd, products(second, v));
    }
    if (of_y) {
      const auto [first, second] =
          differentiate_l2_normalize_grad(y, like_y(u), c[c.size() - 1], -1, *this);
      add(dy, first);
      add(dx, l2_normalize_grad(x, like_x(second), -1, *this));
      add(dd, products(u, second));
    }
    return {dx, dy, dd};
  }
  static std::vector<SampleOf<NormalizedBatchDotGrad>> samples() {
    std::vector<SampleOf<NormalizedBatchDotGrad>> samples = make_samples(true);
    samples[0].op.of_x = samples[1].op.of_y = false;
    return samples;
  }
};

struct NormalizedBatchDot : DotOfMatrices<NormalizedBatchDot> {
  static constexpr std::string_view name = "normalized_batch_dot";
  static constexpr std::string_view doc = "batch_dot of rows scaled to length one.";

  Spec infer(Inputs<Spec> in) const { return infer_products(in[0], in[1]); }
  auto prepare(const Layouts& at, Workspace&) const {
    return [p = product(at.in[0], at.in[1])](const void* const* from, void* const* to) {
      kernels::normalized_product(p, from[0], from[1], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const L2NormalizeArgs args = {.legacy = legacy, .epsilon = epsilon};
    const Tensor u = l2_normalize(in[0], args), v = l2_normalize(in[1], args);
    return dot_general(u, v, {{0}, {0}, {u.rank() - 1}, {v.rank() - 1}});
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const NormalizedBatchDotGrad grad{{{*this}}, saved.wants(0), saved.wants(1)};
    Tensors found = run_multi(grad, {saved.input(0), saved.input(1), d});
    Grads grads(2);
    if (grad.of_x) grads[0] = found[0];
    if (grad.of_y) grads[1] = found.back();
    return grads;
  }
  static std::vector<SampleOf<NormalizedBatchDot>> samples() { return make_samples(false); }
};

}  // namespace

Tensor normalized_dot(const Tensor& x, const Tensor& y) { return run_op(NormalizedDot{}, {x, y}); }

Tensor normalized_batch_dot(const Tensor& x, const Tensor& y, std::pair<int, int> axes) {
  const auto [a, b] = axes;
  if (x.rank() == 2 && y.rank() == 2 && x.dtype() == y.dtype())
    return expand_dims(normalized_dot(x, y), -1);
  const bool rows_are_last = a == x.rank() - 1 && b == y.rank() - 1;
  if (x.dtype() != y.dtype() || !rows_are_last || is_large_sample(x.shape(), y.shape()))
    return batch_dot(l2_normalize(x, {.axis = a}), l2_normalize(y, {.axis = b}), axes);
  return run_op(NormalizedBatchDot{}, {x, y});
}

}  // namespace ops

using namespace ops;
NYALA_OP(NormalizedDot)
NYALA_OP(NormalizedDotGrad)
NYALA_OP(NormalizedBatchDot)
NYALA_OP(NormalizedBatchDotGrad)

}  // namespace nyala
