#include <nyala/models/optimizers/step_context.hpp>

#include <algorithm>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/rows.hpp>

namespace nyala::optimizers {
namespace {

// Keys of StepContext::once beside those of optimizers.
constexpr int kNumber = -1, kLearningRate = -2;

}  // namespace

Tensor StepContext::number() {
  return once(kNumber, [&] { return ops::cast(steps_before_ + 1, dtype_); });
}

Tensor StepContext::learning_rate() {
  return once(kLearningRate, [&] { return ops::cast(learning_rate_, dtype_); });
}

StepContext& OptimizerStep::in(DType dtype) {
  for (StepContext& context : contexts_) {
    if (context.dtype() == dtype) return context;
  }
  return contexts_.emplace_back(dtype, steps_before_, learning_rate_);
}

void OptimizerStep::assign(const Variable& variable, const Tensor& value) const {
  variable.assign(condition_.defined() ? ops::where(condition_, value, variable.value()) : value);
}

TableRows::Part& TableRows::part(const Variable& variable) {
  const auto found = std::find_if(
      parts_.begin(), parts_.end(), [&](const Part& part) { return part.variable.is(variable); });
  if (found != parts_.end()) return *found;
  parts_.push_back({variable, ops::take_rows(variable, rows_)});
  return parts_.back();
}

void TableRows::set(const Variable& variable, const Tensor& values) {
  Part& rows = part(variable);
  if (values.shape() != rows.values.shape()) {
    throw ShapeError("variable \"" + variable.name() + "\": rows of shape " +
                     rows.values.shape().str() + " were assigned values of shape " +
                     values.shape().str());
  }
  rows.values = ops::cast(values, variable.dtype());
  rows.is_set = true;
}

void TableRows::store() {
  for (const Part& part : parts_) {
    if (part.is_set) nyala::detail::assign_rows(part.variable, rows_, part.values);
  }
  parts_.clear();
}

Tensor VariableView::value() const {
  return rows_ != nullptr ? rows_->values(variable_) : variable_.value();
}

void VariableView::assign(const Tensor& value) const {
  if (rows_ != nullptr)
    rows_->set(variable_, value);
  else
    step_.assign(variable_, value);
}

VariableView VariableUpdate::view(const Variable& slot) const {
  return {step_, slot, slot.shape() == target_.shape() ? rows_ : nullptr};
}

Tensor VariableUpdate::map_gradient(Tensor (*f)(const Tensor&)) const {
  if (!is_gathered()) return f(gradient_);
  return IndexedSlices{f(gathered_->values), gathered_->indices, gathered_->dense_shape}.to_dense();
}

}  // namespace nyala::optimizers
