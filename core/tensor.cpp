#include <nyala/core/tensor.hpp>

#include <algorithm>
#include <cstring>

#include <nyala/core/checked.hpp>
#include <nyala/core/kernels/elementwise.hpp>

namespace nyala {
namespace detail {
namespace {

// Handles come and go with every op: they are kept in a list of this thread's own. Plain data,
// which can still be asked when the thread's destructors have run.
struct ImplCache {
  static constexpr std::size_t kKept = 4096;
  struct Free {
    Free* next;
  };
  Free* first = nullptr;
  std::size_t size = 0;
  bool is_watched = false;  // an ImplCleaner waits for the thread's end
  bool is_closed = false;   // it has come
};
static_assert(sizeof(TensorImpl) >= sizeof(ImplCache::Free));
constinit thread_local ImplCache t_impls;

struct ImplCleaner {
  ImplCleaner() { t_impls.is_watched = true; }
  ~ImplCleaner() {
    t_impls.is_closed = true;
    while (ImplCache::Free* const free = t_impls.first) {
      t_impls.first = free->next;
      ::operator delete(free);
    }
    t_impls.size = 0;
  }
  ImplCleaner(const ImplCleaner&) = delete;
  ImplCleaner& operator=(const ImplCleaner&) = delete;
};

[[gnu::noinline]] void watch_thread() { thread_local const ImplCleaner cleaner; }

}  // namespace

TensorImpl* new_impl() {
  ImplCache& cache = t_impls;
  if (ImplCache::Free* const free = cache.first) {
    cache.first = free->next;
    --cache.size;
    return new (free) TensorImpl;
  }
  return new (::operator new(sizeof(TensorImpl))) TensorImpl;
}

void delete_impl(TensorImpl* impl) noexcept {
  if (impl->storage != nullptr && impl->storage->refs.drop()) free_storage(impl->storage);
  if (impl->mask != nullptr && impl->mask->refs.drop()) delete_impl(impl->mask);
  impl->~TensorImpl();
  ImplCache& cache = t_impls;
  if (cache.is_closed || cache.size == ImplCache::kKept) {
    ::operator delete(impl);
    return;
  }
  if (!cache.is_watched) [[unlikely]]
    watch_thread();
  cache.first = new (impl) ImplCache::Free{cache.first};
  ++cache.size;
}

}  // namespace detail

namespace {

bool has_contiguous_strides(const Shape& shape, const Shape& strides) {
  std::int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 0) return true;
    if (shape[i] != 1 && strides[i] != step) return false;
    step *= shape[i];
  }
  return true;
}

// Gives an impl its shape, its strides and its size, in one go over the axes. Throws as
// Shape::num_elements does.
void set_contiguous(detail::TensorImpl& impl, const Shape& shape) {
  impl.spec.shape = shape;
  impl.strides = shape;
  const std::int64_t* sizes = impl.spec.shape.data();
  std::int64_t* strides = impl.strides.data();
  std::int64_t step = 1;
  bool is_usual = true;  // no size is 0 or unknown, and their product fits
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    is_usual &= sizes[i] > 0 && !__builtin_mul_overflow(step, sizes[i], &step);
  }
  impl.size = step;
  if (is_usual) [[likely]]
    return;
  impl.size = shape.num_elements();
  impl.strides = contiguous_strides(shape);
}

}  // namespace

Tensor Tensor::empty(const Shape& shape, DType dtype) {
  Tensor tensor = adopt(detail::new_impl());
  detail::TensorImpl& impl = *tensor.impl_;
  set_contiguous(impl, shape);
  impl.spec.dtype = dtype;
  std::int64_t bytes = 0;
  if (__builtin_mul_overflow(impl.size, static_cast<std::int64_t>(size_of(dtype)), &bytes)) {
    throw LimitError("shape " + shape.str() + " has more bytes than fit 64 bits");
  }
  impl.storage = detail::allocate_storage(static_cast<std::size_t>(bytes));
  impl.data = impl.storage->bytes();
  return tensor;
}

Tensor Tensor::abstract(const Shape& shape, DType dtype) {
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t size) { return size < None; }))
    throw ShapeError("shape " + shape.str() + " has a negative size");
  Tensor tensor = adopt(detail::new_impl());
  detail::TensorImpl& impl = *tensor.impl_;
  impl.abstract = true;
  impl.spec.shape = shape;
  impl.spec.dtype = dtype;
  impl.strides = contiguous_strides(shape);
  impl.size = shape.is_known() ? shape.num_elements() : -1;
  return tensor;
}

Tensor Tensor::scalar(Scalar value, DType dtype) {
  Tensor tensor = empty({}, dtype);
  visit_stored(dtype, [&]<class T>() {
    if constexpr (is_float_type<T>)
      *tensor.mutable_data<T>() = static_cast<T>(value.real());
    else if constexpr (std::is_same_v<T, bool>)
      *tensor.mutable_data<T>() = value.real() != 0;
    else
      *tensor.mutable_data<T>() = static_cast<T>(value.integer());
  });
  return tensor;
}

Tensor Tensor::from_bytes(const void* values, std::int64_t count, const Shape& shape, DType dtype) {
  if (shape.num_elements() != count) {
    throw ShapeError("Tensor::from: received " + std::to_string(count) + " values for shape " +
                     shape.str());
  }
  Tensor tensor = empty(shape, dtype);
  if (count > 0) std::memcpy(tensor.impl_->data, values, tensor.nbytes());
  return tensor;
}

Tensor Tensor::view_bytes(void* values, const Shape& shape, DType dtype) {
  Tensor tensor = adopt(detail::new_impl());
  detail::TensorImpl& impl = *tensor.impl_;
  impl.data = static_cast<std::byte*>(values);
  impl.spec.shape = shape;
  impl.spec.dtype = dtype;
  impl.size = shape.num_elements();
  impl.strides = contiguous_strides(shape);
  return tensor;
}

namespace {

// The first and the last element that strides lead to, in elements from the one where they start.
struct Reach {
  std::int64_t first = 0;
  std::int64_t last = 0;
};

Reach reach_of(const Shape& shape, const Shape& strides) {
  Reach reach;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 1) continue;
    const std::int64_t span = checked_multiply(shape[i] - 1, strides[i], "Tensor::strided");
    std::int64_t& end = span < 0 ? reach.first : reach.last;
    end = checked_add(end, span, "Tensor::strided");
  }
  return reach;
}

void check_reach(const Tensor& base,
                 const Shape& shape,
                 const Shape& strides,
                 std::int64_t offset) {
  const Reach own =
      base.is_contiguous() ? Reach{0, base.size() - 1} : reach_of(base.shape(), base.strides());
  const Reach wanted = reach_of(shape, strides);
  if (base.size() > 0 && checked_add(offset, wanted.first, "Tensor::strided") >= own.first &&
      checked_add(offset, wanted.last, "Tensor::strided") <= own.last)
    return;
  throw ValueError("Tensor::strided: shape " + shape.str() + " with strides " + strides.str() +
                   " and offset " + std::to_string(offset) + " reaches beyond its base of shape " +
                   base.shape().str());
}

}  // namespace

Tensor Tensor::strided(const Tensor& base,
                       const Shape& shape,
                       const Shape& strides,
                       std::int64_t offset) {
  if (shape.rank() != strides.rank()) {
    throw ValueError("Tensor::strided: received shape " + shape.str() + " and strides " +
                     strides.str() + ", expected one stride for each axis");
  }
  if (base.is_abstract()) return abstract(shape, base.dtype());
  const std::int64_t size = shape.num_elements();
  if (size > 0) check_reach(base, shape, strides, offset);
  Tensor tensor = adopt(detail::new_impl());
  detail::TensorImpl& impl = *tensor.impl_;
  impl.spec.shape = shape;
  impl.spec.dtype = base.dtype();
  impl.size = size;
  impl.strides = strides;
  impl.contiguous = has_contiguous_strides(shape, strides);
  impl.storage = base.impl_->storage;
  if (impl.storage != nullptr) impl.storage->refs.add();
  impl.data = base.impl_->data;
  // A view without elements points nowhere else.
  if (size > 0) impl.data += offset * static_cast<std::int64_t>(size_of(base.dtype()));
  return tensor;
}

Tensor Tensor::contiguous() const {
  if (is_contiguous() || is_abstract()) return *this;
  return clone();
}

Tensor Tensor::clone() const {
  Tensor copy = empty(shape(), dtype());
  kernels::copy(dtype(), shape(), {data(), strides().data()}, copy.mutable_data());
  return copy;
}

Tensor Tensor::mask() const {
  if (impl_ == nullptr || impl_->mask == nullptr) return {};
  impl_->mask->refs.add();
  return adopt(impl_->mask);
}

void Tensor::set_mask(const Tensor& mask) const {
  Tensor old = adopt(std::exchange(get().mask, mask.impl_));
  if (mask.impl_ != nullptr) mask.impl_->refs.add();
}

void Tensor::check_concrete() const {
  if (impl_->abstract) {
    throw StateError("a tensor of shape " + shape().str() +
                     " has no values here: a layer or function is being traced on shapes alone");
  }
}

void Tensor::check_single() const {
  if (get("item").abstract) {
    throw StateError("item: a tensor of shape " + shape().str() +
                     " has no values here: a layer or function is being traced on shapes alone");
  }
  if (impl_->size != 1)
    throw ValueError("item: received shape " + shape().str() + ", expected one element");
}

void Tensor::throw_undefined(const char* call) {
  throw StateError(std::string(call) +
                   "() was called on an undefined tensor: it was not assigned, or it stands for no "
                   "gradient or no mask");
}

void Tensor::throw_dtype(DType asked) const {
  throw TypeError("a tensor of dtype " + std::string(name_of(dtype())) +
                  " was asked for its elements as " + std::string(name_of(asked)));
}

void Tensor::copy_out(void* values, DType dtype) const {
  check_dtype(dtype);
  kernels::copy(dtype, shape(), {data(), strides().data()}, values);
}

}  // namespace nyala
