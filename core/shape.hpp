#pragma once
/// Shape: the sizes of a tensor's axes, stored inline up to rank six.
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <iosfwd>
#include <span>
#include <string>
#include <vector>

#pragma GCC visibility push(default)

namespace nyala {

/// A size that is not known yet (Keras's None): the batch axis of a symbolic input.
inline constexpr std::int64_t None = -1;

/// A list of sizes (or of strides). Prints as `(2, 3)`; an unknown size prints as `None`.
class Shape {
 public:
  using value_type = std::int64_t;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> sizes) : Shape(sizes.begin(), sizes.size()) {}
  Shape(const std::vector<std::int64_t>& sizes) : Shape(sizes.data(), sizes.size()) {}
  explicit Shape(std::span<const std::int64_t> sizes) : Shape(sizes.data(), sizes.size()) {}
  Shape(const Shape& other) : Shape(other.data(), static_cast<std::size_t>(other.rank_)) {}
  Shape(Shape&& other) noexcept { take(other); }
  Shape& operator=(const Shape& other) {
    if (this != &other) assign(other.data(), static_cast<std::size_t>(other.rank_));
    return *this;
  }
  Shape& operator=(Shape&& other) noexcept {
    if (this != &other) {
      release();
      take(other);
    }
    return *this;
  }
  ~Shape() { release(); }

  /// `rank` sizes, all `value`.
  static Shape filled(int rank, std::int64_t value);

  int rank() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  std::int64_t* data() { return rank_ <= kInline ? inline_ : heap_; }
  const std::int64_t* data() const { return rank_ <= kInline ? inline_ : heap_; }
  std::int64_t* begin() { return data(); }
  std::int64_t* end() { return data() + rank_; }
  const std::int64_t* begin() const { return data(); }
  const std::int64_t* end() const { return data() + rank_; }
  std::int64_t& operator[](int axis) { return data()[axis < 0 ? axis + rank_ : axis]; }
  std::int64_t operator[](int axis) const { return data()[axis < 0 ? axis + rank_ : axis]; }
  std::int64_t front() const { return data()[0]; }
  std::int64_t back() const { return data()[rank_ - 1]; }
  operator std::span<const std::int64_t>() const {
    return {data(), static_cast<std::size_t>(rank_)};
  }
  std::vector<std::int64_t> to_vector() const { return {begin(), end()}; }

  void push_back(std::int64_t size) { insert(rank_, size); }
  void insert(int position, std::int64_t size);
  void erase(int position);

  /// Product of the sizes; throws LimitError when it does not fit int64, ShapeError when one is
  /// unknown.
  std::int64_t num_elements() const;
  /// Whether no size is None.
  bool is_known() const;
  std::string str() const;

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    // A few sizes: a call of memcmp takes longer.
    for (int i = 0; i < a.rank_; ++i) {
      if (a.data()[i] != b.data()[i]) return false;
    }
    return true;
  }

 private:
  static constexpr int kInline = 6;

  Shape(const std::int64_t* sizes, std::size_t rank) { assign_fresh(sizes, rank); }
  void assign_fresh(const std::int64_t* sizes, std::size_t rank) {
    rank_ = static_cast<int>(rank);
    if (rank_ > kInline) [[unlikely]]
      heap_ = new std::int64_t[rank];
    std::int64_t* to = data();
    for (std::size_t i = 0; i < rank; ++i) to[i] = sizes[i];
  }
  void assign(const std::int64_t* sizes, std::size_t rank) {
    release();
    assign_fresh(sizes, rank);
  }
  void take(Shape& other) noexcept {
    rank_ = other.rank_;
    if (rank_ > kInline)
      heap_ = other.heap_;
    else
      for (int i = 0; i < rank_; ++i) inline_[i] = other.inline_[i];
    other.rank_ = 0;
  }
  void release() {
    if (rank_ > kInline) [[unlikely]]
      delete[] heap_;
    rank_ = 0;
  }

  union {
    std::int64_t inline_[kInline];
    std::int64_t* heap_ = nullptr;
  };
  int rank_ = 0;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape);

/// `axis` as a position from 0, counting from the end when negative; throws IndexError naming
/// `who`.
int normalize_axis(int axis, int rank, const char* who);

/// The shape that NumPy's broadcasting gives; unknown sizes broadcast as in Keras. Throws
/// ShapeError that names `who` and both shapes.
Shape broadcast_shapes(const Shape& a, const Shape& b, const char* who);

/// Row-major strides, in elements.
Shape contiguous_strides(const Shape& shape);

}  // namespace nyala

#pragma GCC visibility pop
