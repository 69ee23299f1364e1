#include <algorithm>

#include <nyala/core/kernels/nn.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

template <class Self>
struct AlongAxis {
  int axis = -1;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &Self::axis, "The axis that sums to one."}};
  }

  Lines lines(const Tensor& x) const {
    return lines_along(x.shape(), normalize_axis(axis, x.rank(), Self::name.data()));
  }
  Spec infer(Inputs<Spec> in) const {
    normalize_axis(axis, in[0].shape.rank(), Self::name.data());
    for (std::size_t i = 1; i < in.size(); ++i)
      expect_spec(Self::name, in[i], in[0].shape, in[0].dtype);
    return in[0];
  }
  static std::vector<SampleOf<Self>> make_samples(std::size_t num_inputs) {
    std::vector<SampleOf<Self>> samples;
    const auto add = [&](int along, const Shape& shape) {
      Self op;
      op.axis = along;
      samples.push_back({op, std::vector<SampleInput>(num_inputs, SampleInput{shape})});
    };
    add(-1, {4});
    add(0, {2, 3});
    add(1, {2, 3, 2});
    add(-1, {0, 3});
    add(-1, {2, 1});
    return samples;
  }
};

template <class Self>
struct RowFunction : AlongAxis<Self> {
  static constexpr Saves saves = Saves::outputs;
  auto prepare(const Layouts& at, Workspace&) const {
    return [rows = this->lines(at.in[0]), dtype = at.in[0].dtype()](const void* const* from,
                                                                    void* const* to) {
      Self::kernel(dtype, rows.outer, rows.n, rows.inner, from[0], to[0]);
    };
  }
  static std::vector<SampleOf<Self>> samples() { return AlongAxis<Self>::make_samples(1); }
};

// Inputs: the result y, and its gradient dy.
template <class Self>
struct RowFunctionGrad : AlongAxis<Self> {
  static constexpr Saves saves = Saves::inputs;
  auto prepare(const Layouts& at, Workspace&) const {
    return [rows = this->lines(at.in[0]), dtype = at.in[0].dtype()](const void* const* from,
                                                                    void* const* to) {
      Self::kernel(dtype, rows.outer, rows.n, rows.inner, from[0], from[1], to[0]);
    };
  }
  Tensor total(const Tensor& x) const { return sum(x, {this->axis, true}); }
  static std::vector<SampleOf<Self>> samples() { return AlongAxis<Self>::make_samples(2); }
};

struct SoftmaxGrad : RowFunctionGrad<SoftmaxGrad> {
  static constexpr std::string_view name = "softmax_grad";
  static constexpr std::string_view doc = "y (dy - sum(y dy))";
  static constexpr auto kernel = kernels::softmax_grad;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor& y = saved.input(0);
    const Tensor& dy = saved.input(1);
    return {d * (dy - total(y * dy)) - dy * total(d * y), run_op(*this, {y, d})};
  }
  Tensor reference(Inputs<Tensor> in) const { return in[0] * (in[1] - total(in[0] * in[1])); }
};

struct Softmax : RowFunction<Softmax> {
  static constexpr std::string_view name = "softmax";
  static constexpr std::string_view doc = "Exponentials along an axis, scaled to sum to one.";
  static constexpr auto kernel = kernels::softmax;
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    SoftmaxGrad grad;
    grad.axis = axis;
    return {run_op(grad, {saved.output(), dy})};
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor e = exp(in[0] - max(in[0], {axis, true}));
    return e / sum(e, {axis, true});
  }
};

struct LogSoftmaxGrad : RowFunctionGrad<LogSoftmaxGrad> {
  static constexpr std::string_view name = "log_softmax_grad";
  static constexpr std::string_view doc = "dy - exp(y) sum(dy)";
  static constexpr auto kernel = kernels::log_softmax_grad;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor e = exp(saved.input(0));
    return {-d * e * total(saved.input(1)), d - total(d * e)};
  }
  Tensor reference(Inputs<Tensor> in) const { return in[1] - exp(in[0]) * total(in[1]); }
};

struct LogSoftmax : RowFunction<LogSoftmax> {
  static constexpr std::string_view name = "log_softmax";
  static constexpr std::string_view doc = "The logarithm of softmax.";
  static constexpr auto kernel = kernels::log_softmax;
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    LogSoftmaxGrad grad;
    grad.axis = axis;
    return {run_op(grad, {saved.output(), dy})};
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor x = in[0] - max(in[0], {axis, true});
    return x - log(sum(exp(x), {axis, true}));
  }
};

struct LogSumExp : AlongAxis<LogSumExp> {
  static constexpr std::string_view name = "logsumexp";
  static constexpr std::string_view doc = "log(sum(exp(x))) along an axis, kept with size 1.";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    Spec out = in[0];
    out.shape[normalize_axis(axis, out.shape.rank(), "logsumexp")] = 1;
    return out;
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [rows = lines(at.in[0]), dtype = at.in[0].dtype()](const void* const* from,
                                                              void* const* to) {
      kernels::logsumexp(dtype, rows.outer, rows.n, rows.inner, from[0], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor most = max(in[0], {axis, true});
    return log(sum(exp(in[0] - most), {axis, true})) + most;
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    // Not exp(x - y): y is rounded, and by more than 1 where x is large.
    Softmax softmax;
    softmax.axis = axis;
    return {dy * run_op(softmax, {saved.input()})};
  }
  static std::vector<SampleOf<LogSumExp>> samples() { return make_samples(1); }
};

// The op along one axis, or along several taken as one.
template <class Op>
Tensor run_along(const Tensor& x, const Axes& axes) {
  const Tensor numbers = to_float(x);
  Op op;
  if (axes.given() && axes.axes().size() == 1) {
    op.axis = axes.axes()[0];
    return run_op(op, {numbers});
  }
  return along_axes(
      numbers, axes, Op::name.data(), [&](const Tensor& t) { return run_op(op, {t}); });
}

}  // namespace

Tensor softmax(const Tensor& x, const SoftmaxArgs& args) {
  return run_along<Softmax>(x, args.axis);
}
Tensor log_softmax(const Tensor& x, const SoftmaxArgs& args) {
  return run_along<LogSoftmax>(x, args.axis);
}

Tensor logsumexp(const Tensor& x, const ReduceArgs& args) {
  const std::vector<bool> flags = args.axis.flags(x.rank(), "logsumexp");
  const std::vector<int> order = reduced_last(flags);
  const Tensor numbers = to_float(x);
  Shape kept, flat;
  for (int i = 0; i < x.rank(); ++i) {
    const bool reduced = flags[static_cast<std::size_t>(i)];
    if (!reduced) flat.push_back(x.shape()[i]);
    if (!reduced || args.keepdims) kept.push_back(reduced ? 1 : x.shape()[i]);
  }
  LogSumExp op;
  if (std::count(flags.begin(), flags.end(), true) == 1) {
    op.axis = order.back();
    const Tensor y = run_op(op, {numbers});
    return args.keepdims ? y : reshape(y, kept);
  }
  flat.push_back(merged_size(x.shape(), flags));
  return reshape(run_op(op, {reshape(transpose(numbers, order), flat)}), kept);
}

}  // namespace ops

using namespace ops;
NYALA_OP(Softmax)
NYALA_OP(SoftmaxGrad)
NYALA_OP(LogSoftmax)
NYALA_OP(LogSoftmaxGrad)
NYALA_OP(LogSumExp)

}  // namespace nyala
