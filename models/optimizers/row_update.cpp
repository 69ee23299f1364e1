#include <nyala/models/optimizers/row_update.hpp>

#include <algorithm>

#include <nyala/core/ops/rows.hpp>

namespace nyala::optimizers {

bool RowUpdate::has_rows(const Variable& variable) const {
  return variable.is(table_) || (variable.shape() == table_.shape() && contains(slots_, variable));
}

RowUpdate::Part& RowUpdate::part(const Variable& variable) {
  const auto found = std::find_if(
      parts_.begin(), parts_.end(), [&](const Part& part) { return part.variable.is(variable); });
  if (found != parts_.end()) return *found;
  const Scope outside(outer_);
  parts_.push_back({variable, ops::take_rows(variable, rows_)});
  return parts_.back();
}

Tensor RowUpdate::on_read(const Variable& variable) {
  if (has_rows(variable)) return part(variable).values;
  const Scope outside(outer_);
  return variable.value();
}

void RowUpdate::on_assign(const Variable& variable, const Tensor& value) {
  if (has_rows(variable)) {
    Part& rows = part(variable);
    rows.values = value;
    rows.is_assigned = true;
    return;
  }
  const Scope outside(outer_);
  variable.assign(value);
}

Shape RowUpdate::shape_of(const Variable& variable) {
  Shape shape = variable.shape();
  if (has_rows(variable)) shape[0] = rows_.shape()[0];
  return shape;
}

void RowUpdate::store() {
  for (const Part& part : parts_) {
    if (part.is_assigned) nyala::detail::assign_rows(part.variable, rows_, part.values);
  }
  parts_.clear();
}

}  // namespace nyala::optimizers
