#include <numbers>

#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

constexpr double kInvRoot2Pi = std::numbers::inv_sqrtpi / std::numbers::sqrt2;
constexpr double kInvRoot2 = 1 / std::numbers::sqrt2;
const double kRoot2ByPi = kInvRoot2Pi * 2;

// Gradients of the commonest activations, each one pass over (y, dy).
template <class Self>
struct ActivationGrad : NoOptions {
  Spec infer(Inputs<Spec> in) const {
    expect_spec(Self::name, in[1], in[0].shape, in[0].dtype);
    return in[0];
  }
  void forward(Inputs<Tensor> x, Tensor& out) const {
    kernels::binary(
        Self::kernel, x[0].dtype(), x[0].shape(), in(x[0]), in(x[1]), out.mutable_data());
  }
  static std::vector<SampleOf<Self>> samples() {
    return {{{}, {{{3, 4}, 0.1, 0.9}, {{3, 4}}}}, {{}, {{{0}}, {{0}}}}};
  }
};

struct SigmoidGrad : ActivationGrad<SigmoidGrad> {
  static constexpr std::string_view name = "sigmoid_grad";
  static constexpr std::string_view doc = "dy * y * (1 - y)";
  static constexpr Saves saves = Saves::inputs;
  static constexpr kernels::Binary kernel = kernels::Binary::sigmoid_grad;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor& y = saved.input(0);
    return {d * saved.input(1) * (1 - y * 2), d * (y * (1 - y))};
  }
};

struct TanhGrad : ActivationGrad<TanhGrad> {
  static constexpr std::string_view name = "tanh_grad";
  static constexpr std::string_view doc = "dy * (1 - y * y)";
  static constexpr Saves saves = Saves::inputs;
  static constexpr kernels::Binary kernel = kernels::Binary::tanh_grad;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor& y = saved.input(0);
    return {d * saved.input(1) * (y * -2), d * (1 - y * y)};
  }
};

struct ReluGrad : ActivationGrad<ReluGrad> {
  static constexpr std::string_view name = "relu_grad";
  static constexpr std::string_view doc = "dy where y is positive, else 0.";
  static constexpr Saves saves = Saves::inputs;
  static constexpr kernels::Binary kernel = kernels::Binary::relu_grad;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    return {zeros_like(d), run_op(ReluGrad{}, {saved.input(0), d})};
  }
};

struct Relu : Elementwise<Relu> {
  static constexpr std::string_view name = "relu";
  static constexpr std::string_view doc = "x where it is positive, else 0.";
  static constexpr Saves saves = Saves::outputs;
  static constexpr kernels::Unary kernel = kernels::Unary::relu;
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {run_op(ReluGrad{}, {saved.output(), dy})};
  }
  // Away from the kink.
  static std::vector<SampleOf<Relu>> samples() {
    return {{{}, {{{3, 4}, 0.1, 3}}}, {{}, {{{5}, -3, -0.1}}}, {{}, {{{0, 2}}}}};
  }
};

Tensor sigmoid_gradient(const Tensor& y, const Tensor& dy) {
  return run_op(SigmoidGrad{}, {y, dy});
}
Tensor tanh_gradient(const Tensor& y, const Tensor& dy) { return run_op(TanhGrad{}, {y, dy}); }
Tensor gelu_gradient(const Tensor& x, const Tensor& dy) {
  const Tensor cdf = erfc(x * -kInvRoot2) * 0.5;
  return dy * (cdf + x * exp(x * x * -0.5) * kInvRoot2Pi);
}
Tensor gelu_tanh_gradient(const Tensor& x, const Tensor& dy) {
  const Tensor t = tanh((x + x * x * x * 0.044715) * kRoot2ByPi);
  const Tensor inner = (x * x * (3 * 0.044715) + 1) * kRoot2ByPi;
  return dy * ((t + 1) * 0.5 + x * 0.5 * (1 - t * t) * inner);
}
Tensor silu_gradient(const Tensor& x, const Tensor& dy) {
  const Tensor s = sigmoid(x);
  return dy * (s * (x * (1 - s) + 1));
}

}  // namespace

NYALA_FUNCTION(
    Sigmoid, sigmoid, sigmoid, -3, 3, outputs, sigmoid_gradient(y, dy), "1 / (1 + exp(-x))")
NYALA_FUNCTION(Tanh, tanh, tanh, -3, 3, outputs, tanh_gradient(y, dy), "The hyperbolic tangent.")
NYALA_FUNCTION(Softplus, softplus, softplus, -3, 3, inputs, dy* sigmoid(x), "log(1 + exp(x))")
NYALA_FUNCTION(Gelu,
               gelu,
               gelu,
               -3,
               3,
               inputs,
               gelu_gradient(x, dy),
               "x times the normal distribution function of x.")
NYALA_FUNCTION(GeluTanh,
               gelu_tanh,
               gelu_tanh,
               -3,
               3,
               inputs,
               gelu_tanh_gradient(x, dy),
               "gelu, approximated with tanh.")
NYALA_FUNCTION(Silu, silu, silu, -3, 3, inputs, silu_gradient(x, dy), "x times sigmoid(x)")

Tensor sigmoid(const Tensor& x) { return run_op(Sigmoid{}, {to_float(x)}); }
Tensor tanh(const Tensor& x) { return run_op(Tanh{}, {to_float(x)}); }
Tensor softplus(const Tensor& x) { return run_op(Softplus{}, {to_float(x)}); }
Tensor relu(const Tensor& x) { return run_op(Relu{}, {x}); }
Tensor silu(const Tensor& x) { return run_op(Silu{}, {to_float(x)}); }
Tensor gelu(const Tensor& x, bool approximate) {
  return approximate ? run_op(GeluTanh{}, {to_float(x)}) : run_op(Gelu{}, {to_float(x)});
}

}  // namespace ops

using namespace ops;
NYALA_OP(Sigmoid)
NYALA_OP(Tanh)
NYALA_OP(Softplus)
NYALA_OP(Relu)
NYALA_OP(Gelu)
NYALA_OP(GeluTanh)
NYALA_OP(Silu)
NYALA_OP(SigmoidGrad)
NYALA_OP(TanhGrad)
NYALA_OP(ReluGrad)

}  // namespace nyala
