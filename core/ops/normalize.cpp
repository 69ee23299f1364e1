#include <limits>

#include <nyala/core/kernels/normalize.hpp>
#include <nyala/core/ops/fused.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

// Below this the 2.x line clamps the sum of squares.
constexpr double kLegacyLeast = 1e-12;

template <class Self>
struct Normalizing {
  int axis = -1;
  double epsilon = 1e-7;
  bool legacy = false;
  static constexpr auto fields() {
    return std::tuple{
        Field{"axis", &Self::axis, "The axis along which a row lies."},
        Field{"epsilon", &Self::epsilon, "The least length that is divided by.", Range::positive()},
        Field{"legacy", &Self::legacy, "Whether it clamps as tf.keras 2.x did."}};
  }

  kernels::LengthClamp clamp() const {
    if (legacy) return {std::numeric_limits<double>::infinity(), kLegacyLeast};
    return {1 / epsilon, 0};
  }
  Lines lines(const Tensor& x) const {
    return lines_along(x.shape(), normalize_axis(axis, x.rank(), Self::name.data()));
  }
  Spec infer(Inputs<Spec> in) const {
    normalize_axis(axis, in[0].shape.rank(), Self::name.data());
    for (std::size_t i = 1; i < in.size(); ++i) {
      if (in[i].dtype != in[0].dtype || in[i].shape.rank() != in[0].shape.rank())
        throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() +
                         " and " + in[i].shape.str() + ", expected the same");
    }
    return in[0];
  }
  static std::vector<SampleOf<Self>> make_samples(std::size_t num_inputs) {
    std::vector<SampleOf<Self>> samples;
    const auto add = [&](int along, double least, bool old, const Shape& shape) {
      Self op;
      op.axis = along;
      op.epsilon = least;
      op.legacy = old;
      samples.push_back({op, std::vector<SampleInput>(num_inputs, SampleInput{shape})});
    };
    add(-1, 1e-7, false, {3, 4});
    add(0, 1e-7, true, {3, 2});
    add(1, 1e-7, false, {2, 3, 2});
    add(-1, 100, false, {2, 11});  // every row is clamped
    add(-1, 1e-7, false, {0, 3});
    add(0, 1e-7, false, {2, 0});
    return samples;
  }
};

// Inputs: x and dy.
struct L2NormalizeGrad : Normalizing<L2NormalizeGrad> {
  static constexpr std::string_view name = "l2_normalize_grad";
  static constexpr std::string_view doc = "r dy - r^3 sum(x dy) x, for the factor r of each row.";
  static constexpr Saves saves = Saves::inputs;

  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous();
    const Tensor dy = in[1].contiguous();
    const Lines rows = lines(x);
    kernels::l2_normalize_grad(x.dtype(),
                               rows.outer,
                               rows.n,
                               rows.inner,
                               x.data(),
                               dy.data(),
                               clamp(),
                               out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    auto [of_x, of_dy] = differentiate(saved.input(0), saved.input(1), d);
    return {of_x, of_dy};
  }
  // With r' = dr/ds for the sum s of squares, dx = r dy + 2 r' sum(x dy) x.
  std::pair<Tensor, Tensor> differentiate(const Tensor& x,
                                          const Tensor& dy,
                                          const Tensor& d) const {
    const auto total = [&](const Tensor& t) { return sum(t, {axis, true}); };
    const Tensor squares = total(x * x);
    const kernels::LengthClamp limits = clamp();
    const Tensor clamped = legacy ? squares < limits.least : rsqrt(squares) > limits.most;
    const Tensor free = rsqrt(where(clamped, 1, squares));
    const double constant = legacy ? 1e6 : limits.most;
    const Tensor r = where(clamped, constant, free);
    const Tensor r3 = where(clamped, 0, free * free * free);
    const Tensor r5 = r3 * free * free;
    const Tensor x_dy = total(x * dy);
    const Tensor x_d = total(x * d);
    const Tensor of_x = x * (r5 * x_dy * x_d * 3 - r3 * total(d * dy)) - (dy * x_d + d * x_dy) * r3;
    return {of_x, d * r - x * (r3 * x_d)};
  }
  static std::vector<SampleOf<L2NormalizeGrad>> samples() { return make_samples(2); }
};

struct L2Normalize : Normalizing<L2Normalize> {
  static constexpr std::string_view name = "l2_normalize";
  static constexpr std::string_view doc = "Rows scaled to length one.";
  static constexpr Saves saves = Saves::inputs;

  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous();
    const Lines rows = lines(x);
    kernels::l2_normalize(
        x.dtype(), rows.outer, rows.n, rows.inner, x.data(), clamp(), out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    L2NormalizeGrad grad;
    grad.axis = axis;
    grad.epsilon = epsilon;
    grad.legacy = legacy;
    return {run_op(grad, {saved.input(), dy})};
  }
  static std::vector<SampleOf<L2Normalize>> samples() { return make_samples(1); }
};

template <class Self>
struct DotOfRows : Normalizing<Self> {
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    Shape out = in[0].shape;
    if (out.rank() == 0 || in[1].dtype != in[0].dtype || in[1].shape.rank() != out.rank())
      throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() +
                       " and " + in[1].shape.str() + ", expected the same");
    for (int i = 0; i < out.rank(); ++i) {
      const std::int64_t size = in[1].shape[i];
      if (size != out[i] && size != None && out[i] != None)
        throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() +
                         " and " + in[1].shape.str() + ", expected the same");
      if (out[i] == None) out[i] = size;
    }
    out.erase(out.rank() - 1);
    return {out, in[0].dtype};
  }
  template <class Other>
  Other with_options_of_this() const {
    Other other;
    other.epsilon = this->epsilon;
    other.legacy = this->legacy;
    return other;
  }
  static std::vector<SampleOf<Self>> make_dot_samples(bool gradient) {
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
    if (in[2].dtype != dots.dtype || in[2].shape.rank() != dots.shape.rank())
      throw ShapeError("normalized_dot_grad: received a gradient of shape " + in[2].shape.str() +
                       " for products of shape " + dots.shape.str());
    return in[0];
  }
  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous(), y = in[1].contiguous(), d = in[2].contiguous();
    kernels::normalized_dot_grad(x.dtype(),
                                 d.size(),
                                 x.shape().back(),
                                 x.data(),
                                 y.data(),
                                 d.data(),
                                 clamp(),
                                 out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& c) const {
    const Tensor &x = saved.input(0), &y = saved.input(1);
    const auto grad = with_options_of_this<L2NormalizeGrad>();
    const Tensor d = expand_dims(saved.input(2), -1);
    const Tensor unit_y = run_op(with_options_of_this<L2Normalize>(), {y});
    const auto [of_x, of_dy] = grad.differentiate(x, d * unit_y, c);
    return {of_x, run_op(grad, {y, d * of_dy}), sum(of_dy * unit_y, {.axis = -1})};
  }
  static std::vector<SampleOf<NormalizedDotGrad>> samples() { return make_dot_samples(true); }
};

struct NormalizedDot : DotOfRows<NormalizedDot> {
  static constexpr std::string_view name = "normalized_dot";
  static constexpr std::string_view doc = "Products of rows scaled to length one.";

  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous(), y = in[1].contiguous();
    kernels::normalized_dot(
        x.dtype(), out.size(), x.shape().back(), x.data(), y.data(), clamp(), out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor &x = saved.input(0), &y = saved.input(1);
    const auto grad = with_options_of_this<NormalizedDotGrad>();
    Tensor dx, dy;
    if (saved.wants(0)) dx = run_op(grad, {x, y, d});
    if (saved.wants(1)) dy = run_op(grad, {y, x, d});
    return {dx, dy};
  }
  static std::vector<SampleOf<NormalizedDot>> samples() { return make_dot_samples(false); }
};

}  // namespace

Tensor normalized_dot(const Tensor& x, const Tensor& y) { return run_op(NormalizedDot{}, {x, y}); }

Tensor l2_normalize(const Tensor& x, const L2NormalizeArgs& args) {
  if (!(args.epsilon > 0))
    throw ValueError("l2_normalize: received epsilon = " + std::to_string(args.epsilon) +
                     ", expected more than 0");
  L2Normalize op;
  op.epsilon = args.epsilon;
  op.legacy = args.legacy;
  const Tensor numbers = to_float(x);
  if (args.axis.given() && args.axis.axes().size() == 1) {
    op.axis = args.axis.axes()[0];
    return run_op(op, {numbers});
  }
  return along_axes(
      numbers, args.axis, "l2_normalize", [&](const Tensor& t) { return run_op(op, {t}); });
}

Tensor normalize(const Tensor& x, const NormalizeArgs& args) {
  if (args.order < 1)
    throw ValueError("normalize: received order " + std::to_string(args.order) +
                     ", expected 1 or more");
  if (args.order == 2) return l2_normalize(x, {.axis = args.axis, .epsilon = args.epsilon});
  const Tensor length =
      norm(x, {.ord = static_cast<double>(args.order), .axis = args.axis, .keepdims = true});
  return x / maximum(length, args.epsilon);
}

}  // namespace ops

using namespace ops;
NYALA_OP(L2Normalize)
NYALA_OP(L2NormalizeGrad)
NYALA_OP(NormalizedDot)
NYALA_OP(NormalizedDotGrad)

}  // namespace nyala
