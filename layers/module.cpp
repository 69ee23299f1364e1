#include <nyala/layers/module.hpp>

#include <algorithm>

namespace nyala {

void Module::set_trainable(bool trainable) {
  trainable_ = trainable;
  detail::structure_changed();
  for (const auto& child : children()) child->set_trainable(trainable);
}

void Module::collect(std::vector<Variable>& all) const {
  for (bool trainable : {true, false}) {
    for (const Variable& variable : own_) {
      if (variable.trainable() == trainable && !contains(all, variable)) all.push_back(variable);
    }
  }
  for (const auto& child : children()) child->collect(all);
}

void Module::collect_trainable(std::vector<Variable>& all) const {
  if (!trainable_) return;
  for (const Variable& variable : own_) {
    if (variable.trainable() && !contains(all, variable)) all.push_back(variable);
  }
  for (const auto& child : children()) child->collect_trainable(all);
}

std::vector<Variable> Module::variables() const {
  std::vector<Variable> all;
  collect(all);
  return all;
}

std::vector<Variable> Module::trainable_variables() const {
  std::vector<Variable> all;
  collect_trainable(all);
  return all;
}

std::vector<Variable> Module::non_trainable_variables() const {
  const std::vector<Variable> trainable = trainable_variables();
  std::vector<Variable> rest;
  for (const Variable& variable : variables()) {
    if (!contains(trainable, variable)) rest.push_back(variable);
  }
  return rest;
}

std::vector<std::shared_ptr<Module>> Module::submodules() const {
  std::vector<std::shared_ptr<Module>> all;
  for (const auto& child : children()) {
    if (std::find(all.begin(), all.end(), child) != all.end()) continue;
    all.push_back(child);
    for (const auto& inner : child->submodules()) {
      if (std::find(all.begin(), all.end(), inner) == all.end()) all.push_back(inner);
    }
  }
  return all;
}

}  // namespace nyala
