#pragma once
/// What the files of ops share. Not part of the public API.
#include <string>

#include <nyala/core/checked.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops.hpp>

namespace nyala::ops {

inline kernels::In in(const Tensor& x) { return {x.data(), x.strides().data()}; }

/// The strides of an array broadcast to `shape`: 0 along what is repeated.
Shape broadcast_strides(const Shape& own, const Shape& strides, const Shape& shape);
inline Shape broadcast_strides(const Tensor& x, const Shape& shape) {
  return broadcast_strides(x.shape(), x.strides(), shape);
}

/// kernel(x[0], x[1]) over their broadcast shape, which `out` has.
void broadcast_binary(kernels::Binary kernel, Inputs<Tensor> x, Tensor& out);

/// x and y in the dtype that Keras computes both in.
std::pair<Tensor, Tensor> promote(const Tensor& x, const Tensor& y);
/// The same for a plain number, which takes the tensor's dtype.
Tensor scalar_beside(Scalar value, const Tensor& other);
/// x, cast to floatx when it is bool or integer.
Tensor to_float(const Tensor& x);
/// x in the dtype that kernels compute it in: what is made of several ops rounds once, at its end.
inline Tensor computable(const Tensor& x) { return cast(x, computed_in(x.dtype())); }
/// x, cast to int32 when it is bool: numbers that are counted with.
Tensor to_number(const Tensor& x);
/// to_float, but float64 for int64: so Keras has it for some functions.
Tensor to_wide_float(const Tensor& x);
/// Sums a gradient over what broadcasting repeated.
Tensor sum_to(const Tensor& dy, const Shape& shape);

/// A probability as the logarithm of a cross-entropy takes it, and 1 where it is within these
/// bounds.
Tensor bounded(const Tensor& p);
Tensor is_within(const Tensor& p);

/// An axis with what lies before and after it: (outer, n, inner).
struct Lines {
  std::int64_t outer = 1, n = 1, inner = 1;
};
Lines lines_along(const Shape& shape, int axis);

/// `f` of the axes as one: they are brought together at the end, `f(tensor)` works along the last
/// axis and keeps the shape, and the axes go back to where they were.
template <class F>
Tensor along_axes(const Tensor& x, const Axes& axes, const char* who, F&& f);

/// Throws ShapeError, naming `who`, for an input that is not of this shape (as far as both are
/// known) and dtype.
void expect_spec(std::string_view who, const Spec& input, const Shape& shape, DType dtype);

/// Whether two sizes are the same, or may be when one is not known.
constexpr bool sizes_fit(std::int64_t a, std::int64_t b) {
  return a == b || a == None || b == None;
}
/// The number of elements along the flagged axes; None where a size is unknown.
std::int64_t merged_size(const Shape& shape, const std::vector<bool>& flags);
/// The axes that are not reduced, then those that are.
std::vector<int> reduced_last(const std::vector<bool>& flags);
/// Where each axis of a transposed tensor came from.
std::vector<int> inverse_order(const std::vector<int>& order);

/// Integers that a kernel reads as contiguous int64, from a contiguous input of any dtype.
class IntegerInput {
 public:
  IntegerInput(const Tensor& layout, Workspace& workspace)
      : IntegerInput(layout, workspace, layout.dtype() != DType::int64) {}
  const std::int64_t* read(const void* data, std::byte* block) const;

 protected:
  /// With room for the integers where they are `written`: cast, or changed.
  IntegerInput(const Tensor& layout, Workspace& workspace, bool written);
  std::int64_t* room(std::byte* block) const {
    return reinterpret_cast<std::int64_t*>(block + offset_);
  }
  DType dtype_;
  Shape shape_;
  std::int64_t size_, offset_;
};

/// Indices into an axis: 0 <= index < size when they are read, those below 0 counted from its end.
class IndexInput : private IntegerInput {
 public:
  IndexInput(const Tensor& layout, std::int64_t size, const char* who, Workspace& workspace)
      : IntegerInput(layout, workspace, true), axis_size_(size), who_(who) {}
  /// Throws IndexError for one outside [-size, size).
  const std::int64_t* read(const void* data, std::byte* block) const;
  std::int64_t count() const { return size_; }

 private:
  std::int64_t axis_size_;
  const char* who_;
};

/// Throws TypeError for indices that are no integers, IndexError for one outside [-size, size).
void check_indices(const Tensor& indices, std::int64_t size, const char* who);

/// An op without options.
struct NoOptions {
  static constexpr auto fields() { return std::tuple{}; }
};

/// Elementwise functions of one tensor. `Self` names its kernel and the range that samples come
/// from.
template <class Self>
struct Elementwise : NoOptions {
  static constexpr bool gives_bool = false;

  Spec infer(Inputs<Spec> x) const {
    return {x[0].shape, Self::gives_bool ? DType::bool_ : x[0].dtype};
  }
  void forward(Inputs<Tensor> x, Tensor& y) const {
    kernels::unary(Self::kernel, x[0].dtype(), x[0].shape(), in(x[0]), y.mutable_data());
  }
  static std::vector<SampleOf<Self>> samples() {
    return {{{}, {{{3, 4}, Self::low, Self::high}}},
            {{}, {{{}, Self::low, Self::high}}},
            {{}, {{{2, 0, 3}, Self::low, Self::high}}},
            {{}, {{{37}, Self::low, Self::high}}}};
  }
};

// A smooth function: its kernel, the numbers that samples draw from, and its gradient, an
// expression in x (or y, the result) and dy.
#define NYALA_FUNCTION(Name, function, kernel_, low_, high_, saves_, gradient, doc_) \
  namespace {                                                                        \
  struct Name : Elementwise<Name> {                                                  \
    static constexpr std::string_view name = #function;                              \
    static constexpr std::string_view doc = doc_;                                    \
    static constexpr kernels::Unary kernel = kernels::Unary::kernel_;                \
    static constexpr double low = low_, high = high_;                                \
    static constexpr Saves saves = Saves::saves_;                                    \
    Grads vjp(const Saved& saved, const Tensor& dy) const {                          \
      [[maybe_unused]] const Tensor& x = saved.input();                              \
      [[maybe_unused]] const Tensor& y = saved.output();                             \
      return {gradient};                                                             \
    }                                                                                \
  };                                                                                 \
  }

// A function of two tensors, for a tensor and a number.
#define NYALA_WITH_NUMBERS(function)                                                      \
  Tensor function(const Tensor& x, Scalar y) { return function(x, scalar_beside(y, x)); } \
  Tensor function(Scalar x, const Tensor& y) { return function(scalar_beside(x, y), y); }

// ---- templates ----

template <class F>
Tensor along_axes(const Tensor& x, const Axes& axes, const char* who, F&& f) {
  const std::vector<bool> flags = axes.flags(x.rank(), who);
  const std::vector<int> order = reduced_last(flags);
  const Tensor moved = transpose(x, order);
  Shape flat;
  for (int i = 0; i < x.rank(); ++i) {
    if (!flags[static_cast<std::size_t>(order[static_cast<std::size_t>(i)])])
      flat.push_back(moved.shape()[i]);
  }
  flat.push_back(merged_size(x.shape(), flags));
  const Tensor y = f(reshape(moved, flat));
  return transpose(reshape(y, moved.shape()), inverse_order(order));
}

}  // namespace nyala::ops

// Here and not in op.hpp, so that a new line in ops.def rebuilds the ops alone.
#define OP(Name)                        \
  namespace nyala::detail {             \
  const OpDef& def_##Name();            \
  std::vector<Sample> samples_##Name(); \
  }
#include <nyala/core/ops.def>
#undef OP

/// Enrols a struct whose line stands in ops.def.
#define NYALA_OP(Name)                                                                   \
  const OpDef& ::nyala::detail::def_##Name() { return ::nyala::detail::op_def<Name>(); } \
  std::vector<::nyala::Sample> nyala::detail::samples_##Name() {                         \
    return ::nyala::detail::samples_erased<Name>();                                      \
  }
