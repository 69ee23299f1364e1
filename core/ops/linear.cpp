#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/ops/linear.hpp>
#include <nyala/core/ops/rewriting.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

// (..., n) as (rows, n): their number is counted, as -1 stands for none where n is 0.
Tensor as_rows(const Tensor& x) {
  std::int64_t rows = 1;
  for (int i = 0; i + 1 < x.rank(); ++i) rows = multiply_sizes(rows, x.shape()[i], "linear");
  return reshape(x, {rows, x.shape().back()});
}

struct Linear {
  static constexpr std::string_view name = "linear";
  static constexpr std::string_view doc = "x @ w + b; max(., 0) of it with relu.";
  static constexpr Saves saves = Saves::both;

  bool relu = false;
  static constexpr auto fields() {
    return std::tuple{Field{"relu", &Linear::relu, "Whether negative numbers become 0."}};
  }

  Spec infer(Inputs<Spec> in) const {
    const Shape &x = in[0].shape, &w = in[1].shape, &b = in[2].shape;
    const bool right = x.rank() >= 1 && w.rank() == 2 && b.rank() == 1 &&
                       sizes_fit(x.back(), w[0]) && sizes_fit(w[1], b[0]);
    if (!right || !is_floating(in[0].dtype) || in[1].dtype != in[0].dtype ||
        in[2].dtype != in[0].dtype) {
      throw ShapeError("linear: received shapes " + x.str() + ", " + w.str() + " and " + b.str() +
                       ", expected (..., k), (k, n) and (n) of one floating dtype");
    }
    Shape shape = x;
    shape[-1] = w[1] == None ? b[0] : w[1];
    return {shape, in[0].dtype};
  }
  kernels::MatmulPlan plan(const Tensor& x, const Tensor& w) const {
    const std::int64_t k = w.shape()[0], n = w.shape()[1];
    const bool is_matrix = x.rank() == 2;
    std::int64_t rows = 1;  // also where k is 0: each is the bias then
    for (int i = 0; i + 1 < x.rank(); ++i) rows *= x.shape()[i];
    return kernels::plan_matmul(x.dtype(),
                                is_matrix ? x.shape()[0] : rows,
                                n,
                                k,
                                {is_matrix ? x.strides()[0] : k, is_matrix ? x.strides()[1] : 1},
                                {w.strides()[0], w.strides()[1]},
                                n,
                                {.relu = relu});
  }
  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].rank() == 2 ? in[0] : in[0].contiguous();
    const Tensor bias = in[2].contiguous();
    plan(x, in[1])(x.data(), in[1].data(), bias.data(), out.mutable_data());
  }
  static bool lies_well(Inputs<Tensor> in) {
    return in[2].is_contiguous() && (in[0].rank() == 2 || in[0].is_contiguous());
  }
  Kernel bind(Inputs<Tensor> in, std::span<const Tensor>) const {
    if (!lies_well(in)) return {};
    return [one = plan(in[0], in[1])](const void* const* from, void* const* to) {
      one(from[0], from[1], from[2], to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor &x = saved.input(0), &w = saved.input(1);
    const Tensor d = relu ? where(saved.output() > 0, dy, 0) : dy;
    const Tensor d_rows = as_rows(d), x_rows = as_rows(x);
    return {matmul(d, transpose(w)), matmul(transpose(x_rows), d_rows), sum(d_rows, {.axis = 0})};
  }
  static std::vector<SampleOf<Linear>> samples() {
    return {{{}, {{{3, 4}}, {{4, 2}}, {{2}}}},
            {{true}, {{{2, 3, 4}, 0.1, 2}, {{4, 5}, 0.1, 2}, {{5}, 0.1, 2}}},
            {{}, {{{4}}, {{4, 3}}, {{3}}}},
            {{}, {{{0, 4}}, {{4, 2}}, {{2}}}}};
  }
};

}  // namespace

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& b, bool relu) {
  return run_op(Linear{relu}, {x, w, b});
}
AnyOp linear_op(bool relu) {
  const Linear op{relu};
  return AnyOp(detail::op_def<Linear>(), &op);
}

std::shared_ptr<const kernels::MatmulPlan> linear_product(const AnyOp& op, Inputs<Tensor> in) {
  if (&op.def() != &detail::op_def<Linear>() || !Linear::lies_well(in)) return {};
  const auto& linear = *static_cast<const Linear*>(op.options());
  return std::make_shared<const kernels::MatmulPlan>(linear.plan(in[0], in[1]));
}

}  // namespace ops

using namespace ops;
NYALA_OP(Linear)

}  // namespace nyala
