#pragma once
/// Tensor: an n-dimensional array, held by a cheap handle.
///
/// Copying a Tensor shares its elements. Tensors do not change once made; what changes over time is
/// a Variable. An *abstract* tensor has a shape and a dtype and no elements: layers and functions
/// run on them to learn shapes and to be traced.
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/dtype.hpp>
#include <nyala/core/error.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/core/scalar.hpp>
#include <nyala/core/shape.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// Shape and dtype: all that is known of a tensor before it is computed.
struct Spec {
  Shape shape;
  DType dtype = DType::float32;

  friend bool operator==(const Spec&, const Spec&) = default;
};

namespace detail {

struct TensorImpl {
  RefCount refs;
  bool abstract = false;
  bool contiguous = true;
  std::uint16_t output = 0;    // which output of its record
  std::int64_t node = -1;      // its record on the gradient tapes, -1 for none
  std::int64_t traced = -1;    // its value number in the program being traced
  std::uint64_t trace = 0;     // which trace that is
  std::uint64_t variable = 0;  // the trainable variable that it is the value of
  std::byte* data = nullptr;
  Storage* storage = nullptr;  // null for memory of the user's own
  TensorImpl* mask = nullptr;  // Keras's implicit mask, carried from layer to layer
  std::int64_t size = 0;
  Spec spec;
  Shape strides;  // in elements
};

TensorImpl* new_impl();
void delete_impl(TensorImpl* impl) noexcept;

}  // namespace detail

class Tensor {
 public:
  /// No tensor: what `tape.gradient` gives where there is no path, and an absent mask.
  Tensor() noexcept = default;
  Tensor(const Tensor& other) noexcept : impl_(other.impl_) {
    if (impl_ != nullptr) impl_->refs.add();
  }
  Tensor(Tensor&& other) noexcept : impl_(std::exchange(other.impl_, nullptr)) {}
  Tensor& operator=(const Tensor& other) noexcept {
    Tensor(other).swap(*this);
    return *this;
  }
  Tensor& operator=(Tensor&& other) noexcept {
    Tensor(std::move(other)).swap(*this);
    return *this;
  }
  ~Tensor() {
    if (impl_ != nullptr && impl_->refs.drop()) detail::delete_impl(impl_);
  }
  void swap(Tensor& other) noexcept { std::swap(impl_, other.impl_); }

  /// Uninitialised elements.
  static Tensor empty(const Shape& shape, DType dtype);
  /// A shape and dtype without elements; sizes may be None.
  static Tensor abstract(const Shape& shape, DType dtype);
  /// A rank-0 tensor.
  static Tensor scalar(Scalar value, DType dtype);

  /// A copy of `values`; without a shape, of rank 1. Throws ShapeError when the count does not fit.
  template <class T>
  static Tensor from(const std::vector<T>& values, const Shape& shape);
  template <class T>
  static Tensor from(const std::vector<T>& values) {
    return from(values, Shape{static_cast<std::int64_t>(values.size())});
  }
  template <class T>
  static Tensor from(const T* values, const Shape& shape);
  /// The user's own memory, not copied: it must outlive every tensor made from it.
  template <class T>
  static Tensor view(T* values, const Shape& shape) {
    return view_bytes(values, shape, dtype_of<T>);
  }
  /// A view of the elements of `base` with other strides, from `offset` elements after its first
  /// one on. Throws ValueError where it would reach beyond those that base itself reaches.
  static Tensor strided(const Tensor& base,
                        const Shape& shape,
                        const Shape& strides,
                        std::int64_t offset);

  bool defined() const noexcept { return impl_ != nullptr; }
  explicit operator bool() const noexcept { return defined(); }
  bool is_abstract() const { return get().abstract; }
  bool is_contiguous() const { return get().contiguous; }
  const Spec& spec() const { return get().spec; }
  const Shape& shape() const { return get().spec.shape; }
  const Shape& strides() const { return get().strides; }
  DType dtype() const { return get().spec.dtype; }
  int rank() const { return get().spec.shape.rank(); }
  /// Number of elements; throws ShapeError when a size is unknown.
  std::int64_t size() const { return get().size >= 0 ? get().size : shape().num_elements(); }
  std::size_t nbytes() const { return static_cast<std::size_t>(size()) * size_of(dtype()); }

  /// The first element. Throws StateError for an abstract tensor, and (typed) TypeError for another
  /// dtype.
  const void* data() const {
    if (get().data == nullptr) [[unlikely]]
      check_concrete();
    return get().data;
  }
  template <class T>
  const T* data() const {
    check_dtype(dtype_of<T>);
    return reinterpret_cast<const T*>(data());
  }
  /// For kernels that fill a tensor just made; writing to a shared one is seen by all that share
  /// it.
  void* mutable_data() {
    if (get().data == nullptr) [[unlikely]]
      check_concrete();
    return get().data;
  }
  template <class T>
  T* mutable_data() {
    check_dtype(dtype_of<T>);
    return reinterpret_cast<T*>(mutable_data());
  }

  /// The one element, converted as `ops::cast` does; throws ValueError unless there is exactly one,
  /// StateError for an abstract tensor.
  template <class T>
  T item() const;
  /// All elements in row-major order; T must be the tensor's own type.
  template <class T>
  std::vector<T> to_vector() const;
  /// The same into memory of the user's own, of `size()` elements.
  template <class T>
  void copy_to(T* values) const;

  /// Itself when row-major without gaps, a copy that is otherwise.
  Tensor contiguous() const;
  /// A copy with elements of its own, outside any gradient.
  Tensor clone() const;

  /// Row `index` (from the end when negative) of the first axis: a view. Throws IndexError.
  Tensor operator[](std::int64_t index) const;
  // Added to the tape like any op (core/ops/math.hpp).
  Tensor operator-() const;

  /// Keras's implicit mask; undefined when there is none.
  Tensor mask() const;
  void set_mask(const Tensor& mask) const;

  detail::TensorImpl* impl() const noexcept { return impl_; }
  /// Takes over one reference.
  static Tensor adopt(detail::TensorImpl* impl) noexcept {
    Tensor tensor;
    tensor.impl_ = impl;
    return tensor;
  }
  /// Whether both are the same tensor (not: equal elements).
  bool is(const Tensor& other) const noexcept { return impl_ == other.impl_; }

 private:
  static Tensor view_bytes(void* values, const Shape& shape, DType dtype);
  static Tensor from_bytes(const void* values, std::int64_t count, const Shape& shape, DType dtype);
  void check_concrete() const;
  void check_single() const;
  void check_dtype(DType dtype, const char* call = __builtin_FUNCTION()) const {
    if (dtype != get(call).spec.dtype) [[unlikely]]
      throw_dtype(dtype);
  }
  [[noreturn]] void throw_dtype(DType asked) const;
  void copy_out(void* values, DType dtype) const;

  // `call` is the name of the function that asks.
  detail::TensorImpl& get(const char* call = __builtin_FUNCTION()) const {
    if (impl_ == nullptr) [[unlikely]]
      throw_undefined(call);
    return *impl_;
  }
  [[noreturn]] static void throw_undefined(const char* call);

  detail::TensorImpl* impl_ = nullptr;
};

/// As NumPy prints arrays, with an ellipsis beyond 1000 elements.
std::ostream& operator<<(std::ostream& out, const Tensor& tensor);
std::string to_string(const Tensor& tensor);

/// The inputs of an op or a layer.
template <class T>
class Inputs {
 public:
  Inputs(std::initializer_list<T> items) : data_(std::data(items)), size_(items.size()) {}
  Inputs(const std::vector<T>& items) : data_(items.data()), size_(items.size()) {}
  Inputs(std::span<const T> items) : data_(items.data()), size_(items.size()) {}
  Inputs(const T* items, std::size_t size) : data_(items), size_(size) {}

  const T& operator[](std::size_t i) const { return data_[i]; }
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }

 private:
  const T* data_;
  std::size_t size_;
};

/// What `infer` sees: the specs of the inputs, never their elements.
template <>
class Inputs<Spec> {
 public:
  explicit Inputs(Inputs<Tensor> tensors) : tensors_(tensors) {}

  const Spec& operator[](std::size_t i) const { return tensors_[i].spec(); }
  std::size_t size() const { return tensors_.size(); }

 private:
  Inputs<Tensor> tensors_;
};

// ---- templates ----

template <class T>
Tensor Tensor::from(const std::vector<T>& values, const Shape& shape) {
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<std::uint8_t> bytes(values.begin(), values.end());
    return from_bytes(bytes.data(), static_cast<std::int64_t>(bytes.size()), shape, DType::bool_);
  } else {
    return from_bytes(values.data(), static_cast<std::int64_t>(values.size()), shape, dtype_of<T>);
  }
}

template <class T>
Tensor Tensor::from(const T* values, const Shape& shape) {
  return from_bytes(values, shape.num_elements(), shape, dtype_of<T>);
}

template <class T>
T Tensor::item() const {
  check_single();
  return visit_stored(dtype(), [&]<class Stored>() {
    using U = Computed<Stored>;
    const U value = *static_cast<const Stored*>(data());
    if constexpr (std::is_floating_point_v<U> && std::is_integral_v<T> && !std::is_same_v<T, bool>)
      return whole_number<T>(value);
    else
      return static_cast<T>(value);
  });
}

template <class T>
std::vector<T> Tensor::to_vector() const {
  if constexpr (std::is_same_v<T, bool>) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(size()));
    copy_out(bytes.data(), DType::bool_);
    return {bytes.begin(), bytes.end()};
  } else {
    std::vector<T> values(static_cast<std::size_t>(size()));
    copy_out(values.data(), dtype_of<T>);
    return values;
  }
}

template <class T>
void Tensor::copy_to(T* values) const {
  copy_out(values, dtype_of<T>);
}

}  // namespace nyala

#pragma GCC visibility pop
