#include <nyala/layers/operation_functions.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <nyala/core/error.hpp>

namespace nyala::graph_ops {
namespace {

// The axis from 0 on; throws IndexError.
int axis_in(int axis, int rank) {
  if (axis < -rank || axis >= rank)
    throw IndexError("axis " + std::to_string(axis) + " is out of bounds for rank " +
                     std::to_string(rank));
  return axis < 0 ? axis + rank : axis;
}

Tensor tensor_of(const TensorOrNumber& value) {
  if (!value.number) return value.tensor;
  return tensor_from_config(ParameterCodec<Scalar>::to(*value.number));
}

}  // namespace

Tensor where_any(const Tensor& condition, const TensorOrNumber& x, const TensorOrNumber& y) {
  if (x.number && !y.number) return ops::where(condition, *x.number, y.tensor);
  if (y.number && !x.number) return ops::where(condition, x.tensor, *y.number);
  return ops::where(condition, tensor_of(x), tensor_of(y));
}

Tensor left_shift_any(const Tensor& x, const Tensor& y) { return ops::left_shift(x, y); }
Tensor right_shift_any(const Tensor& x, const Tensor& y) { return ops::right_shift(x, y); }
Tensor abs_any(const Tensor& x) { return ops::abs(x); }

Tensor round_to(const Tensor& x, int decimals) {
  if (decimals == 0) return ops::round(x);
  const double factor = std::pow(10.0, decimals);
  return ops::cast(ops::round(x * factor) / factor, x.dtype());
}

Tensor max_from(const Tensor& x, const ExtremumArgs& args) {
  const Tensor y = ops::max(x, {.axis = args.axis, .keepdims = args.keepdims});
  return args.initial ? ops::cast(ops::maximum(y, *args.initial), x.dtype()) : y;
}
Tensor min_from(const Tensor& x, const ExtremumArgs& args) {
  const Tensor y = ops::min(x, {.axis = args.axis, .keepdims = args.keepdims});
  return args.initial ? ops::cast(ops::minimum(y, *args.initial), x.dtype()) : y;
}

Tensor prod_as(const Tensor& x, const ProductArgs& args) {
  return ops::prod(args.dtype ? ops::cast(x, *args.dtype) : x,
                   {.axis = args.axis, .keepdims = args.keepdims});
}
Tensor cumsum_as(const Tensor& x, const CumulateArgs& args) {
  return ops::cumsum(args.dtype ? ops::cast(x, *args.dtype) : x, {.axis = args.axis});
}
Tensor cumprod_as(const Tensor& x, const CumulateArgs& args) {
  return ops::cumprod(args.dtype ? ops::cast(x, *args.dtype) : x, {.axis = args.axis});
}

Tensor norm_of(const Tensor& x, const NormOptions& options) {
  NormArgs args{.axis = options.axis, .keepdims = options.keepdims};
  if (options.ord.is_number()) {
    args.ord = options.ord.as_double();
  } else if (!options.ord.is_null() && options.ord != Config("fro")) {
    throw UnsupportedError("a norm of order " + options.ord.str().substr(0, 80) +
                           " is not supported");
  }
  return ops::norm(x, args);
}

Tensor searchsorted_side(const Tensor& sorted, const Tensor& values, const std::string& side) {
  if (side != "left" && side != "right")
    throw ValueError("received side \"" + side.substr(0, 80) + "\", expected left or right");
  return ops::searchsorted(sorted, values, side == "right");
}

Tensor moveaxis_all(const Tensor& x,
                    const std::vector<int>& source,
                    const std::vector<int>& destination) {
  const int rank = x.rank();
  if (source.size() != destination.size())
    throw ValueError("received " + std::to_string(source.size()) + " sources and " +
                     std::to_string(destination.size()) + " destinations");
  constexpr int open = -1;
  std::vector<int> order(static_cast<std::size_t>(rank), open);
  std::vector<bool> moved(order.size(), false);
  for (std::size_t i = 0; i < source.size(); ++i) {
    const auto from = static_cast<std::size_t>(axis_in(source[i], rank));
    const auto to = static_cast<std::size_t>(axis_in(destination[i], rank));
    if (moved[from] || order[to] != open) throw ValueError("received one axis twice");
    moved[from] = true;
    order[to] = static_cast<int>(from);
  }
  std::size_t next = 0;
  for (int& axis : order) {
    if (axis != open) continue;
    while (moved[next]) ++next;
    axis = static_cast<int>(next++);
  }
  return ops::transpose(x, order);
}

Tensor expand_all(const Tensor& x, const Axes& axis) {
  if (!axis.given()) throw ValueError("received no axis");
  const int rank = x.rank() + static_cast<int>(axis.axes().size());
  std::vector<int> axes;
  for (const int a : axis.axes()) axes.push_back(axis_in(a, rank));
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end())
    throw ValueError("received one axis twice");
  Tensor y = x;
  for (const int a : axes) y = ops::expand_dims(y, a);
  return y;
}

Tensor roll_all(const Tensor& x, const std::vector<std::int64_t>& shift, const Axes& axis) {
  if (shift.empty()) throw ValueError("received no shift");
  if (!axis.given()) {
    std::int64_t total = 0;
    for (const std::int64_t by : shift) total += by;
    return ops::roll(x, total);
  }
  const std::vector<int>& axes = axis.axes();
  const std::size_t count = std::max(shift.size(), axes.size());
  if ((shift.size() != count && shift.size() != 1) || (axes.size() != count && axes.size() != 1))
    throw ValueError("received " + std::to_string(shift.size()) + " shifts and " +
                     std::to_string(axes.size()) + " axes");
  Tensor y = x;
  for (std::size_t i = 0; i < count; ++i)
    y = ops::roll(y, shift[shift.size() == 1 ? 0 : i], {.axis = axes[axes.size() == 1 ? 0 : i]});
  return y;
}

Tensor cross_along(
    const Tensor& x, const Tensor& y, int axisa, int axisb, int axisc, std::optional<int> axis) {
  const auto is_last = [](int a, int rank) { return a == -1 || a == rank - 1; };
  const bool fits = axis ? is_last(*axis, x.rank()) && is_last(*axis, y.rank())
                         : is_last(axisa, x.rank()) && is_last(axisb, y.rank()) && axisc == -1;
  if (!fits)
    throw UnsupportedError(
        "a cross product along an axis other than the last is not "
        "supported");
  return ops::cross(x, y);
}

Tensor einsum_of(const std::vector<Tensor>& operands, const std::string& subscripts) {
  return ops::einsum(subscripts, operands);
}

namespace {

std::optional<std::int64_t> bound(const Config& slice, const char* name) {
  const Config& value = slice.at("config").at(name);
  if (value.is_null()) return std::nullopt;
  return value.as_int();
}

bool is_class(const Config& key, const char* name) {
  const Config* found = key.find("class_name");
  return found != nullptr && found->is_string() && found->as_string() == name;
}

}  // namespace

Tensor get_item(const Tensor& x, const Config& key) {
  const Config::List keys = key.is_list() ? key.as_list() : Config::List{key};
  int given = 0;
  for (const Config& item : keys) given += !item.is_null() && !is_class(item, "__ellipsis__");
  if (given > x.rank()) {
    throw IndexError("received " + std::to_string(given) + " indices for shape " + x.shape().str());
  }
  std::vector<ops::Range1> ranges;
  std::vector<int> dropped;   // axes of x that an integer takes away
  std::vector<int> inserted;  // axes of the result that None adds
  int result_axis = 0;
  for (const Config& item : keys) {
    if (item.is_null()) {
      inserted.push_back(result_axis++);
    } else if (is_class(item, "__ellipsis__")) {
      for (int i = given; i < x.rank(); ++i, ++result_axis) ranges.emplace_back();
    } else if (is_class(item, "__slice__")) {
      ranges.push_back(
          {bound(item, "start"), bound(item, "stop"), bound(item, "step").value_or(1)});
      ++result_axis;
    } else if (item.is_int()) {
      const std::int64_t index = item.as_int();
      if (index == std::numeric_limits<std::int64_t>::max())
        throw IndexError("index " + std::to_string(index) + " is out of bounds");
      const std::int64_t size = x.shape()[static_cast<int>(ranges.size())];
      if (size != None && (index >= size || index < -size)) {
        throw IndexError("index " + std::to_string(index) + " is out of bounds for shape " +
                         x.shape().str());
      }
      dropped.push_back(static_cast<int>(ranges.size()));
      ranges.push_back({index, index == -1 ? std::nullopt : std::optional(index + 1)});
    } else {
      throw UnsupportedError("indexing by " + item.str().substr(0, 200) + " is not supported");
    }
  }
  Tensor y = ops::slice(x, ranges);
  if (!dropped.empty()) y = ops::squeeze(y, dropped);
  for (int axis : inserted) y = ops::expand_dims(y, axis);
  return y;
}

}  // namespace nyala::graph_ops
