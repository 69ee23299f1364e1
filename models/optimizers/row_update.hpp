#pragma once
/// A step of an optimizer on some rows of a table. Not part of the public API.
#include <utility>
#include <vector>

#include <nyala/autograd/variable.hpp>

namespace nyala::optimizers {

/// Lets code that is written for whole variables work on a few rows: within `run`, the table and
/// its slots are read as these rows, and what is assigned to them is kept until `store`.
class RowUpdate final : public nyala::detail::VariableListener {
 public:
  /// `rows` as `ops::unique_rows` gives them. `slots` must outlive it: those of them that have the
  /// table's shape are taken for the table's own.
  RowUpdate(Variable table, const std::vector<Variable>& slots, Tensor rows)
      : table_(std::move(table)), slots_(slots), rows_(std::move(rows)) {}

  template <class F>
  void run(F&& f) {
    outer_ = nyala::detail::variable_listener();
    const Scope scope(this);
    f();
  }
  /// Writes the rows that were assigned.
  void store();

  Tensor on_read(const Variable& variable) override;
  void on_assign(const Variable& variable, const Tensor& value) override;
  Shape shape_of(const Variable& variable) override;

 private:
  class Scope {
   public:
    explicit Scope(VariableListener* listener)
        : saved_(std::exchange(nyala::detail::variable_listener(), listener)) {}
    ~Scope() { nyala::detail::variable_listener() = saved_; }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    VariableListener* saved_;
  };
  struct Part {
    Variable variable;
    Tensor values;
    bool is_assigned = false;
  };

  bool has_rows(const Variable& variable) const;
  Part& part(const Variable& variable);

  Variable table_;
  const std::vector<Variable>& slots_;
  Tensor rows_;
  std::vector<Part> parts_;
  VariableListener* outer_ = nullptr;
};

}  // namespace nyala::optimizers
