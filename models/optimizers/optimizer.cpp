#include <nyala/autograd/init_scope.hpp>
#include <nyala/models/optimizers/optimizer.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/log.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/core/ops/rows.hpp>
#include <nyala/layers/naming.hpp>
#include <nyala/models/optimizers/row_update.hpp>

namespace nyala {
namespace optimizers {
namespace {

void check_rate(const std::string& who, double rate) {
  if (std::isfinite(rate) && rate >= 0) return;
  throw ValueError(who + ": received learning_rate = " + std::to_string(rate) +
                   ", expected a finite number from 0 on");
}

Variable state(const std::string& scope, const std::string& name, const Tensor& value) {
  Variable variable(value, {.trainable = false, .name = name});
  variable.set_path(scope + "/" + name);
  return variable;
}

}  // namespace

namespace detail {

std::string optimizer_name(const char* class_name) { return unique_name(class_name); }

Config without_old_keys(Config config) {
  if (!config.is_dict()) return config;
  if (const Config* decay = config.find("decay");
      decay != nullptr && decay->is_number() && decay->as_double() != 0)
    log_warning("an optimizer's option \"decay\" is no longer supported and is ignored");
  for (const char* key : {"decay", "jit_compile", "is_legacy_optimizer"}) config.erase(key);
  return config;
}

}  // namespace detail

void OptimizerBase::start(std::string name, const LearningRate& rate, Common common) {
  name_ = std::move(name);
  common_ = common;
  const int clips = common.clipnorm.has_value() + common.clipvalue.has_value() +
                    common.global_clipnorm.has_value();
  if (clips > 1) {
    throw ValueError(class_name() + ": received " + std::to_string(clips) +
                     " of clipnorm, clipvalue and global_clipnorm, expected one at most");
  }
  if (common.lazy && common.gradient_accumulation_steps) {
    throw ValueError(class_name() +
                     ": received lazy and gradient_accumulation_steps, expected one at most");
  }
  if (!rate.schedule) check_rate(class_name(), rate.value);
  iterations_ = state(name_, "iteration", Tensor::scalar(0, DType::int64));
  schedule_ = rate.schedule;
  if (!schedule_)
    learning_rate_ = state(name_, "learning_rate", Tensor::scalar(rate.value, floatx()));
}

Config OptimizerBase::learning_rate_config() const {
  if (schedule_) return serialize_object(schedule_.get());
  return nyala::detail::concrete_value(learning_rate_).item<double>();
}

Tensor OptimizerBase::learning_rate() const {
  return schedule_ ? (*schedule_)(iterations_) : learning_rate_.value();
}

void OptimizerBase::set_learning_rate(const LearningRate& rate) {
  if (rate.schedule) {
    schedule_ = rate.schedule;
    learning_rate_ = Variable();
    return;
  }
  check_rate(class_name(), rate.value);
  if (schedule_) {
    throw TypeError(class_name() +
                    ": received a number as learning rate, but it was made with a schedule");
  }
  learning_rate_.assign(Tensor::scalar(rate.value, learning_rate_.dtype()));
}

std::vector<Variable> OptimizerBase::variables() const {
  std::vector<Variable> all{iterations_};
  if (!schedule_) all.push_back(learning_rate_);
  all.insert(all.end(), own_.begin(), own_.end());
  return all;
}

void OptimizerBase::set_weights(const std::vector<Tensor>& weights) const {
  const std::vector<Variable> all = variables();
  if (weights.size() != all.size()) {
    throw ValueError(class_name() + ": received " + std::to_string(weights.size()) +
                     " weights, expected " + std::to_string(all.size()) +
                     (built_ ? "" : "; it is not built yet"));
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (weights[i].shape() == all[i].shape()) continue;
    throw ShapeError(class_name() + ": received shape " + weights[i].shape().str() +
                     " for variable \"" + all[i].path() + "\" of shape " + all[i].shape().str());
  }
  for (std::size_t i = 0; i < all.size(); ++i) all[i].assign(weights[i]);
}

// ---- building ----

std::vector<std::vector<Variable>> OptimizerBase::add_slots(const std::vector<Variable>& variables,
                                                            const std::vector<Slot>& slots) {
  std::vector<std::vector<Variable>> lists(slots.size());
  for (const Variable& variable : variables) {
    std::string prefix = variable.path();
    std::replace(prefix.begin(), prefix.end(), '/', '_');
    for (std::size_t i = 0; i < slots.size(); ++i) {
      const Tensor value = ops::full(variable.shape(), slots[i].start, {variable.dtype()});
      const Variable slot = state(name_, prefix + "_" + slots[i].name, value);
      own_.push_back(slot);
      lists[i].push_back(slot);
    }
  }
  return lists;
}

Variable OptimizerBase::add_state(const std::string& name, const Tensor& value) {
  own_.push_back(state(name_, name, value));
  return own_.back();
}

std::vector<Variable> OptimizerBase::add_slot(const std::vector<Variable>& variables,
                                              const char* name,
                                              double start) {
  return add_slots(variables, {{name, start}})[0];
}

void OptimizerBase::build(const std::vector<Variable>& variables) {
  if (built_) return;
  expect_defined(variables, class_name());
  const nyala::detail::InitScope scope;  // the first step may be inside a traced function
  const std::size_t own = own_.size();
  try {
    if (common_.use_ema) averages_ = add_slot(variables, "average");
    if (common_.gradient_accumulation_steps)
      accumulators_ = add_slot(variables, "gradient_accumulator");
    build_slots(variables);
  } catch (...) {
    own_.resize(own);
    throw;
  }
  targets_ = variables;
  for (std::size_t i = 0; i < targets_.size(); ++i) target_index_.emplace(targets_[i].id(), i);
  built_ = true;
}

void OptimizerBase::exclude_from_weight_decay(const std::vector<Variable>& variables,
                                              const std::vector<std::string>& names) {
  if (built_)
    throw StateError(class_name() +
                     ": exclude_from_weight_decay comes before the optimizer is built");
  not_decayed_ = variables;
  not_decayed_names_ = names;
}

// ---- a step ----

void OptimizerBase::expect_defined(const std::vector<Variable>& variables, const std::string& who) {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!variables[i].defined())
      throw ValueError(who + ": variable " + std::to_string(i) + " of " +
                       std::to_string(variables.size()) + " is an empty one");
  }
}

std::size_t OptimizerBase::index_of(const Variable& variable) const {
  const auto found = target_index_.find(variable.id());
  if (found != target_index_.end()) return found->second;
  throw ValueError(class_name() + ": received the unknown variable \"" + variable.path() +
                   "\"; an optimizer takes the variables that it was built on, a new one others");
}

OptimizerBase::Updates OptimizerBase::checked_updates(const std::vector<IndexedSlices>& gradients,
                                                      const std::vector<Variable>& variables) {
  if (gradients.size() != variables.size()) {
    throw ValueError(class_name() + ": received " + std::to_string(gradients.size()) +
                     " gradients for " + std::to_string(variables.size()) + " variables");
  }
  expect_defined(variables, class_name());
  Updates updates;
  std::string missing;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const std::size_t index = built_ ? index_of(variables[i]) : i;
    if (!gradients[i].values.defined()) {
      missing += (missing.empty() ? "" : ", ") + variables[i].path();
      continue;
    }
    const Shape& shape =
        gradients[i].is_indexed() ? gradients[i].dense_shape : gradients[i].values.shape();
    if (shape != variables[i].shape()) {
      throw ShapeError(class_name() + ": received a gradient of shape " + shape.str() +
                       " for variable \"" + variables[i].path() + "\" of shape " +
                       variables[i].shape().str());
    }
    add_update(updates, gradients[i], variables[i]);
    updates.variables.push_back(variables[i]);
    updates.indices.push_back(index);
  }
  if (updates.gradients.empty())
    throw ValueError(class_name() + ": received no gradient for any variable");
  if (!missing.empty() && !std::exchange(warned_, true))
    log_warning(class_name() + ": there is no gradient for " + missing);
  return updates;
}

// Rows stay rows where that is asked for, or makes no difference and is less work.
void OptimizerBase::add_update(Updates& updates,
                               const IndexedSlices& gradient,
                               const Variable& variable) {
  IndexedSlices from = gradient;
  from.values = ops::cast(from.values, variable.dtype());
  if (common_.loss_scale_factor) from.values = from.values / *common_.loss_scale_factor;
  const bool is_lazy = from.is_indexed() && common_.lazy;
  const bool is_apart = from.is_indexed() && !is_lazy && !common_.gradient_accumulation_steps;
  if (is_apart && clips_values())
    from.values = ops::clip(from.values, -*common_.clipvalue, *common_.clipvalue);
  std::unique_ptr<RowUpdate> update;
  const bool few = from.is_indexed() && from.indices.shape()[0] < variable.shape()[0];
  if (is_lazy || (few && updates_rows())) {
    const auto [rows, places] = ops::unique_rows(from.indices, variable.shape()[0]);
    from.indices = places;
    from.dense_shape = variable.shape();
    from.dense_shape[0] = rows.shape()[0];
    update = std::make_unique<RowUpdate>(variable, own_, rows);
  }
  updates.gradients.push_back(from.to_dense());
  updates.rows.push_back(std::move(update));
  updates.gathered.push_back(is_apart ? from : IndexedSlices());
}

bool OptimizerBase::updates_rows() const {
  // Norms that are not finite reach all rows.
  return common_.lazy ||
         (keeps_idle_rows() && !common_.weight_decay && !common_.gradient_accumulation_steps &&
          !common_.clipnorm && !common_.global_clipnorm);
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
  Updates updates = checked_updates(gradients, variables.empty() ? targets_ : variables);
  build(variables);
  computed_.clear();
  condition_ = Tensor();
  gathered_ = nullptr;
  if (common_.gradient_accumulation_steps) accumulate(updates);
  update(updates);
  condition_ = Tensor();
  computed_.clear();
  if (common_.use_ema) update_averages();
  for (const Variable& variable : updates.variables) {
    if (const auto& constraint = variable.constraint()) variable.assign(constraint(variable));
  }
  iterations_.assign(iterations_.value() + 1);
}

// Adds the gradients to those gathered. In the step that counts they become the mean and the sums
// start anew; in the others the assignments that follow keep what was there.
void OptimizerBase::accumulate(Updates& updates) {
  const int steps = *common_.gradient_accumulation_steps;
  condition_ = ops::equal((iterations_.value() + 1) % steps, 0);
  std::vector<Tensor> sums;
  for (const Variable& accumulator : accumulators_) sums.push_back(accumulator);
  for (std::size_t i = 0; i < updates.gradients.size(); ++i) {
    Tensor& sum = sums[updates.indices[i]];
    sum = updates.gradients[i] + sum;
    updates.gradients[i] = sum / steps;
  }
  for (std::size_t i = 0; i < sums.size(); ++i)
    accumulators_[i].assign(ops::where(condition_, ops::zeros_like(sums[i]), sums[i]));
}

void OptimizerBase::update(Updates& updates) {
  clip(updates);
  const Tensor rate = learning_rate();
  const auto for_each = [&](auto&& f) {
    for (std::size_t i = 0; i < updates.variables.size(); ++i) {
      if (updates.rows[i] != nullptr)
        updates.rows[i]->run([&] { f(i); });
      else
        f(i);
    }
  };
  for_each([&](std::size_t i) {
    const Variable& variable = updates.variables[i];
    if (const auto share = weight_decay_of(variable)) decay(variable, *share, rate);
  });
  begin_step();
  constexpr int rate_key = -1;
  for_each([&](std::size_t i) {
    const DType dtype = updates.variables[i].dtype();
    const Tensor own_rate = once(rate_key, dtype, [&] { return ops::cast(rate, dtype); });
    const IndexedSlices& gathered = updates.gathered[i];
    gathered_ = gathered.is_indexed() && !adds_rows_first_ ? &gathered : nullptr;
    update_step(updates.gradients[i], updates.variables[i], own_rate, updates.indices[i]);
    gathered_ = nullptr;
  });
  for (const auto& rows : updates.rows) {
    if (rows != nullptr) rows->store();
  }
}

Tensor OptimizerBase::map_gradient(const Tensor& gradient, Tensor (*f)(const Tensor&)) const {
  if (!is_gathered()) return f(gradient);
  return IndexedSlices{f(gathered_->values), gathered_->indices, gathered_->dense_shape}.to_dense();
}

bool OptimizerBase::clips_values() const {
  const auto is_on = [](const std::optional<double>& most) { return most && *most > 0; };
  return is_on(common_.clipvalue) && !is_on(common_.clipnorm) && !is_on(common_.global_clipnorm);
}

// Norms are those of gathered rows before they are added up, as in Keras on TensorFlow.
void OptimizerBase::clip(Updates& updates) const {
  std::vector<Tensor>& gradients = updates.gradients;
  const auto square_sum = [&](std::size_t i) {
    IndexedSlices& gathered = updates.gathered[i];
    const Tensor sum =
        ops::sum(ops::square(gathered.is_indexed() ? gathered.values : gradients[i]));
    gathered = IndexedSlices();
    return sum;
  };
  if (common_.clipnorm && *common_.clipnorm > 0) {
    const double most = *common_.clipnorm;
    for (std::size_t i = 0; i < gradients.size(); ++i)
      gradients[i] = gradients[i] * most / ops::maximum(ops::sqrt(square_sum(i)), most);
  } else if (common_.global_clipnorm && *common_.global_clipnorm > 0) {
    const double most = *common_.global_clipnorm;
    Tensor square;
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      const Tensor own = square_sum(i);
      square = square.defined() ? square + own : own;
    }
    const Tensor norm = ops::sqrt(square);
    // norm - norm is 0, and not a number for a norm that is infinite or none: so are all then.
    const Tensor scale = ops::minimum(1.0 / norm, 1.0 / most) * most + (norm - norm);
    for (Tensor& g : gradients) g = g * ops::cast(scale, g.dtype());
  } else if (clips_values()) {
    for (std::size_t i = 0; i < gradients.size(); ++i) {
      if (updates.gathered[i].is_indexed()) continue;  // each row was
      gradients[i] = ops::clip(gradients[i], -*common_.clipvalue, *common_.clipvalue);
    }
  }
}

bool OptimizerBase::decays(const Variable& variable) const {
  if (contains(not_decayed_, variable)) return false;
  return std::none_of(not_decayed_names_.begin(), not_decayed_names_.end(), [&](const auto& part) {
    return variable.name().find(part) != std::string::npos;
  });
}

void OptimizerBase::decay(const Variable& variable, double share, const Tensor& rate) const {
  if (!decays(variable)) return;
  const Tensor value = variable;
  assign(variable, value - value * share * ops::cast(rate, variable.dtype()));
}

void OptimizerBase::update_averages() {
  const Tensor count = update_count();
  Tensor overwrite;
  if (common_.ema_overwrite_frequency)
    overwrite = ops::equal((count + 1) % *common_.ema_overwrite_frequency, 0);
  for (std::size_t i = 0; i < targets_.size(); ++i) {
    const Tensor value = targets_[i];
    // The first average is the value itself.
    const Tensor momentum =
        ops::cast(ops::not_equal(count, 0), value.dtype()) * common_.ema_momentum;
    const Tensor average = momentum * averages_[i].value() + (1 - momentum) * value;
    averages_[i].assign(average);
    if (overwrite.defined()) targets_[i].assign(ops::where(overwrite, average, value));
  }
}

Tensor OptimizerBase::update_count() const {
  Tensor calls = iterations_;
  if (!common_.gradient_accumulation_steps) return calls;
  return ops::floor_divide(calls, *common_.gradient_accumulation_steps);
}

Tensor OptimizerBase::step_number(DType dtype) {
  constexpr int step_key = -2;
  return once(step_key, dtype, [&] { return ops::cast(update_count() + 1, dtype); });
}

void OptimizerBase::assign(const Variable& variable, const Tensor& value) const {
  variable.assign(condition_.defined() ? ops::where(condition_, value, variable.value()) : value);
}
void OptimizerBase::assign_add(const Variable& variable, const Tensor& delta) const {
  assign(variable, variable.value() + delta);
}
void OptimizerBase::assign_sub(const Variable& variable, const Tensor& delta) const {
  assign(variable, variable.value() - delta);
}

// ---- the loss, the end ----

Tensor OptimizerBase::scale_loss(const Tensor& loss) const {
  return common_.loss_scale_factor ? loss * *common_.loss_scale_factor : loss;
}

void OptimizerBase::finalize_variable_values(const std::vector<Variable>& variables) const {
  if (!common_.use_ema) return;
  std::vector<std::size_t> indices;
  for (const Variable& variable : variables) indices.push_back(index_of(variable));
  for (std::size_t i = 0; i < variables.size(); ++i)
    variables[i].assign(averages_[indices[i]].value());
}

}  // namespace optimizers

Config ConfigCodec<optimizers::LearningRate>::to(const optimizers::LearningRate& rate) {
  if (rate.schedule) return serialize_object(rate.schedule.get());
  return static_cast<double>(static_cast<float>(rate.value));
}

optimizers::LearningRate ConfigCodec<optimizers::LearningRate>::from(const Config& config) {
  if (!config.is_dict()) return config.as_double();
  using optimizers::schedules::Schedule, optimizers::schedules::ScheduleBase;
  return Schedule(ScheduleBase::registry().from_config(config));
}

}  // namespace nyala
