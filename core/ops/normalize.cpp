#include <nyala/core/ops/normalizing.hpp>

#include <limits>

#include <nyala/core/kernels/normalize.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

// Below this the 2.x line clamps the sum of squares.
constexpr double kLegacyLeast = 1e-12;

template <class Self>
struct AlongAxis : LengthOptions {
  int axis = -1;
  static constexpr auto fields() {
    return std::tuple_cat(
        std::tuple{Field{"axis", &Self::axis, "The axis along which a row lies."}},
        LengthOptions::fields());
  }

  kernels::NormalizedLines normalized(const Tensor& x) const {
    const Lines at = lines_along(x.shape(), normalize_axis(axis, x.rank(), Self::name.data()));
    return {x.dtype(), at.outer, at.n, at.inner, clamp()};
  }
  Spec infer(Inputs<Spec> in) const {
    normalize_axis(axis, in[0].shape.rank(), Self::name.data());
    for (std::size_t i = 1; i < in.size(); ++i)
      expect_spec(Self::name, in[i], in[0].shape, in[0].dtype);
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
struct L2NormalizeGrad : AlongAxis<L2NormalizeGrad> {
  static constexpr std::string_view name = "l2_normalize_grad";
  static constexpr std::string_view doc = "r dy - r^3 sum(x dy) x, for the factor r of each row.";
  static constexpr Saves saves = Saves::inputs;

  auto prepare(const Layouts& at, Workspace&) const {
    return [of = normalized(at.in[0])](const void* const* from, void* const* to) {
      kernels::l2_normalize_grad(of, from[0], from[1], to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    auto [of_x, of_dy] =
        differentiate_l2_normalize_grad(saved.input(0), saved.input(1), d, axis, *this);
    return {of_x, of_dy};
  }
  static std::vector<SampleOf<L2NormalizeGrad>> samples() { return make_samples(2); }
};

struct L2Normalize : AlongAxis<L2Normalize> {
  static constexpr std::string_view name = "l2_normalize";
  static constexpr std::string_view doc = "Rows scaled to length one.";
  static constexpr Saves saves = Saves::inputs;

  auto prepare(const Layouts& at, Workspace&) const {
    return [of = normalized(at.in[0])](const void* const* from, void* const* to) {
      kernels::l2_normalize(of, from[0], to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {l2_normalize_grad(saved.input(), dy, axis, *this)};
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor squares = sum(square(in[0]), {axis, true});
    return legacy ? in[0] * rsqrt(maximum(squares, kLegacyLeast))
                  : in[0] / maximum(sqrt(squares), epsilon);
  }
  static std::vector<SampleOf<L2Normalize>> samples() { return make_samples(1); }
};

}  // namespace

kernels::LengthClamp LengthOptions::clamp() const {
  if (legacy) return {std::numeric_limits<double>::infinity(), kLegacyLeast};
  return {1 / epsilon, 0};
}

Tensor l2_normalize_grad(const Tensor& x,
                         const Tensor& dy,
                         int axis,
                         const LengthOptions& options) {
  return run_op(L2NormalizeGrad{{options, axis}}, {x, dy});
}

// With r' = dr/ds for the sum s of squares, dx = r dy + 2 r' sum(x dy) x.
std::pair<Tensor, Tensor> differentiate_l2_normalize_grad(
    const Tensor& x, const Tensor& dy, const Tensor& d, int axis, const LengthOptions& options) {
  const auto total = [&](const Tensor& t) { return sum(t, {axis, true}); };
  const Tensor squares = total(x * x);
  const kernels::LengthClamp limits = options.clamp();
  const Tensor clamped = options.legacy ? squares < limits.least : rsqrt(squares) > limits.most;
  const Tensor free = rsqrt(where(clamped, 1, squares));
  const double constant = options.legacy ? 1e6 : limits.most;
  const Tensor r = where(clamped, constant, free);
  const Tensor r3 = where(clamped, 0, free * free * free);
  const Tensor r5 = r3 * free * free;
  const Tensor x_dy = total(x * dy);
  const Tensor x_d = total(x * d);
  const Tensor of_x = x * (r5 * x_dy * x_d * 3 - r3 * total(d * dy)) - (dy * x_d + d * x_dy) * r3;
  return {of_x, d * r - x * (r3 * x_d)};
}

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

}  // namespace nyala
