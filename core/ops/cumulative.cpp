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
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor& x = at.in[0];
    return [lines = lines_along(x.shape(), normalize_axis(axis, x.rank(), Self::name.data())),
            dtype = x.dtype(),
            how = kernels::Cumulation{Self::is_product, reverse, exclusive}](
               const void* const* from, void* const* to) {
      kernels::cumulative(how, dtype, lines.outer, lines.n, lines.inner, from[0], to[0]);
    };
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
  Grads vjp(const Saved&, const Tensor& dy) const {
    return {cumsum(dy, {.axis = axis, .reverse = !reverse, .exclusive = exclusive})};
  }
};

struct CumProd : Cumulative<CumProd> {
  static constexpr std::string_view name = "cumprod";
  static constexpr std::string_view doc = "Running products.";
  static constexpr Saves saves = Saves::inputs;
  static constexpr bool is_product = true;
  Grads vjp(const Saved& saved, const Tensor& dy) const;
};

struct LinearRecurrence {
  static constexpr std::string_view name = "linear_recurrence";
  static constexpr std::string_view doc = "y[i] = a[i] y[i - 1] + b[i] along an axis, from 0 on.";
  static constexpr Saves saves = Saves::both;

  int axis = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &LinearRecurrence::axis, "The axis that is run along."}};
  }

  Spec infer(Inputs<Spec> in) const {
    normalize_axis(axis, in[0].shape.rank(), "linear_recurrence");
    expect_spec(name, in[1], in[0].shape, in[0].dtype);
    return in[1];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor& b = at.in[1];
    return [lines = lines_along(b.shape(), normalize_axis(axis, b.rank(), name.data())),
            dtype = b.dtype()](const void* const* from, void* const* to) {
      kernels::linear_recurrence(dtype, lines.outer, lines.n, lines.inner, from[0], from[1], to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const;
  static std::vector<SampleOf<LinearRecurrence>> samples() {
    return {{{0}, {{{4}}, {{4}}}},
            {{-1}, {{{2, 3}}, {{2, 3}}}},
            {{1}, {{{2, 3, 2}}, {{2, 3, 2}}}},
            {{0}, {{{0}}, {{0}}}}};
  }
};

// The elements moved one place towards the start (or the end); 0 where none comes.
Tensor shift(const Tensor& x, int axis, bool to_start) {
  const int at = normalize_axis(axis, x.rank(), "cumprod");
  if (x.shape()[at] == 0) return x;
  std::vector<PadWidth> widths(static_cast<std::size_t>(x.rank()));
  (to_start ? widths[static_cast<std::size_t>(at)].after
            : widths[static_cast<std::size_t>(at)].before) = 1;
  std::vector<Range1> ranges(static_cast<std::size_t>(at) + 1);
  if (to_start)
    ranges.back().start = 1;
  else
    ranges.back().stop = -1;
  return pad(slice(x, ranges), widths);
}

// y[i] = a[i + 1] y[i + 1] + b[i]
Tensor run_back(const Tensor& a, const Tensor& b, int axis) {
  const Tensor y =
      run_op(LinearRecurrence{axis}, {flip(shift(a, axis, true), axis), flip(b, axis)});
  return flip(y, axis);
}

Grads LinearRecurrence::vjp(const Saved& saved, const Tensor& dy) const {
  const Tensor db = run_back(saved.input(0), dy, axis);
  return {db * shift(saved.output(), axis, false), db};
}

// A factor's gradient is the product of those before it times a sum over the products after it:
// without a division, so right where factors are 0.
Grads CumProd::vjp(const Saved& saved, const Tensor& dy) const {
  const auto turned = [&](const Tensor& t) { return reverse ? flip(t, axis) : t; };
  const Tensor x = turned(saved.input());
  const Tensor d = turned(dy);
  const Tensor before = cumprod(x, {.axis = axis, .exclusive = true});
  const Tensor after = run_back(x, exclusive ? shift(d, axis, true) : d, axis);
  return {turned(before * after)};
}

template <class Op>
Tensor run_along(const Tensor& x, const CumulativeArgs& args) {
  const Tensor numbers = to_number(x);
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
NYALA_OP(LinearRecurrence)

}  // namespace nyala
