#include <nyala/core/ops/creation.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/core/checked.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::ops {
namespace {

DType dtype_or(const DTypeArgs& args, DType fallback) {
  return args.dtype ? args.dtype->value : fallback;
}

DType natural_dtype(Scalar value) {
  return value.is_real() ? floatx() : value.is_bool() ? DType::bool_ : DType::int32;
}

// How many numbers arange gives.
std::int64_t count_of(double start, double stop, double step) {
  const double count = std::ceil((stop - start) / step);
  if (!(count < 9e15))
    throw LimitError("arange: too many elements between " + std::to_string(start) + " and " +
                     std::to_string(stop));
  return count > 0 ? static_cast<std::int64_t>(count) : 0;
}
std::int64_t count_of(std::int64_t start, std::int64_t stop, std::int64_t step) {
  if (step > 0 ? stop <= start : stop >= start) return 0;
  const std::int64_t distance =
      step > 0 ? checked_subtract(stop, start, "arange") : checked_subtract(start, stop, "arange");
  const auto magnitude = step > 0 ? static_cast<std::uint64_t>(step)
                                  : std::uint64_t{0} - static_cast<std::uint64_t>(step);
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(distance - 1) / magnitude) + 1;
}

}  // namespace

Tensor full(const Shape& shape, Scalar value, const DTypeArgs& args) {
  const DType dtype = dtype_or(args, natural_dtype(value));
  Tensor out = Tensor::empty(shape, dtype);
  const Tensor one = Tensor::scalar(value, dtype);
  kernels::fill(dtype, out.size(), one.data(), out.mutable_data());
  return out;
}

Tensor zeros(const Shape& shape, const DTypeArgs& args) {
  return full(shape, 0, {dtype_or(args, floatx())});
}
Tensor ones(const Shape& shape, const DTypeArgs& args) {
  return full(shape, 1, {dtype_or(args, floatx())});
}

Tensor full_like(const Tensor& x, Scalar value, const DTypeArgs& args) {
  const DType dtype = dtype_or(args, x.dtype());
  if (!x.is_abstract() || x.shape().is_known()) {
    // One number, looked at from every place: what follows reads it with stride 0.
    const Tensor one = Tensor::scalar(value, dtype);
    return Tensor::strided(one, x.shape(), Shape::filled(x.rank(), 0), 0);
  }
  return Tensor::abstract(x.shape(), dtype);
}

Tensor zeros_like(const Tensor& x, const DTypeArgs& args) { return full_like(x, 0, args); }
Tensor ones_like(const Tensor& x, const DTypeArgs& args) { return full_like(x, 1, args); }

Tensor eye(std::int64_t rows, std::optional<std::int64_t> columns, const DTypeArgs& args) {
  const std::int64_t width = columns.value_or(rows);
  if (rows < 0 || width < 0) {
    throw ValueError("eye: received " + std::to_string(rows) + " rows and " +
                     std::to_string(width) + " columns, expected 0 or more");
  }
  return cast(equal(reshape(arange(rows), {rows, 1}), reshape(arange(width), {1, width})),
              dtype_or(args, floatx()));
}

Tensor arange(Scalar start, Scalar stop, Scalar step, const DTypeArgs& args) {
  const bool real = start.is_real() || stop.is_real() || step.is_real();
  const DType dtype = dtype_or(args, real ? floatx() : DType::int64);
  if (step.real() == 0 || !std::isfinite(step.real()))
    throw ValueError("arange: received step " + std::to_string(step.real()) +
                     ", expected a finite number other than 0");
  const std::int64_t count = real ? count_of(start.real(), stop.real(), step.real())
                                  : count_of(start.integer(), stop.integer(), step.integer());
  Tensor out = Tensor::empty({count}, dtype);
  visit_stored(dtype, [&]<class T>() {
    T* values = out.mutable_data<T>();
    for (std::int64_t i = 0; i < count; ++i) {
      const double number = start.real() + static_cast<double>(i) * step.real();
      if constexpr (is_float_type<T>)
        values[i] = static_cast<T>(number);
      else
        values[i] = static_cast<T>(real ? whole_number<std::int64_t>(number)
                                        : start.integer() + i * step.integer());
    }
  });
  return out;
}

Tensor arange(Scalar start, Scalar stop, const DTypeArgs& args) {
  return arange(start, stop, 1, args);
}
Tensor arange(Scalar stop, const DTypeArgs& args) { return arange(0, stop, 1, args); }

Tensor linspace(double start, double stop, std::int64_t num, const DTypeArgs& args) {
  if (num < 0)
    throw ValueError("linspace: received num = " + std::to_string(num) + ", expected 0 or more");
  Tensor numbers = Tensor::empty({num}, DType::float64);
  auto* values = numbers.mutable_data<double>();
  for (std::int64_t i = 0; i < num; ++i) {
    values[i] = i + 1 == num && num > 1
                    ? stop
                    : start + (stop - start) * static_cast<double>(i) /
                                  static_cast<double>(std::max<std::int64_t>(num - 1, 1));
  }
  return cast(numbers, dtype_or(args, floatx()));
}

}  // namespace nyala::ops
