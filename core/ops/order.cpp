// The order of elements, and what is found by comparing.
#include <algorithm>
#include <limits>

#include <nyala/core/kernels/reduce.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

// Places that a kernel gives as int64, in a workspace, and the result as int32.
class Places {
 public:
  Places(const Shape& shape, Workspace& workspace)
      : shape_(shape),
        strides_(contiguous_strides(shape)),
        offset_(workspace.take(shape.num_elements() *
                               static_cast<std::int64_t>(sizeof(std::int64_t)))) {}
  std::int64_t* data(std::byte* block) const {
    return reinterpret_cast<std::int64_t*>(block + offset_);
  }
  void write(std::byte* block, void* to) const {
    kernels::cast(DType::int64, DType::int32, shape_, {data(block), strides_.data()}, to);
  }

 private:
  Shape shape_, strides_;
  std::int64_t offset_;
};

struct ArgSort {
  static constexpr std::string_view name = "argsort";
  static constexpr std::string_view doc = "Where the elements in order come from.";
  using NoGradient = void;

  int axis = -1;
  bool descending = false;
  static constexpr auto fields() {
    return std::tuple{
        Field{"axis", &ArgSort::axis, "The axis that is sorted."},
        Field{"descending", &ArgSort::descending, "Whether the largest comes first."}};
  }

  Spec infer(Inputs<Spec> in) const {
    normalize_axis(axis, in[0].shape.rank(), "argsort");
    return {in[0].shape, DType::int32};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Tensor& x = at.in[0];
    return [lines = lines_along(x.shape(), normalize_axis(axis, x.rank(), "argsort")),
            dtype = x.dtype(),
            places = Places(x.shape(), workspace),
            falls = descending](const void* const* from, void* const* to, std::byte* block) {
      kernels::sort_indices(
          dtype, lines.outer, lines.n, lines.inner, from[0], places.data(block), falls);
      places.write(block, to[0]);
    };
  }
  static std::vector<SampleOf<ArgSort>> samples() {
    return {{{-1, false}, {{{3, 5}}}},
            {{0, true}, {{{4, 2}, -3, 3, DType::int32}}},
            {{0, false}, {{{0}}}},
            {{1, false}, {{{2, 3, 2}}}}};
  }
};

template <class Self>
struct ArgExtreme {
  using NoGradient = void;

  int axis = -1;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &Self::axis, "The axis that is searched."}};
  }

  Spec infer(Inputs<Spec> in) const {
    Shape shape = in[0].shape;
    const int at = normalize_axis(axis, shape.rank(), Self::name.data());
    if (shape[at] == 0)
      throw ValueError(std::string(Self::name) + ": received shape " + shape.str() +
                       ", where nothing lies along axis " + std::to_string(at));
    shape.erase(at);
    return {shape, DType::int32};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Tensor& x = at.in[0];
    return [lines = lines_along(x.shape(), normalize_axis(axis, x.rank(), Self::name.data())),
            dtype = x.dtype(),
            places = Places(at.out[0].shape(), workspace)](
               const void* const* from, void* const* to, std::byte* block) {
      kernels::argreduce(
          Self::largest, dtype, lines.outer, lines.n, lines.inner, from[0], places.data(block));
      places.write(block, to[0]);
    };
  }
  static std::vector<SampleOf<Self>> samples() {
    const auto make = [](int along, const SampleInput& input) {
      Self op;
      op.axis = along;
      return SampleOf<Self>{op, {input}};
    };
    return {make(-1, {{3, 5}}),
            make(0, {{4, 2}, -3, 3, DType::int32}),
            make(0, {{1}}),
            make(1, {{0, 3}})};
  }
};

struct ArgMax : ArgExtreme<ArgMax> {
  static constexpr std::string_view name = "argmax";
  static constexpr std::string_view doc = "Where the first largest element stands.";
  static constexpr bool largest = true;
};

struct ArgMin : ArgExtreme<ArgMin> {
  static constexpr std::string_view name = "argmin";
  static constexpr std::string_view doc = "Where the first smallest element stands.";
  static constexpr bool largest = false;
};

template <class Op>
Tensor arg_extreme(const Tensor& x, const ArgReduceArgs& args) {
  Op op;
  if (args.axis) {
    op.axis = *args.axis;
    const Tensor places = run_op(op, {x});
    return args.keepdims ? expand_dims(places, normalize_axis(op.axis, x.rank(), "argmax"))
                         : places;
  }
  op.axis = 0;
  const Tensor place = run_op(op, {reshape(x, {-1})});
  return args.keepdims ? reshape(place, Shape::filled(x.rank(), 1)) : place;
}

std::int64_t num_segments_of(const Tensor& ids, const SegmentArgs& args, const char* who) {
  if (args.num_segments && *args.num_segments < 0) {
    throw ValueError(std::string(who) + ": received num_segments = " +
                     std::to_string(*args.num_segments) + ", expected 0 or more");
  }
  if (args.num_segments) return *args.num_segments;
  if (ids.size() == 0) return 0;
  const auto most = max(cast(ids, DType::int64)).item<std::int64_t>();
  return std::max<std::int64_t>(checked_add(most, 1, who), 0);
}

void check_segments(const Tensor& x, const Tensor& ids, const char* who) {
  if (x.rank() < 1 || ids.rank() != 1 || x.shape()[0] != ids.shape()[0])
    throw ShapeError(std::string(who) + ": received shape " + x.shape().str() +
                     " and segment numbers of shape " + ids.shape().str() +
                     ", expected one number for each row");
}

// Which segment (rows of the result) each row belongs to.
Tensor segment_members(const Tensor& ids, std::int64_t num_segments) {
  return transpose(one_hot(ids, num_segments, {.dtype = DType::bool_}));
}

}  // namespace

Tensor argmax(const Tensor& x, const ArgReduceArgs& args) { return arg_extreme<ArgMax>(x, args); }
Tensor argmin(const Tensor& x, const ArgReduceArgs& args) { return arg_extreme<ArgMin>(x, args); }

Tensor argsort(const Tensor& x, const ArgSortArgs& args) {
  if (!args.axis) return run_op(ArgSort{0, args.descending}, {reshape(x, {-1})});
  return run_op(ArgSort{*args.axis, args.descending}, {x});
}

Tensor sort(const Tensor& x, const SortArgs& args) {
  return take_along_axis(
      x, argsort(x, {.axis = args.axis, .descending = args.descending}), {.axis = args.axis});
}

TopK top_k(const Tensor& x, std::int64_t k) {
  if (x.rank() == 0 || k < 0 || (x.shape()[-1] != None && k > x.shape()[-1]))
    throw ValueError("top_k: received k = " + std::to_string(k) + " for shape " + x.shape().str() +
                     ", expected between 0 and the size of the last axis");
  const Tensor order = argsort(x, {.axis = -1, .descending = true});
  const Tensor indices = slice_axis(order, -1, 0, k);
  return {take_along_axis(x, indices, {.axis = -1}), indices};
}

Tensor in_top_k(const Tensor& targets, const Tensor& predictions, std::int64_t k) {
  if (predictions.rank() != 2 || targets.rank() != 1)
    throw ShapeError("in_top_k: received targets of shape " + targets.shape().str() +
                     " and predictions of shape " + predictions.shape().str() +
                     ", expected (batch,) and (batch, classes)");
  const Tensor places = expand_dims(targets, 1);
  const Tensor own = take_along_axis(predictions, places, {.axis = 1});
  // Ties count as inside; a row with a score that is not finite has no order.
  const Tensor higher = sum(cast(greater(predictions, own), DType::int32), {.axis = 1});
  return logical_and(higher < k, all(isfinite(predictions), {.axis = 1}));
}

Tensor segment_sum(const Tensor& x, const Tensor& segment_ids, const SegmentArgs& args) {
  check_segments(x, segment_ids, "segment_sum");
  const std::int64_t count = num_segments_of(segment_ids, args, "segment_sum");
  const Tensor inside = logical_and(segment_ids >= 0, segment_ids < count);
  Shape shape = x.shape();
  shape[0] = checked_add(count, 1, "segment_sum");  // the last one takes what is out of range
  const Tensor ids = where(inside, cast(segment_ids, DType::int64), Scalar(count));
  return slice_axis(scatter_add(ids, x, shape), 0, 0, count);
}

Tensor segment_max(const Tensor& x, const Tensor& segment_ids, const SegmentArgs& args) {
  check_segments(x, segment_ids, "segment_max");
  const std::int64_t count = num_segments_of(segment_ids, args, "segment_max");
  Tensor members = segment_members(segment_ids, count);
  for (int i = 1; i < x.rank(); ++i) members = expand_dims(members, -1);
  const Tensor lowest = visit_stored(x.dtype(), [&]<class T>() {
    return cast(Tensor::from(std::vector<T>{std::numeric_limits<T>::lowest()}, {}), x.dtype());
  });
  if (x.shape()[0] == 0) {
    Shape shape = x.shape();
    shape[0] = count;
    return broadcast_to(lowest, shape).contiguous();
  }
  return max(where(members, expand_dims(x, 0), lowest), {.axis = 1});
}

Tensor bincount(const Tensor& x, const BincountArgs& args) {
  if (x.rank() != 1 || !is_integer(x.dtype()))
    throw ValueError("bincount: received " + std::string(name_of(x.dtype())) + " " +
                     x.shape().str() + ", expected integers of rank 1");
  if (x.size() > 0 && min(cast(x, DType::int64)).item<std::int64_t>() < 0)
    throw ValueError("bincount: received a negative number");
  const std::int64_t size = std::max(args.minlength, num_segments_of(x, {}, "bincount"));
  const Tensor each =
      args.weights.defined() ? args.weights : ones(x.shape(), {.dtype = DType::int32});
  return scatter_add(x, each, {size});
}

Tensor searchsorted(const Tensor& sorted, const Tensor& values, bool right) {
  if (sorted.rank() != 1)
    throw ShapeError("searchsorted: received a sorted sequence of shape " + sorted.shape().str() +
                     ", expected rank 1");
  const Tensor each = expand_dims(values, -1);
  return sum(cast(right ? less_equal(sorted, each) : less(sorted, each), DType::int32),
             {.axis = -1});
}

Tensor digitize(const Tensor& x, const Tensor& bins) { return searchsorted(bins, x, true); }

std::vector<Tensor> unravel_index(const Tensor& indices, const Shape& shape) {
  std::vector<Tensor> places(static_cast<std::size_t>(shape.rank()));
  const std::int64_t size = shape.num_elements();
  if (!indices.is_abstract()) check_indices(indices, size, "unravel_index");
  Tensor rest = where(indices < 0, indices + size, indices);
  for (int i = shape.rank() - 1; i >= 0; --i) {
    places[static_cast<std::size_t>(i)] = mod(rest, shape[i]);
    rest = floor_divide(rest, shape[i]);
  }
  return places;
}

std::vector<Tensor> nonzero(const Tensor& x) {
  const std::vector<bool> hits = cast(x, DType::bool_).to_vector<bool>();
  std::vector<std::int64_t> places;
  for (std::size_t i = 0; i < hits.size(); ++i) {
    if (hits[i]) places.push_back(static_cast<std::int64_t>(i));
  }
  std::vector<Tensor> axes = unravel_index(Tensor::from(places), x.shape());
  for (Tensor& axis : axes) axis = cast(axis, DType::int32);
  return axes;
}

}  // namespace ops

using namespace ops;
NYALA_OP(ArgSort)
NYALA_OP(ArgMax)
NYALA_OP(ArgMin)

}  // namespace nyala
