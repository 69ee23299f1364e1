#pragma once
/// A short list with room for N items inside the object.
#include <cstddef>
#include <initializer_list>
#include <memory>
#include <new>
#include <utility>

#pragma GCC visibility push(default)

namespace nyala {

template <class T, std::size_t N>
class SmallVector {
 public:
  using value_type = T;

  SmallVector() noexcept = default;
  SmallVector(std::initializer_list<T> items) {
    reserve(items.size());
    for (const T& item : items) push_back(item);
  }
  explicit SmallVector(std::size_t size) { resize(size); }
  SmallVector(const SmallVector& other) {
    reserve(other.size_);
    for (const T& item : other) push_back(item);
  }
  SmallVector(SmallVector&& other) noexcept { take(other); }
  SmallVector& operator=(const SmallVector& other) {
    if (this != &other) *this = SmallVector(other);
    return *this;
  }
  SmallVector& operator=(SmallVector&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~SmallVector() { reset(); }

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  T& operator[](std::size_t i) { return data_[i]; }
  const T& operator[](std::size_t i) const { return data_[i]; }
  T* begin() { return data_; }
  T* end() { return data_ + size_; }
  const T* begin() const { return data_; }
  const T* end() const { return data_ + size_; }
  T& back() { return data_[size_ - 1]; }

  void push_back(T item) {
    if (size_ == capacity_) reserve(2 * capacity_);
    new (data_ + size_) T(std::move(item));
    ++size_;
  }
  void resize(std::size_t size) {
    reserve(size);
    while (size_ < size) new (data_ + size_++) T();
    while (size_ > size) data_[--size_].~T();
  }
  void clear() { resize(0); }
  void reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    T* grown = std::allocator<T>().allocate(capacity);
    std::uninitialized_move(data_, data_ + size_, grown);
    std::destroy(data_, data_ + size_);
    if (data_ != inline_data()) std::allocator<T>().deallocate(data_, capacity_);
    data_ = grown;
    capacity_ = capacity;
  }

 private:
  T* inline_data() { return reinterpret_cast<T*>(room_); }
  void take(SmallVector& other) noexcept {
    if (other.data_ == other.inline_data()) {
      std::uninitialized_move(other.begin(), other.end(), data_);
      size_ = other.size_;
      other.clear();
    } else {
      data_ = std::exchange(other.data_, other.inline_data());
      size_ = std::exchange(other.size_, 0);
      capacity_ = std::exchange(other.capacity_, N);
    }
  }
  void reset() noexcept {
    std::destroy(begin(), end());
    if (data_ != inline_data()) std::allocator<T>().deallocate(data_, capacity_);
    data_ = inline_data();
    size_ = 0;
    capacity_ = N;
  }

  alignas(T) std::byte room_[N * sizeof(T)];
  T* data_ = inline_data();
  std::size_t size_ = 0;
  std::size_t capacity_ = N;
};

}  // namespace nyala

#pragma GCC visibility pop
