// A step of an optimizer: what becomes of the gradients before and after `update_step`.
#include <algorithm>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/log.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/rows.hpp>
#include <nyala/models/optimizers/optimizer.hpp>

namespace nyala::optimizers {

struct OptimizerBase::Update {
  Variable variable;
  std::size_t index = 0;                 // among those that the optimizer was built on
  Tensor gradient = {};                  // of the rows alone, where there are some
  IndexedSlices gathered = {};           // what the gradient is a sum of, if anything
  std::unique_ptr<TableRows> rows = {};  // null for a gradient of the whole variable
};

void OptimizerBase::check_gradients(const std::vector<IndexedSlices>& gradients,
                                    const std::vector<Variable>& variables) const {
  if (gradients.size() != variables.size()) {
    throw ValueError(class_name() + ": received " + std::to_string(gradients.size()) +
                     " gradients for " + std::to_string(variables.size()) + " variables");
  }
  expect_defined(variables, class_name());
  bool has_any = false;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (built_) index_of(variables[i]);
    if (!gradients[i].values.defined()) continue;
    has_any = true;
    const Shape& shape =
        gradients[i].is_indexed() ? gradients[i].dense_shape : gradients[i].values.shape();
    if (shape != variables[i].shape()) {
      throw ShapeError(class_name() + ": received a gradient of shape " + shape.str() +
                       " for variable \"" + variables[i].path() + "\" of shape " +
                       variables[i].shape().str());
    }
  }
  if (!has_any) throw ValueError(class_name() + ": received no gradient for any variable");
}

OptimizerBase::Updates OptimizerBase::make_updates(const std::vector<IndexedSlices>& gradients,
                                                   const std::vector<Variable>& variables) {
  check_gradients(gradients, variables);
  Updates updates;
  std::string missing;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (gradients[i].values.defined())
      updates.push_back(
          make_update(gradients[i], variables[i], built_ ? index_of(variables[i]) : i));
    else
      missing += (missing.empty() ? "" : ", ") + variables[i].path();
  }
  if (!missing.empty() && !std::exchange(warned_, true))
    log_warning(class_name() + ": there is no gradient for " + missing);
  return updates;
}

// Rows stay rows where that is asked for, or makes no difference and is less work.
OptimizerBase::Update OptimizerBase::make_update(const IndexedSlices& gradient,
                                                 const Variable& variable,
                                                 std::size_t index) const {
  IndexedSlices from = gradient;
  from.values = ops::cast(from.values, variable.dtype());
  if (options_.loss_scale_factor) from.values = from.values / *options_.loss_scale_factor;
  const bool is_lazy = from.is_indexed() && options_.lazy;
  const bool is_apart = from.is_indexed() && !is_lazy && !options_.gradient_accumulation_steps;
  if (is_apart && clips_values())
    from.values = ops::clip(from.values, -*options_.clipvalue, *options_.clipvalue);
  Update update{.variable = variable, .index = index};
  const bool few = from.is_indexed() && from.indices.shape()[0] < variable.shape()[0];
  if (is_lazy || (few && updates_rows())) {
    const auto [rows, places] = ops::unique_rows(from.indices, variable.shape()[0]);
    from.indices = places;
    from.dense_shape = variable.shape();
    from.dense_shape[0] = rows.shape()[0];
    update.rows = std::make_unique<TableRows>(rows);
  }
  update.gradient = from.to_dense();
  if (is_apart) update.gathered = from;
  return update;
}

bool OptimizerBase::updates_rows() const {
  // Norms that are not finite reach all rows.
  return options_.lazy ||
         (keeps_idle_rows() && !options_.weight_decay && !options_.gradient_accumulation_steps &&
          !options_.clipnorm && !options_.global_clipnorm);
}

void OptimizerBase::apply_gradients(
    const std::vector<std::pair<Tensor, Variable>>& gradients_and_variables) {
  std::vector<Tensor> gradients;
  std::vector<Variable> variables;
  for (const auto& [gradient, variable] : gradients_and_variables) {
    gradients.push_back(gradient);
    variables.push_back(variable);
  }
  apply(gradients, variables);
}

void OptimizerBase::apply(const std::vector<Tensor>& gradients,
                          const std::vector<Variable>& variables) {
  std::vector<IndexedSlices> whole;
  for (const Tensor& gradient : gradients) whole.push_back({gradient, {}, {}});
  apply_indexed(whole, variables);
}

void OptimizerBase::apply_indexed(const std::vector<IndexedSlices>& gradients,
                                  const std::vector<Variable>& variables) {
  if (gradients.empty()) return;
  if (variables.empty() && !built_) {
    throw ValueError(class_name() +
                     ": received gradients without variables, and it is not built on any");
  }
  const auto pause = GradientTape::stop_recording();
  Updates updates = make_updates(gradients, variables.empty() ? targets_ : variables);
  build(variables);
  const Tensor condition = options_.gradient_accumulation_steps ? accumulate(updates) : Tensor();
  clip(updates);
  OptimizerStep step(update_count(), learning_rate(), condition);
  update(updates, step);
  if (options_.use_ema) update_averages();
  for (const Update& update : updates) {
    const Variable& variable = update.variable;
    if (const auto& constraint = variable.constraint()) variable.assign(constraint(variable));
  }
  iterations_.assign(iterations_.value() + 1);
}

// Adds the gradients to those gathered. In the step that counts they become the mean and the sums
// start anew; in the others the assignments that follow keep what was there. Returns whether the
// step counts.
Tensor OptimizerBase::accumulate(Updates& updates) {
  const int steps = *options_.gradient_accumulation_steps;
  Tensor counts = ops::equal((iterations_.value() + 1) % steps, 0);
  std::vector<Tensor> sums;
  for (const Variable& accumulator : accumulators_) sums.push_back(accumulator);
  for (Update& update : updates) {
    Tensor& sum = sums[update.index];
    sum = update.gradient + sum;
    update.gradient = sum / steps;
  }
  for (std::size_t i = 0; i < sums.size(); ++i)
    accumulators_[i].assign(ops::where(counts, ops::zeros_like(sums[i]), sums[i]));
  return counts;
}

void OptimizerBase::update(Updates& updates, OptimizerStep& step) {
  for (const Update& update : updates) decay(step, update);
  begin_step(step);
  for (const Update& update : updates) {
    const bool is_gathered = update.gathered.is_indexed() && !adds_rows_first_;
    update_step(step.in(update.variable.dtype()),
                {step,
                 update.variable,
                 update.index,
                 update.gradient,
                 is_gathered ? &update.gathered : nullptr,
                 update.rows.get()});
  }
  for (const Update& update : updates) {
    if (update.rows != nullptr) update.rows->store();
  }
}

bool OptimizerBase::clips_values() const {
  const auto is_on = [](const std::optional<double>& most) { return most && *most > 0; };
  return is_on(options_.clipvalue) && !is_on(options_.clipnorm) && !is_on(options_.global_clipnorm);
}

// Norms are those of gathered rows before they are added up, as in Keras on TensorFlow.
void OptimizerBase::clip(Updates& updates) const {
  const auto square_sum = [](Update& update) {
    const IndexedSlices gathered = std::exchange(update.gathered, {});
    return ops::sum(ops::square(gathered.is_indexed() ? gathered.values : update.gradient));
  };
  if (options_.clipnorm && *options_.clipnorm > 0) {
    const double most = *options_.clipnorm;
    for (Update& update : updates) {
      const Tensor norm = ops::sqrt(square_sum(update));
      update.gradient = update.gradient * most / ops::maximum(norm, most);
    }
  } else if (options_.global_clipnorm && *options_.global_clipnorm > 0) {
    const double most = *options_.global_clipnorm;
    Tensor square;
    for (Update& update : updates) {
      const Tensor own = square_sum(update);
      square = square.defined() ? square + own : own;
    }
    const Tensor norm = ops::sqrt(square);
    // norm - norm is 0, and not a number for a norm that is infinite or none: so are all then.
    const Tensor scale = ops::minimum(1.0 / norm, 1.0 / most) * most + (norm - norm);
    for (Update& update : updates)
      update.gradient = update.gradient * ops::cast(scale, update.gradient.dtype());
  } else if (clips_values()) {
    for (Update& update : updates) {
      if (update.gathered.is_indexed()) continue;  // each row was
      update.gradient = ops::clip(update.gradient, -*options_.clipvalue, *options_.clipvalue);
    }
  }
}

bool OptimizerBase::decays(const Variable& variable) const {
  if (contains(not_decayed_, variable)) return false;
  return std::none_of(not_decayed_names_.begin(), not_decayed_names_.end(), [&](const auto& part) {
    return variable.name().find(part) != std::string::npos;
  });
}

void OptimizerBase::decay(OptimizerStep& step, const Update& update) const {
  const std::optional<double> share = weight_decay_of(update.variable);
  if (!share || !decays(update.variable)) return;
  const VariableView variable(step, update.variable, update.rows.get());
  const Tensor value = variable;
  variable.assign(value - value * *share * step.in(variable.dtype()).learning_rate());
}

void OptimizerBase::update_averages() {
  const Tensor count = update_count();
  Tensor overwrite;
  if (options_.ema_overwrite_frequency)
    overwrite = ops::equal((count + 1) % *options_.ema_overwrite_frequency, 0);
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const Tensor value = targets_[i];
    // The first average is the value itself.
    const Tensor momentum =
        ops::cast(ops::not_equal(count, 0), value.dtype()) * options_.ema_momentum;
    const Tensor average = momentum * averages_[i].value() + (1 - momentum) * value;
    averages_[i].assign(average);
    if (overwrite.defined()) targets_[i].assign(ops::where(overwrite, average, value));
  }
}

Tensor OptimizerBase::update_count() const {
  Tensor calls = iterations_;
  if (!options_.gradient_accumulation_steps) return calls;
  return ops::floor_divide(calls, *options_.gradient_accumulation_steps);
}

}  // namespace nyala::optimizers
