#include <array>
#include <utility>

#include <nyala/core/kernels/reduce.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {

std::vector<bool> Axes::flags(int rank, const char* who) const {
  std::vector<bool> flags(static_cast<std::size_t>(rank), !given_);
  for (int axis : axes_) {
    const auto place = static_cast<std::size_t>(normalize_axis(axis, rank, who));
    if (flags[place])
      throw ValueError(std::string(who) + ": axis " + std::to_string(axis) + " comes twice");
    flags[place] = true;
  }
  return flags;
}

namespace ops {
namespace {

Shape reduced_shape(const Shape& shape, const std::vector<bool>& flags, bool keepdims) {
  Shape out;
  for (int i = 0; i < shape.rank(); ++i) {
    if (!flags[static_cast<std::size_t>(i)])
      out.push_back(shape[i]);
    else if (keepdims)
      out.push_back(1);
  }
  return out;
}

template <class Self>
struct Reduction {
  Axes axis;
  bool keepdims = false;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &Self::axis, "Axes reduced; all without one."},
                      Field{"keepdims", &Self::keepdims, "Whether they stay, with size 1."}};
  }

  Spec infer(Inputs<Spec> in) const {
    const auto flags = axis.flags(in[0].shape.rank(), Self::name.data());
    return {reduced_shape(in[0].shape, flags, keepdims),
            Self::gives_bool ? DType::bool_ : in[0].dtype};
  }
  // Kernels take rows in one piece, or columns.
  bool reads_strided(std::size_t, const Tensor& x) const {
    const auto flags = axis.flags(x.rank(), Self::name.data());
    std::array<bool, 2> seen = {false, false};  // of the kept axes and the reduced ones: the last
    for (int i = x.rank(); i-- > 0;) {
      const bool is_reduced = flags[static_cast<std::size_t>(i)];
      if (x.shape()[i] == 1 || std::exchange(seen[is_reduced], true)) continue;
      if (x.strides()[i] == 1) return true;
    }
    return false;
  }
  SmallVector<bool, 8> reduced_axes(int rank) const {
    const auto flags = axis.flags(rank, Self::name.data());
    SmallVector<bool, 8> reduced(flags.size());
    for (std::size_t i = 0; i < flags.size(); ++i) reduced[i] = flags[i];
    return reduced;
  }
  // A call of a few elements takes a fifth less time without a kernel of its own.
  void forward(Inputs<Tensor> x, Tensor& out) const {
    const auto reduced = reduced_axes(x[0].rank());
    kernels::reduce(
        Self::kernel, x[0].dtype(), x[0].shape(), in(x[0]), reduced.data(), out.mutable_data());
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Tensor& x = at.in[0];
    const bool is_cast = Self::gives_bool && x.dtype() != DType::bool_;
    const std::int64_t room = workspace.take(is_cast ? x.size() : 0);
    return [reduced = reduced_axes(x.rank()),
            spec = x.spec(),
            strides = x.strides(),
            casts = is_cast,
            room](const void* const* from, void* const* to, std::byte* block) {
      kernels::In in{from[0], strides.data()};
      const Shape dense = casts ? contiguous_strides(spec.shape) : Shape();
      if (casts) {
        kernels::cast(spec.dtype, DType::bool_, spec.shape, in, block + room);
        in = {block + room, dense.data()};
      }
      kernels::reduce(
          Self::kernel, casts ? DType::bool_ : spec.dtype, spec.shape, in, reduced.data(), to[0]);
    };
  }
  ReductionTraits reduction(int rank) const {
    return {Self::kernel, axis.flags(rank, Self::name.data())};
  }
  // What stood in place of the input, with the reduced axes kept.
  Tensor keep(const Tensor& y, const Shape& shape) const {
    const Shape kept = reduced_shape(shape, axis.flags(shape.rank(), Self::name.data()), true);
    return y.shape() == kept ? y : reshape(y, kept);
  }
  static std::vector<SampleOf<Self>> samples() {
    const auto make = [](const Axes& axes, bool keep, const Shape& shape) {
      Self op;
      op.axis = axes;
      op.keepdims = keep;
      return SampleOf<Self>{op, {{shape}}};
    };
    return {make({}, false, {3, 4}),
            make(1, false, {3, 4}),
            make({0, -1}, true, {2, 3, 4}),
            make(0, true, {5}),
            make({}, false, {}),
            make(0, false, {3, 0})};
  }
};

struct Sum : Reduction<Sum> {
  static constexpr std::string_view name = "sum";
  static constexpr std::string_view doc = "The sum.";
  static constexpr Saves saves = Saves::nothing;
  static constexpr bool gives_bool = false;
  static constexpr kernels::Reduce kernel = kernels::Reduce::sum;
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {broadcast_to(keep(dy, saved.shape()), saved.shape())};
  }
};

struct Prod : Reduction<Prod> {
  static constexpr std::string_view name = "prod";
  static constexpr std::string_view doc = "The product.";
  static constexpr Saves saves = Saves::inputs;
  static constexpr bool gives_bool = false;
  static constexpr kernels::Reduce kernel = kernels::Reduce::product;
  // Of each factor: the product of those before it and of those after it.
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor others = along_axes(saved.input(), axis, "prod", [](const Tensor& x) {
      return cumprod(x, {.axis = -1, .exclusive = true}) *
             cumprod(x, {.axis = -1, .reverse = true, .exclusive = true});
    });
    return {others * keep(dy, saved.shape())};
  }
};

template <class Self>
struct Extreme : Reduction<Self> {
  static constexpr Saves saves = Saves::both;
  static constexpr bool gives_bool = false;

  // Nothing has no largest element; where the other axes leave no result, none is missed.
  Spec infer(Inputs<Spec> in) const {
    const Shape& shape = in[0].shape;
    const auto flags = this->axis.flags(shape.rank(), Self::name.data());
    bool chooses_from_nothing = false, gives_nothing = false;
    for (int i = 0; i < shape.rank(); ++i)
      (flags[static_cast<std::size_t>(i)] ? chooses_from_nothing : gives_nothing) |= shape[i] == 0;
    if (chooses_from_nothing && !gives_nothing) {
      throw ValueError(std::string(Self::name) + ": received shape " + shape.str() +
                       ", which has no elements along the axes reduced");
    }
    return Reduction<Self>::infer(in);
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor& x = saved.input();
    const Tensor hit = cast(equal(x, this->keep(saved.output(), x.shape())), x.dtype());
    const Tensor share = hit / sum(hit, {this->axis, true});
    return {share * this->keep(dy, x.shape())};
  }
};

struct Max : Extreme<Max> {
  static constexpr std::string_view name = "max";
  static constexpr std::string_view doc = "The largest element.";
  static constexpr kernels::Reduce kernel = kernels::Reduce::max;
};

struct Min : Extreme<Min> {
  static constexpr std::string_view name = "min";
  static constexpr std::string_view doc = "The smallest element.";
  static constexpr kernels::Reduce kernel = kernels::Reduce::min;
};

struct Any : Reduction<Any> {
  static constexpr std::string_view name = "any";
  static constexpr std::string_view doc = "Whether one element is nonzero.";
  static constexpr bool gives_bool = true;
  static constexpr kernels::Reduce kernel = kernels::Reduce::any;
  using NoGradient = void;
};

struct All : Reduction<All> {
  static constexpr std::string_view name = "all";
  static constexpr std::string_view doc = "Whether all elements are nonzero.";
  static constexpr bool gives_bool = true;
  static constexpr kernels::Reduce kernel = kernels::Reduce::all;
  using NoGradient = void;
};

// Sums of bool and of small integers are kept in 32 bits.
Tensor to_summand(const Tensor& x) {
  const DType dtype = x.dtype();
  if (is_floating(dtype) || size_of(dtype) >= 4) return x;
  const bool is_unsigned = traits_of(dtype).kind == DTypeKind::whole;
  return cast(x, is_unsigned ? DType::uint32 : DType::int32);
}

template <class Op>
Tensor reduce(const Tensor& x, const ReduceArgs& args) {
  Op op;
  op.axis = args.axis;
  op.keepdims = args.keepdims;
  return run_op(op, {x});
}

}  // namespace

Tensor sum(const Tensor& x, const ReduceArgs& args) { return reduce<Sum>(to_summand(x), args); }
Tensor prod(const Tensor& x, const ReduceArgs& args) { return reduce<Prod>(to_summand(x), args); }
Tensor max(const Tensor& x, const ReduceArgs& args) { return reduce<Max>(x, args); }
Tensor min(const Tensor& x, const ReduceArgs& args) { return reduce<Min>(x, args); }
Tensor any(const Tensor& x, const ReduceArgs& args) { return reduce<Any>(x, args); }
Tensor all(const Tensor& x, const ReduceArgs& args) { return reduce<All>(x, args); }

Tensor mean(const Tensor& x, const ReduceArgs& args) {
  const auto flags = args.axis.flags(x.rank(), "mean");
  std::int64_t count = 1;
  for (int i = 0; i < x.rank(); ++i) {
    // An unknown size meets abstract tensors only, where no number is computed.
    if (flags[static_cast<std::size_t>(i)] && x.shape()[i] >= 0) count *= x.shape()[i];
  }
  const Tensor numbers = to_float(x);
  return cast(sum(computable(numbers), args) / static_cast<double>(count), numbers.dtype());
}

}  // namespace ops

using namespace ops;
NYALA_OP(Sum)
NYALA_OP(Prod)
NYALA_OP(Max)
NYALA_OP(Min)
NYALA_OP(Any)
NYALA_OP(All)

}  // namespace nyala
