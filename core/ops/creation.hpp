#pragma once
/// Making tensors.
#include <initializer_list>
#include <limits>
#include <optional>
#include <vector>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Numbers in nested braces: `{{1, 2}, {3, 4}}`.
template <class T>
class Nested {
 public:
  template <class U>
  requires std::is_arithmetic_v<U> Nested(U value) : values_{static_cast<T>(value)} {}
  Nested(std::initializer_list<Nested> items) {
    shape_.push_back(static_cast<std::int64_t>(items.size()));
    bool first = true;
    for (const Nested& item : items) {
      if (first) {
        for (std::int64_t size : item.shape_) shape_.push_back(size);
      } else if (Shape(std::span(shape_.data() + 1, static_cast<std::size_t>(shape_.rank() - 1))) !=
                 item.shape_) {
        throw ShapeError("ops::array: rows of shapes " + items.begin()->shape_.str() + " and " +
                         item.shape_.str() + " do not fit together");
      }
      first = false;
      values_.insert(values_.end(), item.values_.begin(), item.values_.end());
    }
  }

  const Shape& shape() const { return shape_; }
  const std::vector<T>& values() const { return values_; }

 private:
  Shape shape_;
  std::vector<T> values_;
};

struct DTypeArgs {
  std::optional<DTypeLike> dtype = {};
};

namespace ops {

/// `array<float>({{0, 0}, {0, 1}})`: a tensor of the dtype that holds T.
template <class T>
Tensor array(const Nested<T>& values) {
  return Tensor::from(values.values(), values.shape());
}

Tensor zeros(const Shape& shape, const DTypeArgs& args = {});
Tensor ones(const Shape& shape, const DTypeArgs& args = {});
/// `value` everywhere; without a dtype, floatx for a floating value, int32 for a whole one.
Tensor full(const Shape& shape, Scalar value, const DTypeArgs& args = {});
Tensor zeros_like(const Tensor& x, const DTypeArgs& args = {});
Tensor ones_like(const Tensor& x, const DTypeArgs& args = {});
Tensor full_like(const Tensor& x, Scalar value, const DTypeArgs& args = {});
/// Ones on the diagonal; square without `columns`.
Tensor eye(std::int64_t rows, std::optional<std::int64_t> columns = {}, const DTypeArgs& args = {});
/// From 0 to stop. Whole numbers give int64, as NumPy's; floating ones floatx.
Tensor arange(Scalar stop, const DTypeArgs& args = {});
Tensor arange(Scalar start, Scalar stop, const DTypeArgs& args = {});
Tensor arange(Scalar start, Scalar stop, Scalar step, const DTypeArgs& args = {});
/// `num` numbers from start to stop, both included.
Tensor linspace(double start, double stop, std::int64_t num = 50, const DTypeArgs& args = {});

}  // namespace ops
}  // namespace nyala

#pragma GCC visibility pop
