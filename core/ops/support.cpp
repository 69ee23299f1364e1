#include <nyala/core/ops/support.hpp>

namespace nyala::ops {

Shape broadcast_strides(const Tensor& x, const Shape& shape) {
  Shape strides = Shape::filled(shape.rank(), 0);
  const int offset = shape.rank() - x.rank();
  for (int i = 0; i < x.rank(); ++i) {
    if (x.shape()[i] != 1) strides[i + offset] = x.strides()[i];
  }
  return strides;
}

std::pair<Tensor, Tensor> promote(const Tensor& x, const Tensor& y) {
  if (x.dtype() == y.dtype()) return {x, y};
  const DType dtype = result_type(x.dtype(), y.dtype());
  return {cast(x, dtype), cast(y, dtype)};
}

Tensor scalar_beside(Scalar value, const Tensor& other) {
  return Tensor::scalar(value, value.dtype_beside(other.dtype()));
}

Tensor to_float(const Tensor& x) { return is_floating(x.dtype()) ? x : cast(x, floatx()); }

Tensor sum_to(const Tensor& dy, const Shape& shape) {
  if (dy.shape() == shape) return dy;
  const int extra = dy.rank() - shape.rank();
  std::vector<int> axes;
  for (int i = 0; i < dy.rank(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && dy.shape()[i] != 1)) axes.push_back(i);
  }
  const Tensor summed = axes.empty() ? dy : sum(dy, {.axis = axes});
  return summed.shape() == shape ? summed : reshape(summed, shape);
}

}  // namespace nyala::ops
