#include <nyala/core/kernels/reduce.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

template <class Self>
struct Cumulative {
  int axis = 0;
  bool reverse = false;
  bool exclusive = false;
  static constexpr auto fields() {
    return std::tuple{
        Field{"axis", &Self::axis, "The axis that is run along."},
        Field{"reverse", &Self::reverse, "Whether it runs from the end."},
        Field{"exclusive", &Self::exclusive, "Whether each element itself is left out."}};
  }

  Spec infer(Inputs<Spec> in) const {
    normalize_axis(axis, in[0].shape.rank(), Self::name.data());
    return in[0];
  }
  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous();
    const Lines lines = lines_along(x.shape(), normalize_axis(axis, x.rank(), Self::name.data()));
    kernels::cumulative(Self::is_product,
                        x.dtype(),
                        lines.outer,
                        lines.n,
                        lines.inner,
                        x.data(),
                        out.mutable_data(),
                        reverse,
                        exclusive);
  }
  // The sum of what every later (earlier, when reversed) element got.
  Tensor gather_from(const Tensor& d) const {
    return cumsum(d, {.axis = axis, .reverse = !reverse, .exclusive = exclusive});
  }
  static std::vector<SampleOf<Self>> samples() {
    const auto make = [](int along, bool backwards, bool without, const Shape& shape) {
      Self op;
      op.axis = along;
      op.reverse = backwards;
      op.exclusive = without;
      return SampleOf<Self>{op, {{shape, 0.3, 2}}};
    };
    return {make(0, false, false, {4}),
            make(-1, true, false, {2, 3}),
            make(1, false, true, {2, 3, 2}),
            make(0, true, true, {3, 1}),
            make(0, false, false, {0})};
  }
};

struct CumSum : Cumulative<CumSum> {
  static constexpr std::string_view name = "cumsum";
  static constexpr std::string_view doc = "Running sums.";
  static constexpr Saves saves = Saves::nothing;
  static constexpr bool is_product = false;
  Grads vjp(const Saved&, const Tensor& dy) const { return {gather_from(dy)}; }
};

struct CumProd : Cumulative<CumProd> {
  static constexpr std::string_view name = "cumprod";
  static constexpr std::string_view doc = "Running products.";
  static constexpr Saves saves = Saves::both;
  static constexpr bool is_product = true;
  // Each product divided by the factor; past the first 0 of a line there is nothing to divide, and
  // for that 0 itself the products are formed anew without it.
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor& x = saved.input();
    const Tensor zero = equal(x, 0);
    const Tensor count = cumsum(cast(zero, DType::int32), {.axis = axis, .reverse = reverse});
    const Tensor first = logical_and(zero, equal(count, 1));
    const Tensor without =
        cumprod(where(first, 1, x), {.axis = axis, .reverse = reverse, .exclusive = exclusive});
    const Tensor of_first = gather_from(dy * without);
    const Tensor of_others = gather_from(dy * saved.output()) / where(zero, 1, x);
    return {where(first, of_first, where(zero, 0, of_others))};
  }
};

template <class Op>
Tensor run_along(const Tensor& x, const CumulativeArgs& args) {
  const Tensor numbers = x.dtype() == DType::bool_ ? cast(x, DType::int32) : x;
  Op op;
  op.axis = args.axis.value_or(0);
  op.reverse = args.reverse;
  op.exclusive = args.exclusive;
  return run_op(op, {args.axis ? numbers : reshape(numbers, {-1})});
}

}  // namespace

Tensor cumsum(const Tensor& x, const CumulativeArgs& args) { return run_along<CumSum>(x, args); }
Tensor cumprod(const Tensor& x, const CumulativeArgs& args) { return run_along<CumProd>(x, args); }

}  // namespace ops

using namespace ops;
NYALA_OP(CumSum)
NYALA_OP(CumProd)

}  // namespace nyala
