#pragma once
/// Regularizers: what large or dependent weights add to the loss.
#include <memory>
#include <string>

#include <nyala/core/object.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala::regularizers {

class RegularizerBase : public Object {
 public:
  std::string module() const override { return "keras.regularizers"; }
  /// The penalty of a weight: a number of its dtype.
  virtual Tensor operator()(const Tensor& weight) const = 0;
  /// The regularizers by name; a program may add its own.
  static ObjectRegistry<RegularizerBase>& registry();
};
/// A regularizer, made by its class or by its name: "l2", "L2".
using Regularizer = Handle<RegularizerBase>;

/// l1 * sum(|w|)
struct L1Args {
  double l1 = 0.01;
  template <class A = L1Args>
  static constexpr auto fields() {
    return std::tuple{Field{"l1", &A::l1, "Factor.", Range{.min = 0, .open_max = true}}};
  }
};
/// l2 * sum(w^2)
struct L2Args {
  double l2 = 0.01;
  template <class A = L2Args>
  static constexpr auto fields() {
    return std::tuple{Field{"l2", &A::l2, "Factor.", Range{.min = 0, .open_max = true}}};
  }
};
/// l1 * sum(|w|) + l2 * sum(w^2)
struct L1L2Args {
  double l1 = 0;
  double l2 = 0;
  template <class A = L1L2Args>
  static constexpr auto fields() {
    return std::tuple{
        Field{"l1", &A::l1, "Factor of sum(|w|).", Range{.min = 0, .open_max = true}},
        Field{"l2", &A::l2, "Factor of sum(w^2).", Range{.min = 0, .open_max = true}}};
  }
};
/// factor * the mean of |cosine| over all pairs of rows (or columns) of a matrix.
struct OrthogonalRegularizerArgs {
  double factor = 0.01;
  std::string mode = "rows";
  template <class A = OrthogonalRegularizerArgs>
  static constexpr auto fields() {
    return std::tuple{Field{"factor", &A::factor, "Factor.", Range{.min = 0, .open_max = true}},
                      Field{"mode", &A::mode, "What is made orthogonal: \"rows\" or \"columns\"."}};
  }
};

std::shared_ptr<RegularizerBase> make_object(L1Args args);
std::shared_ptr<RegularizerBase> make_object(L2Args args);
std::shared_ptr<RegularizerBase> make_object(L1L2Args args);
std::shared_ptr<RegularizerBase> make_object(OrthogonalRegularizerArgs args);

using L1 = HandleOf<RegularizerBase, L1Args>;
using L2 = HandleOf<RegularizerBase, L2Args>;
using L1L2 = HandleOf<RegularizerBase, L1L2Args>;
using OrthogonalRegularizer = HandleOf<RegularizerBase, OrthogonalRegularizerArgs>;

}  // namespace nyala::regularizers

namespace nyala {

NYALA_DECLARE_OPTION_TYPE(regularizers::Regularizer)

}  // namespace nyala

#pragma GCC visibility pop
