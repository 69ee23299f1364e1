#include <nyala/models/metrics/metric.hpp>

#include <algorithm>
#include <cctype>
#include <numeric>

#include <nyala/autograd/init_scope.hpp>
#include <nyala/layers/naming.hpp>
#include <nyala/models/metrics/classes.hpp>
#include <nyala/models/metrics/support.hpp>

namespace nyala::metrics {
namespace {

std::vector<int> axes_between(int begin, int end) {
  std::vector<int> axes(static_cast<std::size_t>(std::max(0, end - begin)));
  std::iota(axes.begin(), axes.end(), begin);
  return axes;
}

// A function of the user's own.
class FunctionMetric final : public MeanFunctionMetric {
 public:
  FunctionMetric(MetricFunction function, MetricOptions options)
      : MeanFunctionMetric(std::move(options), "MeanMetricWrapper"),
        function_(std::move(function)) {}
  std::string class_name() const override { return "MeanMetricWrapper"; }
  Config get_config() const override {
    Config config = MetricBase::get_config();
    config["fn"] = name();
    return config;
  }
  Tensor values(const Tensor& y_true, const Tensor& y_pred) const override {
    Tensor values = function_(y_true, y_pred);
    if (!values.defined())
      throw ValueError("metric \"" + name() + "\": its function returned an undefined tensor");
    return values;
  }

 private:
  MetricFunction function_;
};

// Keras 2 and 3 save a metric that was a function as {"fn": name}; it is a metric's or a loss's.
std::shared_ptr<MetricBase> function_from_config(const Config& config) {
  const Config& fn = config.at("fn");
  const std::string name = (fn.is_dict() ? fn.at("config") : fn).as_string();
  std::shared_ptr<MetricBase> metric;
  if (MetricBase::registry().find(name) != nullptr) {
    metric = MetricBase::registry().from_name(name);
  } else {
    const auto loss = losses::LossBase::registry().from_name(name);
    metric = from_function([loss](const Tensor& t, const Tensor& p) { return loss->call(t, p); },
                           {.name = name, .direction = Direction::down});
  }
  if (const Config* given = config.find("name")) metric->set_name(given->as_string());
  return metric;
}

}  // namespace

std::pair<Tensor, Tensor> samplewise(const Tensor& values,
                                     const Tensor& sample_weight,
                                     Tensor (*reduce)(const Tensor&, const ReduceArgs&),
                                     DType dtype) {
  Tensor v = ops::cast(values, dtype);
  Tensor w;
  if (sample_weight.defined()) {
    w = losses::apply_mask(sample_weight, values.mask(), dtype, false);
    std::tie(v, w) = losses::to_same_rank(v, w);
    if (v.rank() > w.rank()) v = reduce(v, {.axis = axes_between(w.rank(), v.rank())});
    w = ops::broadcast_to(w, v.shape());
    v = v * w;
    if (w.rank() > 1) w = reduce(w, {.axis = axes_between(1, w.rank())});
  }
  if (v.rank() > 1) v = reduce(v, {.axis = axes_between(1, v.rank())});
  return {v, w};
}

MetricBase::MetricBase(MetricOptions options, std::string_view class_name)
    : name_(options.name.empty() ? unique_name(class_name) : std::move(options.name)),
      dtype_(options.dtype ? options.dtype->value : floatx()),
      direction_(options.direction) {}

Variable MetricBase::add_variable(const std::string& name, const Shape& shape) {
  const nyala::detail::InitScope scope;  // the first batch may be inside a traced function
  variables_.emplace_back(ops::zeros(shape, {dtype_}),
                          VariableArgs{.trainable = false, .name = name});
  return variables_.back();
}

void MetricBase::reset_state() {
  for (const Variable& variable : variables_) nyala::detail::set_zero(variable);
}

Config MetricBase::get_config() const {
  Config config = Config::dict();
  config["name"] = name();
  config["dtype"] = name_of(dtype());
  return config;
}

ObjectRegistry<MetricBase>& MetricBase::registry() {
  static ObjectRegistry<MetricBase> metrics("metric",
                                            {
#define METRIC(Class, ...) \
  {{#Class, __VA_ARGS__},  \
   [](const Config& config) { return losses::from_saved<Class##Args>(#Class, config); }},
#include <nyala/models/metrics/metrics.def>
#undef METRIC
                                                {{"MeanMetricWrapper"}, function_from_config}});
  return metrics;
}

MeanMetric::MeanMetric(MetricOptions options, std::string_view class_name)
    : MetricBase(std::move(options), class_name),
      total_(add_variable("total", {})),
      count_(add_variable("count", {})) {}

void MeanMetric::add(const Tensor& values, const Tensor& sample_weight) {
  const auto [v, w] = samplewise(values, sample_weight, &ops::mean, dtype());
  total_.assign_add(ops::sum(v));
  count_.assign_add(w.defined() ? ops::sum(w) : losses::count_elements(v, dtype()));
}

Tensor MeanMetric::result() const { return losses::divide_no_nan(total_, count_); }

void check_inputs(const MetricBase& metric, const Tensor& y_true, const Tensor& y_pred) {
  if (y_true.defined() && y_pred.defined()) return;
  throw TypeError("metric \"" + metric.name() + "\": update_state wants y_true and y_pred");
}

void MeanFunctionMetric::update_state(const Tensor& y_true,
                                      const Tensor& y_pred,
                                      const Tensor& sample_weight) {
  check_inputs(*this, y_true, y_pred);
  add(values(y_true, y_pred), losses::apply_mask(sample_weight, y_pred.mask(), dtype(), false));
}

Metric Metric::known(void (*function)()) {
  if (function == nullptr) throw ValueError("a metric was made of a null function");
  const std::string name = losses::detail::function_name(function);
  if (name.empty()) {
    throw ValueError(
        "a metric was made of a function with options of its own; wrap it in a lambda of y_true "
        "and y_pred");
  }
  return Metric(name);
}

Metric Metric::known_or(Tensor (*function)(const Tensor&, const Tensor&)) {
  if (!losses::detail::function_name(reinterpret_cast<void (*)()>(function)).empty())
    return known(reinterpret_cast<void (*)()>(function));
  return Metric(from_function(function, {.name = "metric"}));
}

std::shared_ptr<MetricBase> from_function(MetricFunction function, MetricOptions options) {
  if (!function) throw ValueError("metric \"" + options.name + "\": received an empty function");
  return std::make_shared<FunctionMetric>(std::move(function), std::move(options));
}

void register_metric(const std::string& name, MetricFunction function) {
  if (!function)
    throw ValueError("register_metric: received an empty function for \"" + name + '"');
  MetricBase::registry().add({{name}, [name, function = std::move(function)](const Config&) {
                                return from_function(function, {.name = name});
                              }});
}

}  // namespace nyala::metrics
