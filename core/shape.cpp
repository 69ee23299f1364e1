#include <nyala/core/shape.hpp>

#include <algorithm>
#include <ostream>

#include <nyala/core/checked.hpp>
#include <nyala/core/error.hpp>

namespace nyala {
namespace detail {

void throw_overflow(const char* who, std::int64_t a, char sign, std::int64_t b) {
  throw LimitError(std::string(who) + ": " + std::to_string(a) + " " + sign + " " +
                   std::to_string(b) + " does not fit 64 bits");
}

}  // namespace detail

std::int64_t known_elements(const Shape& shape, const char* who) {
  std::int64_t product = 1;
  for (std::int64_t size : shape) {
    if (size > 0 && __builtin_mul_overflow(product, size, &product)) {
      throw LimitError(std::string(who) + ": shape " + shape.str() +
                       " has more elements than fit 64 bits");
    }
  }
  return product;
}

Shape Shape::filled(int rank, std::int64_t value) {
  return Shape(std::vector<std::int64_t>(static_cast<std::size_t>(rank), value));
}

void Shape::insert(int position, std::int64_t size) {
  if (position < 0 || position > rank_) {
    throw IndexError("Shape::insert: position " + std::to_string(position) +
                     " is out of bounds for shape " + str());
  }
  std::vector<std::int64_t> sizes = to_vector();
  sizes.insert(sizes.begin() + position, size);
  *this = Shape(sizes);
}

void Shape::erase(int position) {
  if (position < 0 || position >= rank_) {
    throw IndexError("Shape::erase: position " + std::to_string(position) +
                     " is out of bounds for shape " + str());
  }
  std::vector<std::int64_t> sizes = to_vector();
  sizes.erase(sizes.begin() + position);
  *this = Shape(sizes);
}

std::int64_t Shape::num_elements() const {
  std::int64_t product = 1;
  bool zero = false;
  for (std::int64_t size : *this) {
    if (size < None) throw ShapeError("shape " + str() + " has a negative size");
    if (size == None)
      throw ShapeError("shape " + str() + " has an unknown size where all must be known");
    if (size == 0)
      zero = true;
    else if (__builtin_mul_overflow(product, size, &product)) {
      throw LimitError("shape " + str() + " has more elements than fit 64 bits");
    }
  }
  return zero ? 0 : product;
}

bool Shape::is_known() const {
  return std::all_of(begin(), end(), [](std::int64_t size) { return size >= 0; });
}

std::string Shape::str() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += ", ";
    const std::int64_t size = (*this)[i];
    text += size == None ? "None" : std::to_string(size);
  }
  return text + (rank_ == 1 ? ",)" : ")");
}

std::ostream& operator<<(std::ostream& out, const Shape& shape) { return out << shape.str(); }

int normalize_axis(int axis, int rank, const char* who) {
  if (axis < -rank || axis >= rank) {
    throw IndexError(std::string(who) + ": axis " + std::to_string(axis) +
                     " is out of bounds for rank " + std::to_string(rank));
  }
  return axis < 0 ? axis + rank : axis;
}

Shape broadcast_shapes(const Shape& a, const Shape& b, const char* who) {
  if (a == b) return a;
  const Shape& longer = a.rank() >= b.rank() ? a : b;
  const Shape& shorter = a.rank() >= b.rank() ? b : a;
  Shape out = longer;
  const int offset = longer.rank() - shorter.rank();
  for (int i = 0; i < shorter.rank(); ++i) {
    const std::int64_t x = longer[i + offset];
    const std::int64_t y = shorter[i];
    if (x == y || y == 1) continue;
    if (x == 1)
      out[i + offset] = y;
    else if (x == None)
      out[i + offset] = y;
    else if (y != None) {
      throw ShapeError(std::string(who) + ": shapes " + a.str() + " and " + b.str() +
                       " do not broadcast together");
    }
  }
  return out;
}

Shape contiguous_strides(const Shape& shape) {
  Shape strides = shape;
  std::int64_t step = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    strides[i] = step;
    step = checked_multiply(step, std::max<std::int64_t>(shape[i], 1), "strides");
  }
  return strides;
}

}  // namespace nyala
