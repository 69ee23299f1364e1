#include <nyala/models/training/compiled_metrics.hpp>

#include <algorithm>
#include <map>

#include <nyala/models/training/compiled_loss.hpp>

namespace nyala {
namespace {

using Option = PerOutput<metrics::Metric>;

bool holds(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_kind(const char* what, const Option& option) {
  if (option.kind() != Option::Kind::text && option.kind() != Option::Kind::value) return;
  throw ValueError(std::string("Expected `") + what +
                   "` argument to be a list or a dict. Received instead one metric.");
}

// A list of {"name", metrics} is a dict where all names are those of outputs.
Option as_dict_of(const std::vector<std::string>& names, const Option& option) {
  if (!option.looks_like_dict()) return option;
  Option dict = option.as_dict();
  for (const std::string& name : dict.names()) {
    if (!holds(names, name)) return option;
  }
  return dict;
}

}  // namespace

CompiledMetrics::CompiledMetrics(PerOutput<metrics::Metric> plain,
                                 PerOutput<metrics::Metric> weighted)
    : plain_(std::move(plain)), weighted_(std::move(weighted)) {
  check_kind("metrics", plain_);
  check_kind("weighted_metrics", weighted_);
}

void CompiledMetrics::add_to_output(const Option& option,
                                    std::size_t output,
                                    const std::string& name,
                                    bool weighted) {
  switch (option.kind()) {
    case Option::Kind::none: return;
    case Option::Kind::text:
      items_.push_back({output, name, metrics::Metric(option.text()), weighted});
      return;
    case Option::Kind::value:
      if (option.value().defined()) items_.push_back({output, name, option.value(), weighted});
      return;
    default:
      for (const Option& item : option.items()) add_to_output(item, output, name, weighted);
  }
}

void CompiledMetrics::add(const Option& option,
                          bool weighted,
                          const std::vector<std::string>& names,
                          std::size_t num_outputs) {
  if (!option.given() || option.items().empty()) return;
  if (num_outputs == 1) return add_to_output(option, 0, "", weighted);

  const auto name_of_output = [&](std::size_t i) { return i < names.size() ? names[i] : ""; };
  if (option.kind() == Option::Kind::list && option.items().size() == num_outputs) {
    for (std::size_t i = 0; i < num_outputs; ++i)
      add_to_output(option.items()[i], i, name_of_output(i), weighted);
    return;
  }
  const bool known = option.kind() == Option::Kind::dict &&
                     std::all_of(option.names().begin(),
                                 option.names().end(),
                                 [&](const std::string& name) { return holds(names, name); });
  if (!known) {
    const char* what = weighted ? "weighted_metrics" : "metrics";
    throw ValueError(std::string("Invalid `") + what + "`. `" + what +
                     "` should contain metrics objects and either be a dict or a list matching "
                     "the output names of the functional model " +
                     detail::python_list(names) + ", which has " + std::to_string(num_outputs) +
                     " outputs.");
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto at = std::find(option.names().begin(), option.names().end(), names[i]);
    if (at == option.names().end()) continue;
    add_to_output(option.items()[static_cast<std::size_t>(at - option.names().begin())],
                  i,
                  names[i],
                  weighted);
  }
}

void CompiledMetrics::resolve(const std::vector<std::string>& names, std::size_t num_outputs) {
  if (resolved_) return;
  plain_ = as_dict_of(names, plain_);
  weighted_ = as_dict_of(names, weighted_);
  items_.clear();
  add(plain_, false, names, num_outputs);
  add(weighted_, true, names, num_outputs);
  resolved_ = true;
}

bool CompiledMetrics::uses(std::size_t output) const {
  return std::any_of(
      items_.begin(), items_.end(), [&](const Item& item) { return item.output == output; });
}

void CompiledMetrics::update(const std::vector<Tensor>& y_true,
                             const std::vector<Tensor>& y_pred,
                             const std::vector<Tensor>& sample_weight) const {
  for (const Item& item : items_) {
    const bool has_weight = item.weighted && item.output < sample_weight.size();
    item.metric.update_state(y_true.at(item.output),
                             y_pred.at(item.output),
                             has_weight ? sample_weight[item.output] : Tensor());
  }
}

void CompiledMetrics::reset() const {
  for (const Item& item : items_) item.metric.reset_state();
}

void CompiledMetrics::results(callbacks::Logs& logs) const {
  if (items_.empty()) return;
  std::map<std::string, int> seen;
  for (const Item& item : items_) {
    const std::string prefix = item.output_name.empty() ? "" : item.output_name + "_";
    std::string name = prefix + item.metric.name();
    if (seen.contains(name) && item.weighted) name = prefix + "weighted_" + item.metric.name();
    if (const int count = seen[name]++; count > 0) name += "_" + std::to_string(count);
    const Tensor result = item.metric.result();
    if (result.size() != 1) {
      throw ShapeError("metric \"" + name + "\" has a result of shape " + result.shape().str() +
                       ", expected one number");
    }
    logs[name] = result.item<double>();
  }
}

std::vector<metrics::Metric> CompiledMetrics::metrics() const {
  std::vector<metrics::Metric> all;
  for (const Item& item : items_) all.push_back(item.metric);
  return all;
}

}  // namespace nyala
