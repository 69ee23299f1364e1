#include <nyala/core/ops/layer_norm.hpp>

#include <nyala/core/kernels/layer_norm.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

template <class Self>
struct OfRows {
  double epsilon = 1e-3;
  static constexpr Saves saves = Saves::inputs;
  static constexpr auto fields() {
    return std::tuple{
        Field{"epsilon", &Self::epsilon, "What is added to the variance.", Range::positive()}};
  }

  kernels::LayerNormRows rows_of(const Tensor& x) const {
    kernels::LayerNormRows of{x.dtype(), 1, x.shape().back(), epsilon};
    for (int i = 0; i + 1 < x.rank(); ++i) of.rows *= x.shape()[i];
    return of;
  }
  static void check(const Spec& x, const Spec& other, const Shape& wanted) {
    bool right = other.shape.rank() == wanted.rank() && other.dtype == x.dtype;
    for (int i = 0; right && i < wanted.rank(); ++i) right = sizes_fit(other.shape[i], wanted[i]);
    if (right) return;
    throw ShapeError(std::string(Self::name) + ": received shapes " + x.shape.str() + " and " +
                     other.shape.str() + ", expected " + wanted.str() + " of the same dtype");
  }
  static Shape columns(const Spec& x) {
    if (x.shape.rank() < 1)
      throw ShapeError(std::string(Self::name) + ": received a number, expected rows of numbers");
    return {x.shape.back()};
  }
  static std::vector<SampleOf<Self>> make_samples(const std::vector<bool>& wide) {
    std::vector<SampleOf<Self>> samples;
    for (const Shape& x : {Shape{3, 5}, Shape{2, 3, 4}, Shape{7}, Shape{0, 3}}) {
      std::vector<SampleInput> inputs;
      for (const bool is_wide : wide) inputs.push_back({is_wide ? x : Shape{x.back()}});
      samples.push_back({{}, inputs});
    }
    return samples;
  }

  // The rows of x normalised, and what they were multiplied by.
  struct Normal {
    Tensor h, factor;
  };
  Normal normal(const Tensor& x) const {
    const Moments m = moments(x, {-1, true});
    const Tensor factor = rsqrt(m.variance + epsilon);
    return {(x - m.mean) * factor, factor};
  }
};

Tensor mean_of_row(const Tensor& x) { return mean(x, {-1, true}); }

// Inputs: x, gamma and dy.
struct LayerNormGrad : OfRows<LayerNormGrad> {
  static constexpr std::string_view name = "layer_norm_grad";
  static constexpr std::string_view doc = "The gradient of layer_norm by x.";

  Spec infer(Inputs<Spec> in) const {
    check(in[0], in[1], columns(in[0]));
    check(in[0], in[2], in[0].shape);
    return in[0];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [of = rows_of(at.in[0])](const void* const* from, void* const* to) {
      kernels::layer_norm_grad(of, from[0], from[1], from[2], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const auto [h, factor] = normal(in[0]);
    const Tensor g = in[2] * in[1];
    return factor * (g - mean_of_row(g) - h * mean_of_row(g * h));
  }
  // The gradient is b(dy gamma) for the linear map b(g) = factor (g - mean(g) - h mean(g h)), which
  // is its own transpose; h changes with x by b too, and factor by -factor^2 h / n.
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor& x = saved.input(0);
    const Tensor& gamma = saved.input(1);
    const Tensor& dy = saved.input(2);
    const Tensor ones = ops::ones_like(gamma);
    const auto b = [&](const Tensor& g) { return run_op(*this, {x, ones, g}); };
    const auto [h, factor] = normal(x);
    const Tensor g = dy * gamma, b_of_d = b(d);
    const Tensor gh = mean_of_row(g * h), dh = mean_of_row(d * h);
    const Tensor of_h = b(-factor * (d * gh + g * dh));
    const Tensor of_factor = square(factor) * h * mean_of_row(d * (g - mean_of_row(g) - h * gh));
    return {of_h - of_factor, sum_to(dy * b_of_d, gamma.shape()), gamma * b_of_d};
  }
  static std::vector<SampleOf<LayerNormGrad>> samples() {
    return make_samples({true, false, true});
  }
};

// Inputs: x and dy.
struct LayerNormScaleGrad : OfRows<LayerNormScaleGrad> {
  static constexpr std::string_view name = "layer_norm_scale_grad";
  static constexpr std::string_view doc = "The gradient of layer_norm by gamma.";

  Spec infer(Inputs<Spec> in) const {
    check(in[0], in[1], in[0].shape);
    return {columns(in[0]), in[0].dtype};
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [of = rows_of(at.in[0])](const void* const* from, void* const* to) {
      kernels::layer_norm_scale_grad(of, from[0], from[1], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    return sum_to(normal(in[0]).h * in[1], {in[0].shape().back()});
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor& x = saved.input(0);
    const Tensor& dy = saved.input(1);
    LayerNormGrad grad;
    grad.epsilon = epsilon;
    return {run_op(grad, {x, d, dy}), d * normal(x).h};
  }
  static std::vector<SampleOf<LayerNormScaleGrad>> samples() { return make_samples({true, true}); }
};

// Inputs: x, gamma and beta.
struct LayerNorm : OfRows<LayerNorm> {
  static constexpr std::string_view name = "layer_norm";
  static constexpr std::string_view doc =
      "Rows less their mean, over the root of their variance, times gamma, plus beta.";

  Spec infer(Inputs<Spec> in) const {
    for (const std::size_t i : {std::size_t{1}, std::size_t{2}})
      check(in[0], in[i], columns(in[0]));
    return in[0];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [of = rows_of(at.in[0])](const void* const* from, void* const* to) {
      kernels::layer_norm(of, from[0], from[1], from[2], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const { return normal(in[0]).h * in[1] + in[2]; }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor& x = saved.input(0);
    Grads grads(3);
    LayerNormGrad of_x;
    LayerNormScaleGrad of_gamma;
    of_x.epsilon = of_gamma.epsilon = epsilon;
    if (saved.wants(0)) grads[0] = run_op(of_x, {x, saved.input(1), dy});
    if (saved.wants(1)) grads[1] = run_op(of_gamma, {x, dy});
    if (saved.wants(2)) grads[2] = sum_to(dy, saved.shape(2));
    return grads;
  }
  static std::vector<SampleOf<LayerNorm>> samples() { return make_samples({true, false, false}); }
};

}  // namespace

Tensor layer_norm(const Tensor& x, const Tensor& gamma, const Tensor& beta, double epsilon) {
  LayerNorm op;
  op.epsilon = epsilon;
  return run_op(op, {x, gamma, beta});
}

}  // namespace ops

using namespace ops;
NYALA_OP(LayerNorm)
NYALA_OP(LayerNormGrad)
NYALA_OP(LayerNormScaleGrad)

}  // namespace nyala
