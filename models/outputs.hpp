#pragma once
/// Outputs: what a model with several outputs gives.
#include <array>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// A tensor for each output, in the order of the model's outputs (a dict: of its keys), which are
/// also found by name.
///
///   Outputs y = model.predict_all(x);
///   Tensor left = y["left"];
///   auto [a, b] = y.unpack<2>();
class Outputs : public std::vector<Tensor> {
 public:
  Outputs() = default;
  /// `names` may be empty: those of a model that knows none.
  Outputs(std::vector<Tensor> tensors, std::vector<std::string> names)
      : vector(std::move(tensors)), names_(std::move(names)) {}

  /// The keys of a dict of outputs, else the names of the layers that give them.
  const std::vector<std::string>& names() const { return names_; }
  using vector::operator[];
  /// Throws IndexError, with the names there are, for another one.
  const Tensor& operator[](const std::string& name) const;
  /// For structured bindings. Throws ValueError unless there are just so many.
  template <std::size_t count>
  std::array<Tensor, count> unpack() const {
    expect_count(count);
    std::array<Tensor, count> tensors;
    for (std::size_t i = 0; i < count; ++i) tensors[i] = (*this)[i];
    return tensors;
  }

 private:
  void expect_count(std::size_t count) const;

  std::vector<std::string> names_;
};

}  // namespace nyala

#pragma GCC visibility pop
