#include <nyala/models/compare.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/models/callbacks/text.hpp>
#include <nyala/models/saving/json.hpp>

namespace nyala {
namespace {

constexpr const char* kOnlyFirst = "only in the first";
constexpr const char* kOnlySecond = "only in the second";

std::string joined(const std::string& path, const std::string& name) {
  return path.empty() ? name : path + "/" + name;
}

// The name of a layer's record; empty for another value.
std::string layer_name(const Config& record) {
  const Config* config = record.find("config");
  const Config* name = config == nullptr ? nullptr : config->find("name");
  return name != nullptr && name->is_string() ? name->as_string() : "";
}

// A list of layers as a dict by their names; other values as they are.
Config by_name(const Config& value) {
  if (!value.is_list() || value.as_list().empty()) return value;
  Config dict = Config::dict();
  for (const Config& item : value.as_list()) {
    const std::string name = layer_name(item);
    if (name.empty() || dict.contains(name)) return value;
    dict[name] = item;
  }
  return dict;
}

class ModelComparison {
 public:
  explicit ModelComparison(const CompareModelsArgs& args) : args_(args) {}

  std::vector<ModelDifference> take() { return std::move(found_); }

  void configs(const std::string& path, const Config& first, const Config& second) {
    if (first == second) return;
    const Config a = by_name(first);
    const Config b = by_name(second);
    if (a.is_dict() && b.is_dict()) return dicts(path, a, b);
    if (a.is_list() && b.is_list() && a.size() == b.size()) {
      for (std::size_t i = 0; i < a.size(); ++i)
        configs(joined(path, std::to_string(i)), a.as_list()[i], b.as_list()[i]);
      return;
    }
    add(path, shortened(a) + " | " + shortened(b));
  }

  void layers(const std::string& path, const ModelBase& a, const ModelBase& b) {
    const auto others = b.layers();
    for (const auto& layer : a.layers()) {
      const auto other = std::find_if(others.begin(), others.end(), [&](const auto& candidate) {
        return candidate->name() == layer->name();
      });
      if (other == others.end()) continue;  // the configurations say so
      const std::string here = joined(path, layer->name());
      const auto* inner = dynamic_cast<const ModelBase*>(layer.get());
      const auto* other_inner = dynamic_cast<const ModelBase*>(other->get());
      if (inner != nullptr && other_inner != nullptr)
        layers(here, *inner, *other_inner);
      else
        variables(here, layer->weights(), (*other)->weights(), layer->name());
    }
  }

  void variables(const std::string& path,
                 const std::vector<Variable>& a,
                 const std::vector<Variable>& b,
                 const std::string& owner = {}) {
    for (std::size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
      const Variable& known = i < a.size() ? a[i] : b[i];
      const std::string here = joined(path, name_inside(owner, known));
      if (i >= b.size())
        add(here, kOnlyFirst);
      else if (i >= a.size())
        add(here, kOnlySecond);
      else
        tensors(here, a[i], b[i]);
    }
  }

 private:
  // By the way from its owner, since layers inside a wrapper have weights of the same names.
  static std::string name_inside(const std::string& owner, const Variable& variable) {
    const std::string path = "/" + variable.path();
    const std::string way = "/" + owner + "/";
    const auto at = path.find(way);
    return owner.empty() || at == std::string::npos ? variable.name()
                                                    : path.substr(at + way.size());
  }

  void add(const std::string& path, const std::string& what) { found_.push_back({path, what}); }

  static std::string shortened(const Config& value) {
    const std::string text = value.str();
    return text.size() <= 100 ? text : text.substr(0, 97) + "...";
  }

  void dicts(const std::string& path, const Config& a, const Config& b) {
    for (const auto& [key, value] : a.as_dict()) {
      const Config* other = b.find(key);
      if (other == nullptr)
        add(joined(path, key), kOnlyFirst);
      else
        configs(joined(path, key), value, *other);
    }
    for (const auto& [key, value] : b.as_dict()) {
      if (!a.contains(key)) add(joined(path, key), kOnlySecond);
    }
  }

  void tensors(const std::string& path, const Tensor& a, const Tensor& b) {
    if (a.shape() != b.shape() || a.dtype() != b.dtype()) {
      add(path,
          std::string(name_of(a.dtype())) + a.shape().str() + " | " +
              std::string(name_of(b.dtype())) + b.shape().str());
      return;
    }
    const std::vector<double> left = ops::cast(a, DType::float64).to_vector<double>();
    const std::vector<double> right = ops::cast(b, DType::float64).to_vector<double>();
    std::size_t count = 0;
    double largest = 0;
    for (std::size_t i = 0; i < left.size(); ++i) {
      const double difference = std::fabs(left[i] - right[i]);
      const bool equal = left[i] == right[i] || (std::isnan(left[i]) && std::isnan(right[i])) ||
                         difference <= args_.atol + args_.rtol * std::fabs(right[i]);
      if (equal) continue;
      ++count;
      largest = std::isnan(difference) ? difference : std::max(largest, difference);
    }
    if (count == 0) return;
    add(path,
        std::to_string(count) + " of " + std::to_string(left.size()) + " values differ, by up to " +
            callbacks::detail::formatted("%.6g", largest));
  }

  const CompareModelsArgs& args_;
  std::vector<ModelDifference> found_;
};

}  // namespace

std::vector<ModelDifference> compare_models(const Model& a,
                                            const Model& b,
                                            const CompareModelsArgs& args) {
  ModelComparison comparison(args);
  const ModelBase& first = a.base("compare_models");
  const ModelBase& second = b.base("compare_models");
  comparison.configs("", saving::serialize_layer(first), saving::serialize_layer(second));
  comparison.layers("weights", first, second);
  if (first.trainer().compiled() && second.trainer().compiled()) {
    comparison.variables("optimizer", a.optimizer().variables(), b.optimizer().variables());
  }
  return comparison.take();
}

}  // namespace nyala
