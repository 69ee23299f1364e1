#include <algorithm>
#include <numeric>

#include <nyala/core/ops/rewriting.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {

template <>
struct ConfigCodec<ops::Range1> {
  static Config to(const ops::Range1& range) {
    Config list = Config::list();
    list.push_back(ConfigCodec<std::optional<std::int64_t>>::to(range.start));
    list.push_back(ConfigCodec<std::optional<std::int64_t>>::to(range.stop));
    list.push_back(range.step);
    return list;
  }
  static ops::Range1 from(const Config& config) {
    const Config::List& items = config.as_list();
    if (items.size() != 3)
      throw ValueError("received " + config.str() + ", expected [start, stop, step]");
    return {ConfigCodec<std::optional<std::int64_t>>::from(items[0]),
            ConfigCodec<std::optional<std::int64_t>>::from(items[1]),
            items[2].as_int()};
  }
};

namespace ops {
namespace {

bool is_contiguous(const Shape& shape, const Shape& strides) {
  std::int64_t expected = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] != 1 && strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

// The strides with which an array reads as `shape`, or nothing where only a copy can.
std::optional<Shape> view_strides(const Shape& from, const Shape& own, const Shape& shape) {
  if (is_contiguous(from, own) || from.num_elements() == 0) return contiguous_strides(shape);
  Shape strides = Shape::filled(shape.rank(), 0);
  int i = 0;
  int j = 0;
  while (j < shape.rank()) {
    if (shape[j] == 1) {
      ++j;
      continue;
    }
    while (i < from.rank() && from[i] == 1) ++i;
    // The smallest runs of axes on both sides that hold the same number of elements.
    int last_i = i;
    int last_j = j;
    std::int64_t left = from[i];
    std::int64_t right = shape[j];
    while (left != right) {
      if (left < right)
        left *= from[++last_i];
      else
        right *= shape[++last_j];
    }
    for (int a = i; a < last_i; ++a) {
      int next = a + 1;
      while (next < last_i && from[next] == 1) ++next;
      if (from[a] != 1 && from[next] != 1 && own[a] != own[next] * from[next]) return std::nullopt;
    }
    while (last_i > i && from[last_i] == 1) --last_i;
    std::int64_t step = own[last_i];
    for (int b = last_j; b >= j; --b) {
      strides[b] = step;
      step *= shape[b];
    }
    while (last_i + 1 < from.rank() && from[last_i + 1] == 1) ++last_i;
    i = last_i + 1;
    j = last_j + 1;
  }
  return strides;
}

struct Reshape {
  static constexpr std::string_view name = "reshape";
  static constexpr std::string_view doc =
      "The same elements, in row-major order, under another shape.";
  static constexpr Saves saves = Saves::nothing;

  Shape shape;
  static constexpr auto fields() {
    return std::tuple{Field{"shape", &Reshape::shape, "The new shape; one size may be -1."}};
  }

  Shape target(const Shape& from) const {
    Shape to = shape;
    int open = -1;
    int num_open = 0;
    std::int64_t product = 1;
    for (int i = 0; i < to.rank(); ++i) {
      if (to[i] >= 0) {
        if (__builtin_mul_overflow(product, to[i], &product)) fail(from);
      } else if (to[i] == -1) {
        open = i;
        ++num_open;
      } else {
        fail(from);
      }
    }
    // Unknown sizes may stand for themselves: (None, None, 3) has an axis of size 1 inserted.
    const auto num_unknown = std::count(from.begin(), from.end(), None);
    if (num_open > std::max<std::int64_t>(num_unknown, 1)) fail(from);
    if (num_unknown > 0) return to;
    const std::int64_t size = from.num_elements();
    if (open >= 0) {
      if (product == 0 || size % product != 0) fail(from);
      to[open] = size / product;
    } else if (product != size) {
      fail(from);
    }
    return to;
  }
  [[noreturn]] void fail(const Shape& from) const {
    throw ShapeError("reshape: received shape " + from.str() +
                     ", which does not fit the new shape " + shape.str());
  }

  Spec infer(Inputs<Spec> in) const { return {target(in[0].shape), in[0].dtype}; }
  std::optional<ViewLayout> view(const Spec& in, const Shape& own) const {
    Shape to = target(in.shape);
    std::optional<Shape> strides = view_strides(in.shape, own, to);
    std::optional<ViewLayout> view;
    if (strides) view = {std::move(to), std::move(*strides)};
    return view;
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const { return {reshape(dy, saved.shape())}; }
  static std::vector<SampleOf<Reshape>> samples() {
    return {{{Shape{3, -1}}, {{{2, 6}}}},
            {{Shape{-1}}, {{{2, 3, 2}}}},
            {{Shape{}}, {{{1, 1}}}},
            {{Shape{0, 4}}, {{{2, 0}}}},
            {{Shape{1, 6, 1}}, {{{6}}}}};
  }
};

struct Transpose {
  static constexpr std::string_view name = "transpose";
  static constexpr std::string_view doc = "The axes in another order.";
  static constexpr Saves saves = Saves::nothing;

  std::vector<int> axes;
  static constexpr auto fields() {
    return std::tuple{
        Field{"axes", &Transpose::axes, "For each axis of the result, the axis it comes from."}};
  }

  void check(const Shape& shape) const {
    bool fits = axes.size() == static_cast<std::size_t>(shape.rank());
    for (std::size_t i = 0; fits && i < axes.size(); ++i) {
      fits = axes[i] >= 0 && axes[i] < shape.rank() &&
             std::find(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(i), axes[i]) ==
                 axes.begin() + static_cast<std::ptrdiff_t>(i);
    }
    if (fits) return;
    throw ValueError("transpose: received axes " + ConfigCodec<std::vector<int>>::to(axes).str() +
                     " for shape " + shape.str() + ", expected each axis once");
  }
  Spec infer(Inputs<Spec> in) const {
    check(in[0].shape);
    Shape shape = in[0].shape;
    for (int i = 0; i < shape.rank(); ++i)
      shape[i] = in[0].shape[axes[static_cast<std::size_t>(i)]];
    return {shape, in[0].dtype};
  }
  std::optional<ViewLayout> view(const Spec& in, const Shape& own) const {
    check(in.shape);
    std::optional<ViewLayout> to = ViewLayout{in.shape, own};
    for (int i = 0; i < in.shape.rank(); ++i) {
      to->shape[i] = in.shape[axes[static_cast<std::size_t>(i)]];
      to->strides[i] = own[axes[static_cast<std::size_t>(i)]];
    }
    return to;
  }
  Grads vjp(const Saved&, const Tensor& dy) const {
    std::vector<int> back(axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i)
      back[static_cast<std::size_t>(axes[i])] = static_cast<int>(i);
    return {transpose(dy, back)};
  }
  static std::vector<SampleOf<Transpose>> samples() {
    return {{{{1, 0}}, {{{2, 3}}}},
            {{{2, 0, 1}}, {{{2, 3, 4}}}},
            {{{}}, {{{}}}},
            {{{1, 0}}, {{{0, 3}}}}};
  }
};

struct BroadcastTo {
  static constexpr std::string_view name = "broadcast_to";
  static constexpr std::string_view doc =
      "Repeated along axes of size 1 and along new leading ones.";
  static constexpr Saves saves = Saves::nothing;

  Shape shape;
  static constexpr auto fields() {
    return std::tuple{Field{"shape", &BroadcastTo::shape, "The shape to fill."}};
  }

  void check(const Shape& from) const {
    if (from.rank() > shape.rank() || broadcast_shapes(from, shape, "broadcast_to") != shape) {
      throw ShapeError("broadcast_to: shape " + from.str() + " does not broadcast to " +
                       shape.str());
    }
  }
  Spec infer(Inputs<Spec> in) const {
    check(in[0].shape);
    return {shape, in[0].dtype};
  }
  std::optional<ViewLayout> view(const Spec& in, const Shape& own) const {
    check(in.shape);
    return ViewLayout{shape, broadcast_strides(in.shape, own, shape)};
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const { return {sum_to(dy, saved.shape())}; }
  static std::vector<SampleOf<BroadcastTo>> samples() {
    return {{{Shape{2, 3}}, {{{3}}}},
            {{Shape{2, 3}}, {{{2, 1}}}},
            {{Shape{4}}, {{{}}}},
            {{Shape{0, 3}}, {{{1, 3}}}}};
  }
};

// A range within a known size: where it begins, and how many elements it has.
struct Extent {
  std::int64_t start;
  std::int64_t count;
};

Extent extent_of(const Range1& range, std::int64_t size) {
  const std::int64_t step = range.step;
  const auto place = [&](std::optional<std::int64_t> given, std::int64_t fallback) {
    if (!given) return fallback;
    const std::int64_t at = *given < 0 ? *given + size : *given;  // cannot overflow
    return step > 0 ? std::clamp<std::int64_t>(at, 0, size)
                    : std::clamp<std::int64_t>(at, -1, size - 1);
  };
  const std::int64_t start = place(range.start, step > 0 ? 0 : size - 1);
  const std::int64_t stop = place(range.stop, step > 0 ? size : -1);
  const std::int64_t distance = step > 0 ? stop - start : start - stop;
  if (distance <= 0) return {start, 0};
  // As an unsigned number the lowest step has a magnitude too.
  const auto magnitude = step > 0 ? static_cast<std::uint64_t>(step)
                                  : std::uint64_t{0} - static_cast<std::uint64_t>(step);
  return {start,
          static_cast<std::int64_t>(static_cast<std::uint64_t>(distance - 1) / magnitude) + 1};
}

bool is_full(const Range1& range) {
  return !range.start && !range.stop && (range.step == 1 || range.step == -1);
}

void check_ranges(const std::vector<Range1>& ranges, const Shape& shape) {
  if (static_cast<int>(ranges.size()) > shape.rank()) {
    throw IndexError("slice: received " + std::to_string(ranges.size()) + " ranges for shape " +
                     shape.str());
  }
  for (const Range1& range : ranges) {
    if (range.step == 0) throw ValueError("slice: received step 0");
  }
}

struct Slice {
  static constexpr std::string_view name = "slice";
  static constexpr std::string_view doc = "A range of each leading axis.";
  static constexpr Saves saves = Saves::nothing;

  std::vector<Range1> ranges;
  static constexpr auto fields() {
    return std::tuple{
        Field{"ranges", &Slice::ranges, "[start, stop, step] for each leading axis."}};
  }

  Shape sliced(Shape shape) const {
    check_ranges(ranges, shape);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      std::int64_t& size = shape[static_cast<int>(i)];
      if (size >= 0)
        size = extent_of(ranges[i], size).count;
      else if (!is_full(ranges[i]))
        size = None;
    }
    return shape;
  }
  Spec infer(Inputs<Spec> in) const { return {sliced(in[0].shape), in[0].dtype}; }
  std::optional<ViewLayout> view(const Spec& in, const Shape& own) const {
    check_ranges(ranges, in.shape);
    ViewLayout to{in.shape, own};
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const int axis = static_cast<int>(i);
      const Extent extent = extent_of(ranges[i], to.shape[axis]);
      if (extent.count > 0) to.offset += extent.start * to.strides[axis];
      to.shape[axis] = extent.count;
      if (extent.count > 1) to.strides[axis] *= ranges[i].step;  // one element needs no step
    }
    if (to.shape.num_elements() == 0) to.offset = 0;
    return to;
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const;
  static std::vector<SampleOf<Slice>> samples() {
    return {{{{{1, 3, 1}}}, {{{4, 2}}}},
            {{{{}, {-1, std::nullopt, -2}}}, {{{2, 5}}}},
            {{{{2, 2, 1}}}, {{{3}}}},
            {{{}}, {{{0, 3}}}}};
  }
};

struct SliceGrad {
  static constexpr std::string_view name = "slice_grad";
  static constexpr std::string_view doc = "dy in its place among zeros.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::nothing;

  Shape shape;
  std::vector<Range1> ranges;
  static constexpr auto fields() {
    return std::tuple{
        Field{"shape", &SliceGrad::shape, "The shape sliced."},
        Field{"ranges", &SliceGrad::ranges, "[start, stop, step] for each leading axis."}};
  }

  Spec infer(Inputs<Spec> in) const {
    expect_spec(name, in[0], Slice{ranges}.sliced(shape), in[0].dtype);
    return {shape, in[0].dtype};
  }
  static bool reads_strided(std::size_t, const Tensor&) { return true; }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor &x = at.in[0], &out = at.out[0];
    const ViewLayout place = *Slice{ranges}.view(out.spec(), out.strides());
    return [zero = Tensor::scalar(0, out.dtype()),
            size = out.size(),
            from_shape = x.shape(),
            from_strides = x.strides(),
            to_strides = place.strides,
            offset = place.offset * static_cast<std::int64_t>(size_of(out.dtype()))](
               const void* const* from, void* const* to) {
      kernels::fill(zero.dtype(), size, zero.data(), to[0]);
      kernels::copy_strided(zero.dtype(),
                            from_shape,
                            {from[0], from_strides.data()},
                            static_cast<std::byte*>(to[0]) + offset,
                            to_strides.data());
    };
  }
  Grads vjp(const Saved&, const Tensor& d) const { return {slice(d, ranges)}; }
  static std::vector<SampleOf<SliceGrad>> samples() {
    return {{{Shape{4, 2}, {{1, 3, 1}}}, {{{2, 2}}}},
            {{Shape{2, 5}, {{}, {-1, std::nullopt, -2}}}, {{{2, 3}}}},
            {{Shape{3}, {{2, 2, 1}}}, {{{0}}}}};
  }
};

Grads Slice::vjp(const Saved& saved, const Tensor& dy) const {
  return {run_op(SliceGrad{saved.shape(), ranges}, {dy})};
}

}  // namespace

Tensor reshape(const Tensor& x, const Shape& shape) { return run_op(Reshape{shape}, {x}); }

AnyOp reshape_op(const Shape& shape) {
  const Reshape op{shape};
  return AnyOp(detail::op_def<Reshape>(), &op);
}

Tensor transpose(const Tensor& x, const std::vector<int>& axes) {
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  if (axes.empty()) {
    std::iota(order.rbegin(), order.rend(), 0);
  } else {
    std::vector<bool> seen(order.size());
    if (axes.size() != order.size()) {
      throw ValueError("transpose: received " + std::to_string(axes.size()) + " axes for shape " +
                       x.shape().str());
    }
    for (std::size_t i = 0; i < axes.size(); ++i) {
      order[i] = normalize_axis(axes[i], x.rank(), "transpose");
      if (seen[static_cast<std::size_t>(order[i])])
        throw ValueError("transpose: axis " + std::to_string(order[i]) + " comes twice");
      seen[static_cast<std::size_t>(order[i])] = true;
    }
  }
  return run_op(Transpose{std::move(order)}, {x});
}

Tensor swapaxes(const Tensor& x, int axis1, int axis2) {
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  std::swap(order[static_cast<std::size_t>(normalize_axis(axis1, x.rank(), "swapaxes"))],
            order[static_cast<std::size_t>(normalize_axis(axis2, x.rank(), "swapaxes"))]);
  return transpose(x, order);
}

Tensor moveaxis(const Tensor& x, int source, int destination) {
  std::vector<int> order(static_cast<std::size_t>(x.rank()));
  std::iota(order.begin(), order.end(), 0);
  const int from = normalize_axis(source, x.rank(), "moveaxis");
  order.erase(order.begin() + from);
  order.insert(order.begin() + normalize_axis(destination, x.rank(), "moveaxis"), from);
  return transpose(x, order);
}

Tensor broadcast_to(const Tensor& x, const Shape& shape) { return run_op(BroadcastTo{shape}, {x}); }

Tensor expand_dims(const Tensor& x, int axis) {
  Shape shape = x.shape();
  shape.insert(normalize_axis(axis, x.rank() + 1, "expand_dims"), 1);
  return reshape(x, shape);
}

Tensor squeeze(const Tensor& x, const Axes& axis) {
  const std::vector<bool> flags = axis.flags(x.rank(), "squeeze");
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    const bool named = flags[static_cast<std::size_t>(i)];
    if (named && axis.given() && x.shape()[i] != 1) {
      throw ValueError("squeeze: axis " + std::to_string(i) + " of shape " + x.shape().str() +
                       " is not of size 1");
    }
    if (!named || x.shape()[i] != 1) shape.push_back(x.shape()[i]);
  }
  return reshape(x, shape);
}

Tensor slice(const Tensor& x, const std::vector<Range1>& ranges) {
  return run_op(Slice{ranges}, {x});
}

Tensor slice_axis(
    const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  std::vector<Range1> ranges(
      static_cast<std::size_t>(normalize_axis(axis, x.rank(), "slice_axis")) + 1);
  ranges.back() = {start, stop, step};
  return slice(x, ranges);
}

}  // namespace ops

using namespace ops;
NYALA_OP(Reshape)
NYALA_OP(Transpose)
NYALA_OP(BroadcastTo)
NYALA_OP(Slice)
NYALA_OP(SliceGrad)

Tensor Tensor::operator[](std::int64_t index) const {
  if (rank() == 0) throw IndexError("a tensor of rank 0 has no rows");
  const std::int64_t size = shape()[0];
  if (size >= 0 && (index < -size || index >= size)) {
    throw IndexError("row " + std::to_string(index) + " is out of bounds for shape " +
                     shape().str());
  }
  const std::int64_t row = index < 0 && size >= 0 ? index + size : index;
  const Tensor rows = ops::slice(*this, {{row, row + 1, 1}});
  Shape rest = shape();
  rest.erase(0);
  return ops::reshape(rows, rest);
}

}  // namespace nyala
