#include <nyala/models/training/compiled_loss.hpp>

#include <algorithm>

#include <nyala/core/ops.hpp>

namespace nyala {
namespace {

using LossOption = PerOutput<losses::Loss>;

void check_names(const LossOption& loss) {
  using Kind = LossOption::Kind;
  if (loss.kind() == Kind::text) losses::Loss(loss.text());
  for (const LossOption& item : loss.items()) check_names(item);
}

std::size_t count_leaves(const LossOption& loss) {
  if (loss.kind() != LossOption::Kind::list && loss.kind() != LossOption::Kind::dict)
    return loss.given() ? 1 : 0;
  std::size_t count = 0;
  for (const LossOption& item : loss.items()) count += count_leaves(item);
  return count;
}

}  // namespace

namespace detail {

std::string python_list(const std::vector<std::string>& names) {
  std::string text = "[";
  for (const std::string& name : names) text += (text.size() > 1 ? ", '" : "'") + name + "'";
  return text + "]";
}

}  // namespace detail

RunningMean::RunningMean(std::string name)
    : name_(std::move(name)),
      total_(ops::zeros({}), {.trainable = false, .name = "total"}),
      count_(ops::zeros({}), {.trainable = false, .name = "count"}) {}

void RunningMean::update(const Tensor& value, std::int64_t weight) const {
  const auto times = static_cast<double>(weight);
  total_.assign_add(ops::cast(value, total_.dtype()) * times);
  count_.assign_add(ops::full({}, times, {count_.dtype()}));
}

double RunningMean::result() const {
  return visit_stored(total_.dtype(), [&]<class Stored>() {
    using T = Computed<Stored>;
    const T count = *detail::stored_value(count_).data<Stored>();
    const T total = *detail::stored_value(total_).data<Stored>();
    const T mean = count == 0 ? T{0} : static_cast<T>(total / count);
    return static_cast<double>(mean);
  });
}

void RunningMean::reset() const {
  nyala::detail::set_zero(total_);
  nyala::detail::set_zero(count_);
}

CompiledLoss::CompiledLoss(const PerOutput<losses::Loss>& loss, const PerOutput<double>& weights)
    : loss_(loss.as_dict()), weights_(weights.as_dict()) {
  check_names(loss_);
  if (weights_.kind() == PerOutput<double>::Kind::text)
    throw ValueError("loss_weights is \"" + weights_.text() + "\", expected numbers");
}

void CompiledLoss::add(std::size_t output,
                       const std::string& output_name,
                       const PerOutput<losses::Loss>& loss) {
  Item item{output, {}, 1, false, output_name};
  switch (loss.kind()) {
    case LossOption::Kind::none: return;
    case LossOption::Kind::text: item.loss = losses::Loss(loss.text()); break;
    case LossOption::Kind::value:
      if (!loss.value().defined()) return;
      item.loss = loss.value();
      break;
    default: throw ValueError("loss: expected one loss for each output, received a list in a list");
  }
  if (item.name.empty()) item.name = item.loss->name();
  items_.push_back(std::move(item));
}

std::vector<double> CompiledLoss::flat_weights(const std::vector<std::string>& names) const {
  using Kind = PerOutput<double>::Kind;
  std::vector<double> flat;
  switch (weights_.kind()) {
    case Kind::value: return {weights_.value()};
    case Kind::dict:
      for (const std::string& name : names) {
        const auto& known = weights_.names();
        const auto found = std::find(known.begin(), known.end(), name);
        if (found == known.end()) {
          throw ValueError(
              "Expected keys " + detail::python_list(names) +
              " in loss_weights dict, but found loss_weights.keys()=" + detail::python_list(known));
        }
        flat.push_back(weights_.items()[static_cast<std::size_t>(found - known.begin())].value());
      }
      return flat;
    default:
      for (const auto& item : weights_.items()) {
        if (item.kind() != Kind::value)
          throw ValueError("loss_weights: expected one number for each loss");
        flat.push_back(item.value());
      }
      return flat;
  }
}

void CompiledLoss::resolve_dict(const std::vector<std::string>& names, bool outputs_are_dict) {
  const std::vector<std::string>& found = loss_.names();
  const auto is_output = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  const bool all_known = std::all_of(found.begin(), found.end(), is_output);
  if (!all_known || (!outputs_are_dict && found.size() != names.size())) {
    throw ValueError("Expected keys " + detail::python_list(names) +
                     " in loss dict, but found loss.keys()=" + detail::python_list(found));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto at = std::find(found.begin(), found.end(), names[i]);
    if (at == found.end()) continue;
    add(i, names[i], loss_.items()[static_cast<std::size_t>(at - found.begin())]);
  }
}

void CompiledLoss::resolve(const std::vector<std::string>& names,
                           std::size_t num_outputs,
                           bool outputs_are_dict) {
  if (resolved_ || !given()) return;
  items_.clear();
  const auto name_of_output = [&](std::size_t i) { return i < names.size() ? names[i] : ""; };
  if (loss_.kind() == LossOption::Kind::dict) {
    resolve_dict(names, outputs_are_dict);
  } else if (loss_.kind() == LossOption::Kind::list) {
    const std::size_t count = loss_.items().size();
    if (num_outputs > 1 && count != num_outputs) {
      throw ValueError("loss: received " + std::to_string(count) + " losses for " +
                       std::to_string(num_outputs) + " outputs");
    }
    for (std::size_t i = 0; i < count; ++i) {
      const std::size_t output = num_outputs == 1 ? 0 : i;
      // Several losses of one output bear their own names.
      add(output, num_outputs == 1 && count > 1 ? "" : name_of_output(output), loss_.items()[i]);
    }
  } else {
    for (std::size_t i = 0; i < num_outputs; ++i) add(i, name_of_output(i), loss_);
  }

  if (weights_.given()) {
    std::vector<std::string> losses;
    for (const Item& item : items_) losses.push_back(item.name);
    const bool some = loss_.kind() == LossOption::Kind::dict && outputs_are_dict;
    const std::vector<double> flat = flat_weights(some ? losses : names);
    const std::size_t leaves = count_leaves(loss_);
    if (flat.size() != leaves || leaves > items_.size()) {
      throw ValueError("`loss_weights` must match the number of losses, got " +
                       std::to_string(leaves) + " losses and " + std::to_string(flat.size()) +
                       " weights.");
    }
    for (std::size_t i = 0; i < items_.size(); ++i) {
      items_[i].weight = flat.size() == 1 ? flat[0] : flat[i];
      items_[i].weighted = true;
    }
  }
  if (items_.size() > 1) {
    for (const Item& item : items_) trackers_.emplace_back(item.name + "_loss");
  }
  resolved_ = true;
}

bool CompiledLoss::uses(std::size_t output) const {
  return std::any_of(
      items_.begin(), items_.end(), [&](const Item& item) { return item.output == output; });
}

Tensor CompiledLoss::compute(const std::vector<Tensor>& y_true,
                             const std::vector<Tensor>& y_pred,
                             const std::vector<Tensor>& sample_weight,
                             std::vector<Tensor>& values) const {
  Tensor total;
  for (const Item& item : items_) {
    const Tensor& t = y_true.at(item.output);
    const Tensor& p = y_pred.at(item.output);
    const Tensor weight =
        item.output < sample_weight.size() ? sample_weight[item.output] : Tensor();
    Tensor value = ops::cast(item.loss(t, p, weight), floatx());
    // As in Keras, losses give the values themselves for an empty batch: it counts as 0.
    if (value.shape() == Shape{0}) value = ops::sum(value);
    if (value.rank() != 0) {
      throw ShapeError("loss \"" + item.loss->name() + "\" gave a tensor of shape " +
                       value.shape().str() + ", expected one number" +
                       (item.loss.reduction().kind() == losses::Reduction::Kind::none
                            ? ": its reduction is none"
                            : ""));
    }
    values.push_back(value);
    if (item.weighted) value = value * item.weight;
    total = total.defined() ? total + value : value;
  }
  return total;
}

void CompiledLoss::track(const std::vector<Tensor>& values, std::int64_t batch) const {
  if (values.size() < trackers_.size()) return;  // a loss of the model's own
  for (std::size_t i = 0; i < trackers_.size(); ++i) trackers_[i].update(values[i], batch);
}

}  // namespace nyala
