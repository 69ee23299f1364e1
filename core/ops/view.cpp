#include <algorithm>
#include <numeric>

#include <nyala/core/ops/rewriting.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
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

}  // namespace ops

using namespace ops;
NYALA_OP(Reshape)
NYALA_OP(Transpose)
NYALA_OP(BroadcastTo)

}  // namespace nyala
