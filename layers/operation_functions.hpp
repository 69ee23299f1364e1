#pragma once
/// Ops whose parameters in Keras are not those of the function in core/ops. Private to the files of
/// operation.hpp.
#include <string>
#include <vector>

#include <nyala/layers/operation_codec.hpp>

namespace nyala::graph_ops {

/// An elementwise function of two tensors, or of a tensor and a number of its dtype.
template <Tensor (*TT)(const Tensor&, const Tensor&),
          Tensor (*TS)(const Tensor&, Scalar),
          Tensor (*ST)(Scalar, const Tensor&)>
Tensor binary(const TensorOrNumber& x, const TensorOrNumber& y) {
  if (x.number && y.number) throw TypeError("received two numbers, expected a tensor");
  if (x.number) return ST(*x.number, y.tensor);
  if (y.number) return TS(x.tensor, *y.number);
  return TT(x.tensor, y.tensor);
}

Tensor where_any(const Tensor& condition, const TensorOrNumber& x, const TensorOrNumber& y);
Tensor left_shift_any(const Tensor& x, const Tensor& y);
Tensor right_shift_any(const Tensor& x, const Tensor& y);
Tensor abs_any(const Tensor& x);
Tensor round_to(const Tensor& x, int decimals);
/// The largest (smallest) element, or `initial` where that is larger (smaller).
Tensor max_from(const Tensor& x, const ExtremumArgs& args);
Tensor min_from(const Tensor& x, const ExtremumArgs& args);
Tensor prod_as(const Tensor& x, const ProductArgs& args);
Tensor cumsum_as(const Tensor& x, const CumulateArgs& args);
Tensor cumprod_as(const Tensor& x, const CumulateArgs& args);
/// `ord` may be "fro". Throws UnsupportedError for "nuc".
Tensor norm_of(const Tensor& x, const NormOptions& options);
/// `side` is "left" or "right", else ValueError.
Tensor searchsorted_side(const Tensor& sorted, const Tensor& values, const std::string& side);
/// Several axes at once.
Tensor moveaxis_all(const Tensor& x,
                    const std::vector<int>& source,
                    const std::vector<int>& destination);
Tensor expand_all(const Tensor& x, const Axes& axis);
Tensor roll_all(const Tensor& x, const std::vector<std::int64_t>& shift, const Axes& axis);
/// Throws UnsupportedError for axes other than the last.
Tensor cross_along(
    const Tensor& x, const Tensor& y, int axisa, int axisb, int axisc, std::optional<int> axis);
Tensor einsum_of(const std::vector<Tensor>& operands, const std::string& subscripts);
/// What Python's x[key] gives, for a key of slices, integers, None and an ellipsis.
Tensor get_item(const Tensor& x, const Config& key);

}  // namespace nyala::graph_ops
