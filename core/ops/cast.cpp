#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

struct Cast {
  static constexpr std::string_view name = "cast";
  static constexpr std::string_view doc = "The same numbers in another dtype.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::nothing;
  static constexpr auto pointwise = Pointwise::Kind::cast;

  DType dtype = DType::float32;
  static constexpr auto fields() {
    return std::tuple{Field{"dtype", &Cast::dtype, "The dtype of the result."}};
  }

  Spec infer(Inputs<Spec> in) const { return {in[0].shape, dtype}; }
  void forward(Inputs<Tensor> x, Tensor& out) const {
    kernels::cast(x[0].dtype(), dtype, x[0].shape(), in(x[0]), out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    if (!is_floating(saved.dtype()) || !is_floating(dtype)) return {Tensor()};
    return {cast(dy, saved.dtype())};
  }
  static std::vector<SampleOf<Cast>> samples() {
    return {{{DType::float64}, {{{3, 2}}}},
            {{DType::int32}, {{{4}, -9, 9}}},
            {{DType::bool_}, {{{0, 2}}}}};
  }
};

struct StopGradient : NoOptions {
  static constexpr std::string_view name = "stop_gradient";
  static constexpr std::string_view doc = "x, through which no gradient flows.";
  static constexpr Saves saves = Saves::nothing;

  Spec infer(Inputs<Spec> in) const { return in[0]; }
  std::optional<ViewLayout> view(const Spec& in, const Shape& strides) const {
    return ViewLayout{in.shape, strides};
  }
  Grads vjp(const Saved&, const Tensor&) const { return {Tensor()}; }
  static std::vector<SampleOf<StopGradient>> samples() { return {{{}, {{{3, 2}}}}, {{}, {{{0}}}}}; }
};

}  // namespace

Tensor cast(const Tensor& x, DTypeLike dtype) {
  return x.dtype() == dtype.value ? x : run_op(Cast{dtype.value}, {x});
}
Tensor stop_gradient(const Tensor& x) { return run_op(StopGradient{}, {x}); }

}  // namespace ops

using namespace ops;
NYALA_OP(Cast)
NYALA_OP(StopGradient)

}  // namespace nyala
