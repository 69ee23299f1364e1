#include <algorithm>
#include <regex>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/args_from_config.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/optimizers/classes.hpp>

namespace nyala {
namespace optimizers {
namespace {

std::regex compiled(const std::string& key) try {
  return std::regex(key);
} catch (const std::regex_error&) {
  throw ValueError("MultiOptimizer: received the key \"" + key +
                   "\", expected paths of variables or regular expressions");
}

class MultiOptimizerImpl final
    : public ObjectBase<OptimizerBase, MultiOptimizerArgs, MultiOptimizerImpl> {
 public:
  static constexpr const char* kName = "MultiOptimizer";

  explicit MultiOptimizerImpl(MultiOptimizerArgs args) : ObjectBase(std::move(args)) {
    if (args_.name.empty()) args_.name = detail::optimizer_name(kName);
    start(args_.name, 0.0, {.loss_scale_factor = args_.loss_scale_factor});
    const auto& map = args_.optimizer_map.optimizer_map;
    for (std::size_t i = 0; i < map.size(); ++i) {
      const auto is_same = [&](const auto& entry) { return entry.first == map[i].first; };
      if (std::any_of(map.begin(), map.begin() + static_cast<std::ptrdiff_t>(i), is_same))
        throw ValueError("MultiOptimizer: received the key \"" + map[i].first + "\" twice");
      compiled(map[i].first);
      add(map[i].second);
    }
    add(args_.optimizer_map.default_optimizer);
    set_loss_scale_factor(args_.loss_scale_factor);
  }

  void apply_indexed(const std::vector<IndexedSlices>& gradients,
                     const std::vector<Variable>& variables) override;

  std::vector<Variable> variables() const override {
    std::vector<Variable> all = OptimizerBase::variables();
    for (const Optimizer& optimizer : inner_) {
      for (const Variable& variable : optimizer.variables()) all.push_back(variable);
    }
    return all;
  }
  Tensor learning_rate() const override { refuse_rate(); }
  void set_learning_rate(const LearningRate&) override { refuse_rate(); }
  void set_loss_scale_factor(std::optional<double> factor) override {
    OptimizerBase::set_loss_scale_factor(factor);
    for (const Optimizer& optimizer : inner_) optimizer->set_loss_scale_factor(factor);
    args_.loss_scale_factor = factor;
  }
  void finalize_variable_values(const std::vector<Variable>& variables) const override {
    for (const Part& part : parts_of(owners_by_path(variables)))
      part.optimizer.finalize_variable_values(picked(variables, part.places));
  }

 private:
  [[noreturn]] static void refuse_rate() {
    throw StateError(
        "MultiOptimizer: has no learning rate; read and set those of the optimizers in its map");
  }
  void add(const Optimizer& optimizer) {
    if (!optimizer) throw ValueError("MultiOptimizer: received a map without an optimizer");
    if (optimizer->class_name() == kName || optimizer->class_name() == "LossScaleOptimizer")
      throw ValueError("MultiOptimizer: received " + optimizer->class_name() +
                       " in its map, expected optimizers that wrap no other");
    const auto is_it = [&](const Optimizer& known) { return known.get() == optimizer.get(); };
    if (std::none_of(inner_.begin(), inner_.end(), is_it)) inner_.push_back(optimizer);
  }
  // An optimizer, and where its variables stand among some.
  struct Part {
    Optimizer optimizer;
    std::vector<std::size_t> places;
  };
  // For each variable, where its optimizer stands in `inner_`.
  using Owners = std::vector<std::size_t>;

  Owners owners_by_path(const std::vector<Variable>& variables) const {
    Owners owners;
    for (const Variable& variable : variables) {
      const OptimizerBase* owner = args_.optimizer_map[variable.path()].get();
      const auto is_it = [&](const Optimizer& optimizer) { return optimizer.get() == owner; };
      const auto found = std::find_if(inner_.begin(), inner_.end(), is_it);
      owners.push_back(static_cast<std::size_t>(found - inner_.begin()));
    }
    return owners;
  }
  // Of variables that it was built on.
  Owners owners_of(const std::vector<Variable>& variables) const {
    Owners owners;
    for (const Variable& variable : variables) owners.push_back(owners_[index_of(variable)]);
    return owners;
  }
  std::vector<Part> parts_of(const Owners& owners) const {
    std::vector<Part> parts;
    for (const Optimizer& optimizer : inner_) parts.push_back({optimizer, {}});
    for (std::size_t i = 0; i < owners.size(); ++i) parts[owners[i]].places.push_back(i);
    std::erase_if(parts, [](const Part& part) { return part.places.empty(); });
    return parts;
  }
  template <class T>
  static std::vector<T> picked(const std::vector<T>& all, const std::vector<std::size_t>& places) {
    std::vector<T> some;
    for (std::size_t place : places) some.push_back(all[place]);
    return some;
  }

  void build_slots(const std::vector<Variable>& variables) override {
    owners_ = owners_by_path(variables);
    for (const Part& part : parts_of(owners_)) part.optimizer.build(picked(variables, part.places));
  }
  void update_step(StepContext&, const VariableUpdate&) override {}

  std::vector<Optimizer> inner_;
  Owners owners_;  // of the variables that it was built on
};

void MultiOptimizerImpl::apply_indexed(const std::vector<IndexedSlices>& gradients,
                                       const std::vector<Variable>& variables) {
  if (gradients.empty()) return;
  const auto pause = GradientTape::stop_recording();
  const std::vector<Variable>& all = variables.empty() ? targets() : variables;
  check_gradients(gradients, all);
  build(all);
  const std::vector<Part> parts = parts_of(owners_of(all));
  for (const Part& part : parts)
    part.optimizer->check_gradients(picked(gradients, part.places), picked(all, part.places));
  for (const Part& part : parts)
    part.optimizer.apply_indexed(picked(gradients, part.places), picked(all, part.places));
  iterations().assign(iterations().value() + 1);
}

}  // namespace

const Optimizer& OptimizerMap::operator[](const std::string& path) const {
  const Optimizer* found = nullptr;
  for (const auto& [key, optimizer] : optimizer_map) {
    if (key == path) return optimizer;
  }
  for (const auto& [key, optimizer] : optimizer_map) {
    if (!std::regex_match(path, compiled(key))) continue;
    if (found != nullptr)
      throw ValueError("MultiOptimizer: several keys fit variable \"" + path + "\"");
    found = &optimizer;
  }
  return found != nullptr ? *found : default_optimizer;
}

NYALA_OPTIMIZER(MultiOptimizer, MultiOptimizerImpl)

}  // namespace optimizers

Config ConfigCodec<optimizers::OptimizerMap>::to(const optimizers::OptimizerMap& map) {
  using Codec = ConfigCodec<optimizers::Optimizer>;
  Config by_path = Config::dict();
  for (const auto& [path, optimizer] : map.optimizer_map) by_path[path] = Codec::to(optimizer);
  Config config = Config::dict();
  config["default_optimizer"] = Codec::to(map.default_optimizer);
  config["optimizer_map"] = by_path;
  Config all = Config::dict();
  all["module"] = "keras.optimizers";
  all["class_name"] = "OptimizerMap";
  all["config"] = config;
  all["registered_name"] = Config();
  return all;
}

optimizers::OptimizerMap ConfigCodec<optimizers::OptimizerMap>::from(const Config& config) {
  if (config.at("class_name").as_string() != "OptimizerMap")
    throw ValueError("MultiOptimizer: received optimizer_map of class " +
                     config.at("class_name").str() + ", expected OptimizerMap");
  using Codec = ConfigCodec<optimizers::Optimizer>;
  const Config& options = config.at("config");
  check_keys("OptimizerMap", options, {"default_optimizer", "optimizer_map"});
  optimizers::OptimizerMap map;
  map.default_optimizer = Codec::from(options.at("default_optimizer"));
  for (const auto& [path, optimizer] : options.at("optimizer_map").as_dict())
    map.optimizer_map.emplace_back(path, Codec::from(optimizer));
  return map;
}

}  // namespace nyala
