#include <nyala/models/saving/state_tree.hpp>

#include <map>
#include <unordered_map>
#include <unordered_set>

#include <nyala/layers/naming.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::saving {
namespace {

// Keras numbers the members of a list by class: "dense", "dense_1".
class Counter {
 public:
  std::string name(const BaseLayer& layer) {
    const std::string name = to_snake_case(python_class(layer.class_name()));
    const int count = counts_[name]++;
    return count == 0 ? name : name + "_" + std::to_string(count);
  }

 private:
  std::unordered_map<std::string, int> counts_;
};

// A layer's own come first, so they end with the last that no layer inside holds. One of them may
// be held inside as well: SpectralNormalization's kernel, which Keras writes twice.
std::vector<Variable> own_variables(const BaseLayer& layer) {
  std::unordered_set<std::uint64_t> inside;
  for (const auto& child : layer.children()) {
    for (const Variable& variable : child->variables()) inside.insert(variable.id());
  }
  std::vector<Variable> own = layer.variables();
  while (!own.empty() && inside.count(own.back().id()) != 0) own.pop_back();
  return own;
}

std::size_t unused_momenta(const ModelBase& model) {
  const optimizers::Optimizer& optimizer = model.trainer().optimizer();
  if (optimizer->class_name() != "SGD") return 0;
  for (const Variable& variable : optimizer.variables()) {
    if (variable.name().ends_with("_momentum")) return 0;
  }
  return model.trainable_variables().size();
}

class Walk {
 public:
  explicit Walk(const PathOf& path_of) : path_of_(path_of) {}

  void enter(const BaseLayer& layer, const std::string& path) {
    if (!entered_.insert(&layer).second) return;
    entries.push_back({path, layer.name(), layer.label(), own_variables(layer)});
    const auto* model = dynamic_cast<const ModelBase*>(&layer);
    if (model != nullptr && dynamic_cast<const SubclassedModel*>(model) == nullptr) {
      const std::string layers = path_of_(path, "layers");
      Counter counter;
      for (const auto& inside : model->layers())
        enter(*inside, path_of_(layers, counter.name(*inside)));
    } else {
      enter_children(layer, path);
    }
    if (model == nullptr || !model->trainer().compiled()) return;
    const optimizers::Optimizer& optimizer = model->trainer().optimizer();
    entries.push_back({path_of_(path, "optimizer"),
                       optimizer.name(),
                       "optimizer \"" + optimizer.name() + "\"",
                       optimizer.variables(),
                       true,
                       unused_momenta(*model),
                       momentum_product(optimizer)});
  }

  std::vector<StateEntry> entries;

 private:
  // By their attributes; those of a list, and those without a name, by class and number.
  void enter_children(const BaseLayer& layer, const std::string& path) {
    std::map<std::string, Counter> counters;
    for (const Module::Child& child : layer.named_children()) {
      const auto* inside = dynamic_cast<const BaseLayer*>(child.module.get());
      if (inside == nullptr) continue;
      const std::string place = child.attribute.empty() ? path : path_of_(path, child.attribute);
      const bool counted = child.attribute.empty() || child.in_list;
      enter(*inside, counted ? path_of_(place, counters[child.attribute].name(*inside)) : place);
    }
  }

  const PathOf& path_of_;
  std::unordered_set<const BaseLayer*> entered_;
};

}  // namespace

std::string python_class(const std::string& class_name) {
  return class_name == "GroupQueryAttention" ? "GroupedQueryAttention" : class_name;
}

std::string join_path(const std::string& parent, const std::string& attribute) {
  return parent.empty() ? attribute : parent + "/" + attribute;
}

std::vector<StateEntry> state_tree(const ModelBase& model, const PathOf& path_of) {
  Walk walk(path_of);
  walk.enter(model, "");
  return std::move(walk.entries);
}

}  // namespace nyala::saving
