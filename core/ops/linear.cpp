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
    return kernels::plan_matmul({x.dtype(),
                                 is_matrix ? x.shape()[0] : rows,
                                 n,
                                 k,
                                 {is_matrix ? x.strides()[0] : k, is_matrix ? x.strides()[1] : 1},
                                 {w.strides()[0], w.strides()[1]},
                                 n,
                                 {.relu = relu}});
  }
  static bool takes(DType dtype) { return kernels::multiplies(dtype); }
  static bool reads_strided(std::size_t i, const Tensor& input) {
    return i < 2 && input.rank() == 2;
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [one = plan(at.in[0], at.in[1])](const void* const* from, void* const* to) {
      one(from[0], from[1], from[2], to[0]);
    };
  }
  std::optional<kernels::MatmulPlan> product(Inputs<Tensor> in) const {
    const bool in_rows = in[0].rank() == 2 || in[0].is_contiguous();
    if (!has_kernels(in[0].dtype()) || !in[2].is_contiguous() || !in_rows) return {};
    return plan(in[0], in[1]);
  }
  AnyOp with_epilogue(Inputs<Tensor>, const Epilogue& epilogue) const {
    if (relu || epilogue.bias || epilogue.activation != kernels::Unary::relu) return {};
    return linear_op(true);
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor y = matmul(in[0], in[1]) + in[2];
    return relu ? ops::relu(y) : y;
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

}  // namespace ops

using namespace ops;
NYALA_OP(Linear)

}  // namespace nyala
