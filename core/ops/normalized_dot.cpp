#include <nyala/core/kernels/normalize.hpp>
#include <nyala/core/ops/fused.hpp>
#include <nyala/core/ops/normalizing.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

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
      if (size != out[i] && size != None && out[i] != None)
        throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() +
                         " and " + in[1].shape.str() + ", expected the same");
      if (out[i] == None) out[i] = size;
    }
    out.erase(out.rank() - 1);
    return {out, in[0].dtype};
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

  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous(), y = in[1].contiguous();
    kernels::normalized_dot(
        x.dtype(), out.size(), x.shape().back(), x.data(), y.data(), clamp(), out.mutable_data());
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

}  // namespace

Tensor normalized_dot(const Tensor& x, const Tensor& y) { return run_op(NormalizedDot{}, {x, y}); }

}  // namespace ops

using namespace ops;
NYALA_OP(NormalizedDot)
NYALA_OP(NormalizedDotGrad)

}  // namespace nyala
