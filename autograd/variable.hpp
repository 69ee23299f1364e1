#pragma once
/// Variable: a tensor that changes over time. Weights are variables.
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nyala/core/ops.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct VariableArgs {
  std::optional<DTypeLike> dtype = {};
  bool trainable = true;
  std::string name = "variable";
  /// Whether a layer that computes in another dtype than it keeps its weights in reads it cast.
  bool autocast = true;
};

class Variable;
namespace detail {
/// The tensor that the variable holds; whoever changes it keeps shape and dtype, and marks it.
Tensor& stored_value(const Variable& variable);
}  // namespace detail

/// A handle to a value that can be assigned; copies of the handle share it. Used where a Tensor is
/// wanted it is its present value, which a later assignment does not change. Trainable variables
/// are watched by every GradientTape.
class Variable {
 public:
  /// No variable.
  Variable() = default;
  /// Starts with a copy of `value`.
  explicit Variable(const Tensor& value, const VariableArgs& args = {});
  template <class T>
  requires std::is_arithmetic_v<T>
  explicit Variable(T value, const VariableArgs& args = {})
      : Variable(Tensor::scalar(value,
                                std::is_same_v<T, double>     ? DType::float64
                                : std::is_floating_point_v<T> ? floatx()
                                                              : dtype_of<T>),
                 args) {}

  bool defined() const { return state_ != nullptr; }
  /// The present value; within a layer of a mixed policy cast to the layer's compute dtype.
  Tensor value() const;
  operator Tensor() const { return value(); }

  /// Replace, add to, or take from the value. The shape must be the same (ShapeError); another
  /// dtype is cast. Inside `function` they become part of the program.
  void assign(const Tensor& value) const;
  void assign_add(const Tensor& delta) const;
  void assign_sub(const Tensor& delta) const;

  const Shape& shape() const;
  DType dtype() const;
  int rank() const { return shape().rank(); }
  std::int64_t size() const { return shape().num_elements(); }
  const std::string& name() const;
  /// Its name below those of the layers around it: "tower/dense/kernel".
  const std::string& path() const;
  void set_path(std::string path) const;
  bool trainable() const;
  void set_trainable(bool trainable) const;
  /// What an optimizer makes of the value after each of its steps; none at first.
  const std::function<Tensor(const Tensor&)>& constraint() const;
  void set_constraint(std::function<Tensor(const Tensor&)> constraint) const;

  /// Tells variables apart: never 0, never given twice.
  std::uint64_t id() const;
  bool is(const Variable& other) const { return state_ == other.state_; }

  struct State;

 private:
  friend Tensor& detail::stored_value(const Variable& variable);
  Tensor uncast_value() const;
  std::shared_ptr<State> state_;
};

/// Whether `variable` is one of `all`.
bool contains(const std::vector<Variable>& all, const Variable& variable);

namespace detail {

/// Hears of variables read and assigned while a function is traced.
class VariableListener {
 public:
  virtual Tensor on_read(const Variable& variable) = 0;
  virtual void on_assign(const Variable& variable, const Tensor& value) = 0;

 protected:
  ~VariableListener() = default;
};
VariableListener*& variable_listener() noexcept;
/// While it lives, floating variables that this thread reads are cast to a dtype, or to none again.
class AutocastScope {
 public:
  explicit AutocastScope(std::optional<DType> dtype);
  ~AutocastScope();
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;

 private:
  std::optional<DType> outer_;
};
/// The value itself, whatever is being traced.
Tensor concrete_value(const Variable& variable);
/// Whether nobody else holds the tensor or its elements, so that they may be written over.
inline bool is_private(const Tensor& tensor) {
  const TensorImpl& impl = *tensor.impl();
  return impl.refs.unique() && impl.storage != nullptr && impl.storage->refs.unique();
}
/// Other values for some rows (as `ops::put_rows`); in place where that is private.
void assign_rows(const Variable& variable, const Tensor& rows, const Tensor& values);
/// Sets all elements to 0; in place where that is private.
void set_zero(const Variable& variable);
/// Goes up whenever a module gets or loses variables or modules, or something becomes trainable or
/// stops to be: what a compiled step of training depends on beside values.
std::uint64_t structure_version() noexcept;
void structure_changed() noexcept;
/// Marks a tensor as the value of a trainable variable, so that tapes watch it.
void mark_value(const Tensor& value, const Variable& variable);

}  // namespace detail
}  // namespace nyala

#pragma GCC visibility pop
