#include <nyala/core/kernels/update.hpp>
#include <nyala/core/ops/support.hpp>
#include <nyala/core/ops/update.hpp>

namespace nyala {
namespace ops {
namespace {

template <class Self>
struct UpdateOp : NoOptions {
  static constexpr std::size_t kArrays = kernels::num_arrays(Self::kernel);

  Spec infer(Inputs<Spec> in) const {
    for (std::size_t i = 1; i < in.size(); ++i) {
      const bool fits = i < kArrays ? in[i].shape == in[0].shape : in[i].shape.rank() == 0;
      if (fits && in[i].dtype == in[0].dtype) continue;
      throw ShapeError(std::string(Self::name) + ": received " + in[i].shape.str() + " of " +
                       std::string(name_of(in[i].dtype)) + ", expected " +
                       (i < kArrays ? in[0].shape.str() : "()") + " of " +
                       std::string(name_of(in[0].dtype)));
    }
    return in[0];
  }
  void forward(Inputs<Tensor> in, Tensor& out) const {
    Tensors dense;
    std::array<const void*, 5> from;
    for (std::size_t i = 0; i < in.size(); ++i) {
      dense.push_back(in[i].contiguous());
      from[i] = dense[i].data();
    }
    kernels::update(Self::kernel, out.dtype(), out.size(), from.data(), out.mutable_data());
  }
};

struct Lerp : UpdateOp<Lerp> {
  static constexpr std::string_view name = "lerp";
  static constexpr std::string_view doc = "x + (y - x) * weight";
  static constexpr Saves saves = Saves::inputs;
  static constexpr kernels::Update kernel = kernels::Update::lerp;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor &x = saved.input(0), &y = saved.input(1), &w = saved.input(2);
    return {d * (1 - w), d * w, sum(d * (y - x))};
  }
  static std::vector<SampleOf<Lerp>> samples() {
    return {{{}, {{{3, 5}}, {{3, 5}}, {{}, 0, 1}}}, {{}, {{{0}}, {{0}}, {{}}}}};
  }
};

struct LerpSquare : UpdateOp<LerpSquare> {
  static constexpr std::string_view name = "lerp_square";
  static constexpr std::string_view doc = "x + (y * y - x) * weight";
  static constexpr Saves saves = Saves::inputs;
  static constexpr kernels::Update kernel = kernels::Update::lerp_square;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor &x = saved.input(0), &y = saved.input(1), &w = saved.input(2);
    return {d * (1 - w), d * w * y * 2, sum(d * (y * y - x))};
  }
  static std::vector<SampleOf<LerpSquare>> samples() {
    return {{{}, {{{3, 5}}, {{3, 5}}, {{}, 0, 1}}}, {{}, {{{0}}, {{0}}, {{}}}}};
  }
};

struct Descend : UpdateOp<Descend> {
  static constexpr std::string_view name = "descend";
  static constexpr std::string_view doc = "x - y * rate";
  static constexpr Saves saves = Saves::inputs;
  static constexpr kernels::Update kernel = kernels::Update::descend;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    return {d, -d * saved.input(2), -sum(d * saved.input(1))};
  }
  static std::vector<SampleOf<Descend>> samples() {
    return {{{}, {{{3, 5}}, {{3, 5}}, {{}, 0, 1}}}, {{}, {{{0}}, {{0}}, {{}}}}};
  }
};

struct RootStep : UpdateOp<RootStep> {
  static constexpr std::string_view name = "root_step";
  static constexpr std::string_view doc = "x - m * rate / (sqrt(v) + epsilon)";
  static constexpr Saves saves = Saves::inputs;
  static constexpr kernels::Update kernel = kernels::Update::root_step;
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor &m = saved.input(1), &v = saved.input(2), &rate = saved.input(3);
    const Tensor root = sqrt(v), under = root + saved.input(4);
    const Tensor by_under = d * m * rate / square(under);
    return {d, -d * rate / under, by_under * 0.5 / root, -sum(d * m / under), sum(by_under)};
  }
  static std::vector<SampleOf<RootStep>> samples() {
    const SampleInput some{{3, 5}}, positive{{3, 5}, 0.5, 2}, one{{}, 0.1, 1};
    return {{{}, {some, some, positive, one, one}}, {{}, {{{0}}, {{0}}, {{0}}, one, one}}};
  }
};

}  // namespace

Tensor lerp(const Tensor& x, const Tensor& y, const Tensor& weight) {
  return run_op(Lerp{}, {x, y, weight});
}
Tensor lerp(const Tensor& x, const Tensor& y, Scalar weight) {
  return lerp(x, y, scalar_beside(weight, x));
}
Tensor lerp_square(const Tensor& x, const Tensor& y, Scalar weight) {
  return run_op(LerpSquare{}, {x, y, scalar_beside(weight, x)});
}
Tensor descend(const Tensor& x, const Tensor& y, const Tensor& rate) {
  return run_op(Descend{}, {x, y, rate});
}
Tensor root_step(
    const Tensor& x, const Tensor& m, const Tensor& v, const Tensor& rate, Scalar epsilon) {
  return run_op(RootStep{}, {x, m, v, rate, scalar_beside(epsilon, x)});
}

}  // namespace ops

using namespace ops;
NYALA_OP(Lerp)
NYALA_OP(LerpSquare)
NYALA_OP(Descend)
NYALA_OP(RootStep)

}  // namespace nyala
