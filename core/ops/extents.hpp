#pragma once
/// Sizes along the spatial axes of an image, a sequence or a volume.
#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>

#include <nyala/core/fields.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// One whole number for each spatial axis (at most three), or one for all: `.strides = 2`,
/// `.strides = {2, 1}`. None where it was left out.
class Extents {
 public:
  using Item = int;

  Extents() = default;
  Extents(int all) : values_{all, all, all}, count_(1), is_list_(false) {}
  /// Throws ValueError for more than three.
  Extents(std::initializer_list<int> each) : Extents(each.begin(), each.size()) {}
  Extents(const int* values, std::size_t count);

  bool given() const { return count_ > 0; }
  bool is_list() const { return is_list_; }
  int count() const { return count_; }
  int operator[](int axis) const { return values_[static_cast<std::size_t>(axis)]; }
  int largest() const;
  /// A list of `rank` numbers; throws ValueError, naming `who` and the option, for another count or
  /// a number below `least`.
  Extents spread(int rank, const std::string& who, const char* option, int least = 1) const;
  std::string str() const;

 private:
  std::array<std::int32_t, 3> values_{};
  std::int8_t count_ = 0;
  bool is_list_ = true;
};
/// Null where it was left out.
template <>
struct ConfigCodec<Extents> {
  static Config to(const Extents& extents);
  static Extents from(const Config& config);
};

}  // namespace nyala

#pragma GCC visibility pop
