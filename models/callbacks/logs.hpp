#pragma once
/// Logs: what callbacks see of an epoch or a batch.
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/small_vector.hpp>

#pragma GCC visibility push(default)

namespace nyala::callbacks {

/// Numbers by name, in the order in which they came: Keras's, sorted by name, then what callbacks
/// added.
class Logs {
 public:
  using Entry = std::pair<std::string, double>;

  Logs() = default;
  Logs(std::initializer_list<Entry> entries) : entries_(entries) {}

  /// The number of that name, made (0) when missing.
  double& operator[](std::string name);
  /// Throws IndexError, with the names there are, when there is none.
  double at(const std::string& name) const;
  /// Null when there is none.
  const double* find(const std::string& name) const;
  bool contains(const std::string& name) const { return find(name) != nullptr; }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::vector<std::string> names() const;
  void sort();
  auto begin() const { return entries_.begin(); }
  auto end() const { return entries_.end(); }

 private:
  SmallVector<Entry, 2> entries_;
};

/// "a,b,c"
std::string joined_names(const Logs& logs);

}  // namespace nyala::callbacks

#pragma GCC visibility pop
