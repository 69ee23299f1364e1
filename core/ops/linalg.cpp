#include <nyala/core/ops/linalg.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

#include <nyala/core/kernels/linalg.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

void check_square(const Shape& shape, std::string_view who) {
  if (shape.rank() >= 2 && (shape[-1] == shape[-2] || shape[-1] == None || shape[-2] == None))
    return;
  throw ShapeError(std::string(who) + ": received shape " + shape.str() +
                   ", expected square matrices");
}

std::int64_t batch_of(const Tensor& x) {
  std::int64_t batch = 1;
  for (int i = 0; i < x.rank() - 2; ++i) batch *= x.shape()[i];
  return batch;
}

Tensor adjoint(const Tensor& x) { return swapaxes(x, -1, -2); }

struct Solve : NoOptions {
  static constexpr std::string_view name = "solve";
  static constexpr std::string_view doc = "The solution of systems of linear equations.";
  static constexpr Saves saves = Saves::both;

  Spec infer(Inputs<Spec> in) const {
    const Shape& a = in[0].shape;
    const Shape& b = in[1].shape;
    check_square(a, name);
    bool fits = a.rank() == b.rank() && in[0].dtype == in[1].dtype;
    for (int i = 0; fits && i < a.rank() - 1; ++i)
      fits = a[i] == b[i] || a[i] == None || b[i] == None;
    if (!fits)
      throw ShapeError("solve: received matrices of shape " + a.str() + " and right sides " +
                       b.str() + ", which do not fit together");
    return in[1];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor &a = at.in[0], &b = at.in[1];
    return [dtype = a.dtype(), batch = batch_of(a), n = a.shape()[-1], k = b.shape()[-1]](
               const void* const* from, void* const* to) {
      if (!kernels::solve(dtype, batch, n, k, from[0], from[1], to[0]))
        throw ValueError("solve: the matrix is singular");
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor db = run_op(Solve{}, {adjoint(saved.input(0)), dy});
    Grads grads{Tensor(), db};
    if (saved.wants(0)) grads[0] = -matmul(db, adjoint(saved.output()));
    return grads;
  }
  static std::vector<SampleOf<Solve>> samples() {
    return {{{}, {{{3, 3}, 0.2, 3}, {{3, 2}}}},
            {{}, {{{2, 1, 1}, 1, 2}, {{2, 1, 3}}}},
            {{}, {{{0, 2, 2}}, {{0, 2, 1}}}}};
  }
};

struct Determinant : NoOptions {
  static constexpr std::string_view name = "det";
  static constexpr std::string_view doc = "The determinant of square matrices.";
  static constexpr Saves saves = Saves::both;

  Spec infer(Inputs<Spec> in) const {
    check_square(in[0].shape, name);
    Shape shape = in[0].shape;
    shape.erase(shape.rank() - 1);
    shape.erase(shape.rank() - 1);
    return {shape, in[0].dtype};
  }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor& a = at.in[0];
    return [dtype = a.dtype(), batch = batch_of(a), n = a.shape()[-1]](const void* const* from,
                                                                       void* const* to) {
      kernels::determinant(dtype, batch, n, from[0], to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor scale = expand_dims(expand_dims(dy * saved.output(), -1), -1);
    return {scale * adjoint(inv(saved.input()))};
  }
  static std::vector<SampleOf<Determinant>> samples() {
    return {{{}, {{{3, 3}, 0.2, 3}}}, {{}, {{{2, 1, 1}, 1, 2}}}, {{}, {{{0, 2, 2}}}}};
  }
};

struct Cholesky : NoOptions {
  static constexpr std::string_view name = "cholesky";
  static constexpr std::string_view doc = "The lower triangular L of L times its transpose.";
  static constexpr Saves saves = Saves::outputs;

  Spec infer(Inputs<Spec> in) const {
    check_square(in[0].shape, name);
    return in[0];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor& a = at.in[0];
    return [dtype = a.dtype(), batch = batch_of(a), n = a.shape()[-1]](const void* const* from,
                                                                       void* const* to) {
      if (!kernels::cholesky(dtype, batch, n, from[0], to[0]))
        throw ValueError("cholesky: the matrix is not positive definite");
    };
  }
  // Murray, "Differentiation of the Cholesky decomposition" (2016), equation 10.
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor& l = saved.output();
    const Tensor product = matmul(adjoint(l), tril(dy));
    const Tensor halved = (tril(product) + tril(product, -1)) * 0.5;
    const Tensor left = run_op(Solve{}, {adjoint(l), halved});
    const Tensor both = adjoint(run_op(Solve{}, {adjoint(l), adjoint(left)}));
    return {(both + adjoint(both)) * 0.5};
  }
  // A matrix of one number is positive definite when the number is positive.
  static std::vector<SampleOf<Cholesky>> samples() {
    return {{{}, {{{2, 1, 1}, 1, 2}}}, {{}, {{{0, 2, 2}}}}};
  }
};

struct ErfInv : NoOptions {
  static constexpr std::string_view name = "erfinv";
  static constexpr std::string_view doc = "The inverse of the error function.";
  static constexpr Saves saves = Saves::outputs;

  Spec infer(Inputs<Spec> in) const { return in[0]; }
  auto prepare(const Layouts& at, Workspace&) const {
    return [dtype = at.in[0].dtype(), size = at.in[0].size()](const void* const* from,
                                                              void* const* to) {
      kernels::erfinv(dtype, size, from[0], to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {dy * exp(square(saved.output())) * (0.5 / std::numbers::inv_sqrtpi)};
  }
  static std::vector<SampleOf<ErfInv>> samples() {
    return {{{}, {{{3, 4}, -0.9, 0.9}}}, {{}, {{{}, -0.9, 0.9}}}, {{}, {{{0}}}}};
  }
};

}  // namespace

Tensor erfinv(const Tensor& x) { return run_op(ErfInv{}, {to_float(x)}); }
Tensor det(const Tensor& x) { return run_op(Determinant{}, {to_float(x)}); }

Tensor solve(const Tensor& a, const Tensor& b) {
  const auto [matrix, right] = promote(to_float(a), to_float(b));
  if (b.rank() != a.rank() - 1) return run_op(Solve{}, {matrix, right});
  return squeeze(run_op(Solve{}, {matrix, expand_dims(right, -1)}), -1);
}

Tensor inv(const Tensor& x) {
  const Tensor numbers = to_float(x);
  check_square(x.shape(), "inv");
  const Tensor one = eye(x.shape()[-1], {}, {.dtype = numbers.dtype()});
  return run_op(Solve{}, {numbers, broadcast_to(one, x.shape())});
}

Tensor cholesky(const Tensor& x, bool upper) {
  const Tensor l = run_op(Cholesky{}, {to_float(x)});
  return upper ? adjoint(l) : l;
}

Tensor norm(const Tensor& x, const NormArgs& args) {
  const Tensor numbers = to_float(x);
  const ReduceArgs over{args.axis, args.keepdims};
  if (!args.ord) return sqrt(sum(square(numbers), over));
  const double ord = *args.ord;
  const std::vector<bool> flags = args.axis.flags(x.rank(), "norm");
  const auto num_axes = std::count(flags.begin(), flags.end(), true);
  const Tensor size = abs(numbers);
  if (num_axes == 2) {
    // A matrix: the largest (smallest) sum over a column (1, -1) or a row (infinite).
    if (std::abs(ord) != 1 && !std::isinf(ord))
      throw UnsupportedError("norm: received ord = " + std::to_string(ord) +
                             " for matrices, expected 1, -1 or infinity");
    std::vector<int> axes = args.axis.axes();
    if (axes.empty()) axes = {0, 1};
    const bool columns = std::abs(ord) == 1;
    const Tensor sums = sum(size, {axes[columns ? 0 : 1], true});
    const Tensor norms = ord > 0 ? max(sums, {axes, true}) : min(sums, {axes, true});
    return args.keepdims ? norms : squeeze(norms, axes);
  }
  if (num_axes != 1)
    throw ValueError("norm: received ord = " + std::to_string(ord) + " for " +
                     std::to_string(num_axes) + " axes, expected 1 or 2");
  if (ord == 2) return sqrt(sum(square(numbers), over));
  if (ord == 1) return sum(size, over);
  if (ord == 0) return cast(count_nonzero(numbers, over), numbers.dtype());
  if (std::isinf(ord)) return ord > 0 ? max(size, over) : min(size, over);
  if (std::isnan(ord)) throw ValueError("norm: received ord = nan");
  return power(sum(power(size, ord), over), 1 / ord);
}

}  // namespace ops

using namespace ops;
NYALA_OP(Solve)
NYALA_OP(Determinant)
NYALA_OP(Cholesky)
NYALA_OP(ErfInv)

}  // namespace nyala
