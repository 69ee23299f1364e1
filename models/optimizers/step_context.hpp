#pragma once
/// What an optimizer's update works with: the step as a whole, and one variable's part of it.
#include <cstddef>
#include <list>
#include <utility>
#include <vector>

#include <nyala/autograd/variable.hpp>

#pragma GCC visibility push(default)

namespace nyala {
struct IndexedSlices;
namespace optimizers {

/// One step in numbers of one dtype: that of the variables that it updates.
class StepContext {
 public:
  StepContext(DType dtype, Tensor steps_before, Tensor learning_rate)
      : dtype_(dtype),
        steps_before_(std::move(steps_before)),
        learning_rate_(std::move(learning_rate)) {}

  DType dtype() const { return dtype_; }
  /// The number of this step, from 1.
  Tensor number();
  Tensor learning_rate();
  /// What `f` gives, computed once a step for each `key`: a number from 0 on of the optimizer's
  /// own.
  template <class F>
  Tensor once(int key, F&& f) {
    for (const auto& [known, value] : computed_) {
      if (known == key) return value;
    }
    Tensor value = f();
    computed_.emplace_back(key, value);
    return value;
  }

 private:
  DType dtype_;
  Tensor steps_before_;
  Tensor learning_rate_;
  std::vector<std::pair<int, Tensor>> computed_;
};

/// One step of all variables.
class OptimizerStep {
 public:
  /// What `update_step` assigns has an effect only where `condition` holds, a boolean scalar;
  /// always without one.
  OptimizerStep(Tensor steps_before, Tensor learning_rate, Tensor condition = {})
      : steps_before_(std::move(steps_before)),
        learning_rate_(std::move(learning_rate)),
        condition_(std::move(condition)) {}

  StepContext& in(DType dtype);
  void assign(const Variable& variable, const Tensor& value) const;

 private:
  Tensor steps_before_;
  Tensor learning_rate_;
  Tensor condition_;
  std::list<StepContext> contexts_;  // one for each dtype
};

/// The rows of a table, and of its slots, that have a gradient: read once, written back at the end.
class TableRows {
 public:
  /// `rows` as `ops::unique_rows` gives them.
  explicit TableRows(Tensor rows) : rows_(std::move(rows)) {}

  const Tensor& values(const Variable& variable) { return part(variable).values; }
  void set(const Variable& variable, const Tensor& values);
  /// Writes the rows that were set.
  void store();

 private:
  struct Part {
    Variable variable;
    Tensor values;
    bool is_set = false;
  };
  Part& part(const Variable& variable);

  Tensor rows_;
  std::vector<Part> parts_;
};

/// A variable or a slot of it as an update sees it: all of it, or the rows that have a gradient.
class VariableView {
 public:
  VariableView(const OptimizerStep& step, const Variable& variable, TableRows* rows)
      : step_(step), variable_(variable), rows_(rows) {}

  DType dtype() const { return variable_.dtype(); }
  Tensor value() const;
  operator Tensor() const { return value(); }
  void assign(const Tensor& value) const;
  void assign_add(const Tensor& delta) const { assign(value() + delta); }
  void assign_sub(const Tensor& delta) const { assign(value() - delta); }

 private:
  const OptimizerStep& step_;
  const Variable& variable_;
  TableRows* rows_;  // null for all of it
};

/// One variable's part of a step.
class VariableUpdate {
 public:
  /// `index` is the variable's place among those that the optimizer was built on. `gathered` is
  /// what the gradient is a sum of, null for nothing; `rows` is null for a gradient of the whole
  /// variable.
  VariableUpdate(const OptimizerStep& step,
                 const Variable& target,
                 std::size_t index,
                 const Tensor& gradient,
                 const IndexedSlices* gathered,
                 TableRows* rows)
      : step_(step),
        target_(target),
        index_(index),
        gradient_(gradient),
        gathered_(gathered),
        rows_(rows) {}

  VariableView variable() const { return {step_, target_, rows_}; }
  /// Of the shape and dtype of `variable()`.
  const Tensor& gradient() const { return gradient_; }
  std::size_t index() const { return index_; }
  /// This variable's of `slots`, one for each variable: all of it, or the rows of `variable()`.
  VariableView slot(const std::vector<Variable>& slots) const { return view(slots.at(index_)); }
  /// The same for one slot; of another shape than the variable's, all of it.
  VariableView view(const Variable& slot) const;
  /// Whether the gradient is a sum of gathered rows.
  bool is_gathered() const { return gathered_ != nullptr; }
  /// f of the gradient (`ops::square`). Where rows were gathered more than once it is the sum of f
  /// of each, not f of the sum: Keras on TensorFlow has it so.
  Tensor map_gradient(Tensor (*f)(const Tensor&)) const;

 private:
  const OptimizerStep& step_;
  const Variable& target_;
  std::size_t index_;
  const Tensor& gradient_;
  const IndexedSlices* gathered_;
  TableRows* rows_;
};

}  // namespace optimizers
}  // namespace nyala

#pragma GCC visibility pop
