#include <nyala/models/optimizers/optimizer.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/autograd/init_scope.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/layers/naming.hpp>

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

std::string detail::optimizer_name(const char* class_name) { return unique_name(class_name); }

void OptimizerBase::start(std::string name,
                          const LearningRate& rate,
                          const OptimizerOptions& options) {
  name_ = std::move(name);
  options_ = options;
  const int clips = options.clipnorm.has_value() + options.clipvalue.has_value() +
                    options.global_clipnorm.has_value();
  if (clips > 1) {
    throw ValueError(class_name() + ": received " + std::to_string(clips) +
                     " of clipnorm, clipvalue and global_clipnorm, expected one at most");
  }
  if (options.lazy && options.gradient_accumulation_steps) {
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
    if (options_.use_ema) averages_ = add_slot(variables, "average");
    if (options_.gradient_accumulation_steps)
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

// ---- the loss, the end ----

Tensor OptimizerBase::scale_loss(const Tensor& loss) const {
  return options_.loss_scale_factor ? loss * *options_.loss_scale_factor : loss;
}

void OptimizerBase::finalize_variable_values(const std::vector<Variable>& variables) const {
  if (!options_.use_ema) return;
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
