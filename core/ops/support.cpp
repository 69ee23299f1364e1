#include <nyala/core/ops/support.hpp>

namespace nyala::ops {

Shape broadcast_strides(const Shape& own, const Shape& strides, const Shape& shape) {
  Shape all = Shape::filled(shape.rank(), 0);
  const int offset = shape.rank() - own.rank();
  for (int i = 0; i < own.rank(); ++i) {
    if (own[i] != 1) all[i + offset] = strides[i];
  }
  return all;
}

void broadcast_binary(kernels::Binary kernel, Inputs<Tensor> x, Tensor& out) {
  if (x[0].shape() == x[1].shape()) {
    kernels::binary(kernel, x[0].dtype(), out.shape(), in(x[0]), in(x[1]), out.mutable_data());
    return;
  }
  const Shape a = broadcast_strides(x[0], out.shape());
  const Shape b = broadcast_strides(x[1], out.shape());
  kernels::binary(kernel,
                  x[0].dtype(),
                  out.shape(),
                  {x[0].data(), a.data()},
                  {x[1].data(), b.data()},
                  out.mutable_data());
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

Tensor to_number(const Tensor& x) { return x.dtype() == DType::bool_ ? cast(x, DType::int32) : x; }

Tensor to_wide_float(const Tensor& x) {
  return x.dtype() == DType::int64 ? cast(x, DType::float64) : to_float(x);
}

Tensor sum_to(const Tensor& dy, const Shape& shape) {
  if (!dy.defined()) return dy;
  if (dy.shape() == shape) return dy;
  const int extra = dy.rank() - shape.rank();
  std::vector<int> axes;
  for (int i = 0; i < dy.rank(); ++i) {
    if (i < extra || (shape[i - extra] == 1 && dy.shape()[i] != 1)) axes.push_back(i);
  }
  const Tensor summed = axes.empty() ? dy : sum(dy, {.axis = axes});
  return summed.shape() == shape ? summed : reshape(summed, shape);
}

Lines lines_along(const Shape& shape, int axis) {
  Lines lines;
  for (int i = 0; i < axis; ++i) lines.outer *= shape[i];
  lines.n = shape[axis];
  for (int i = axis + 1; i < shape.rank(); ++i) lines.inner *= shape[i];
  return lines;
}

void expect_spec(std::string_view who, const Spec& input, const Shape& shape, DType dtype) {
  bool fits = input.dtype == dtype && input.shape.rank() == shape.rank();
  for (int i = 0; fits && i < shape.rank(); ++i) fits = sizes_fit(input.shape[i], shape[i]);
  if (fits) return;
  throw ShapeError(std::string(who) + ": received " + std::string(name_of(input.dtype)) + " " +
                   input.shape.str() + ", expected " + std::string(name_of(dtype)) + " " +
                   shape.str());
}

std::int64_t merged_size(const Shape& shape, const std::vector<bool>& flags) {
  std::int64_t size = 1;
  for (int i = 0; i < shape.rank(); ++i) {
    if (!flags[static_cast<std::size_t>(i)]) continue;
    if (shape[i] == None) return None;
    size = checked_multiply(size, shape[i], "reshape");
  }
  return size;
}

std::vector<int> reduced_last(const std::vector<bool>& flags) {
  std::vector<int> order;
  for (const bool reduced : {false, true}) {
    for (std::size_t i = 0; i < flags.size(); ++i) {
      if (flags[i] == reduced) order.push_back(static_cast<int>(i));
    }
  }
  return order;
}

std::vector<int> inverse_order(const std::vector<int>& order) {
  std::vector<int> back(order.size());
  for (std::size_t i = 0; i < order.size(); ++i)
    back[static_cast<std::size_t>(order[i])] = static_cast<int>(i);
  return back;
}

IntegerInput::IntegerInput(const Tensor& layout, Workspace& workspace, bool written)
    : dtype_(layout.dtype()),
      shape_(layout.shape()),
      size_(layout.size()),
      offset_(
          workspace.take(written ? size_ * static_cast<std::int64_t>(sizeof(std::int64_t)) : 0)) {}

const std::int64_t* IntegerInput::read(const void* data, std::byte* block) const {
  if (dtype_ == DType::int64) return static_cast<const std::int64_t*>(data);
  const Shape strides = contiguous_strides(shape_);
  kernels::cast(dtype_, DType::int64, shape_, {data, strides.data()}, room(block));
  return room(block);
}

const std::int64_t* IndexInput::read(const void* data, std::byte* block) const {
  const std::int64_t* const values = IntegerInput::read(data, block);
  bool negative = false;
  for (std::int64_t i = 0; i < size_; ++i) {
    if (values[i] < -axis_size_ || values[i] >= axis_size_) {
      throw IndexError(std::string(who_) + ": index " + std::to_string(values[i]) +
                       " is out of bounds for an axis of size " + std::to_string(axis_size_));
    }
    negative |= values[i] < 0;
  }
  if (!negative) return values;
  std::int64_t* const to = room(block);
  for (std::int64_t i = 0; i < size_; ++i)
    to[i] = values[i] < 0 ? values[i] + axis_size_ : values[i];
  return to;
}

void check_indices(const Tensor& indices, std::int64_t size, const char* who) {
  if (!is_integer(indices.dtype())) {
    throw TypeError(std::string(who) + ": received indices of dtype " +
                    std::string(name_of(indices.dtype())) + ", expected integers");
  }
  const Tensor dense = indices.contiguous();
  Workspace workspace;
  const IndexInput input(dense, size, who, workspace);
  Tensor block = Tensor::empty({workspace.bytes()}, DType::uint8);
  input.read(dense.data(), static_cast<std::byte*>(block.mutable_data()));
}

}  // namespace nyala::ops
