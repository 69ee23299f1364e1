#include <nyala/layers/module.hpp>

#include <unordered_set>

#include <nyala/core/error.hpp>

namespace nyala {

// What a search has found. Each module is entered once, however many others hold it.
struct Module::Walk {
  std::unordered_set<const Module*> entered = {};
  std::unordered_set<std::uint64_t> known = {};  // ids of variables
  std::vector<Variable> variables = {};
  std::vector<std::shared_ptr<Module>> modules = {};

  void add(const Variable& variable) {
    if (known.insert(variable.id()).second) variables.push_back(variable);
  }
};

std::vector<std::shared_ptr<Module>> Module::children() const {
  std::vector<std::shared_ptr<Module>> modules;
  modules.reserve(children_.size());
  for (const Child& child : children_) modules.push_back(child.module);
  return modules;
}

void Module::set_trainable(bool trainable) {
  const auto set = [trainable](Module& module) {
    module.trainable_ = trainable;
    for (const Own& own : module.own_) {
      if (own.is_trainable) own.variable.set_trainable(trainable);
    }
  };
  set(*this);
  for (const auto& module : submodules()) set(*module);
  detail::structure_changed();
}

void Module::add_variable(const Variable& variable) {
  own_.push_back({variable, variable.trainable()});
  if (!trainable_) variable.set_trainable(false);
  detail::structure_changed();
}

void Module::add_child(Child child) {
  if (child.module == nullptr)
    throw StateError("\"" + name_ + "\" was given an empty layer to hold");
  Walk walk;
  child.module->collect_modules(walk);
  if (child.module.get() == this || walk.entered.count(this) > 0)
    throw ValueError("a layer cannot hold itself: \"" + child.module->name() + "\" is or holds \"" +
                     name_ + "\"");
  children_.push_back(std::move(child));
  detail::structure_changed();
}

void Module::collect(Walk& walk) const {
  if (!walk.entered.insert(this).second) return;
  for (const bool trainable : {true, false}) {
    for (const Own& own : own_) {
      if (own.is_trainable == trainable) walk.add(own.variable);
    }
  }
  for (const auto& child : children()) child->collect(walk);
}

void Module::collect_trainable(Walk& walk) const {
  if (!trainable_ || !walk.entered.insert(this).second) return;
  for (const Own& own : own_) {
    if (own.variable.trainable()) walk.add(own.variable);
  }
  for (const auto& child : children()) child->collect_trainable(walk);
}

void Module::collect_modules(Walk& walk) const {
  for (const auto& child : children()) {
    if (!walk.entered.insert(child.get()).second) continue;
    walk.modules.push_back(child);
    child->collect_modules(walk);
  }
}

std::vector<Variable> Module::variables() const {
  Walk walk;
  collect(walk);
  return std::move(walk.variables);
}

std::vector<Variable> Module::trainable_variables() const {
  Walk walk;
  collect_trainable(walk);
  return std::move(walk.variables);
}

std::vector<Variable> Module::non_trainable_variables() const {
  std::unordered_set<std::uint64_t> trainable;
  for (const Variable& variable : trainable_variables()) trainable.insert(variable.id());
  std::vector<Variable> rest;
  for (const Variable& variable : variables()) {
    if (trainable.count(variable.id()) == 0) rest.push_back(variable);
  }
  return rest;
}

std::vector<std::shared_ptr<Module>> Module::submodules() const {
  Walk walk;
  collect_modules(walk);
  return std::move(walk.modules);
}

}  // namespace nyala
