#pragma once
/// Module: a named thing with variables and with modules inside, the base of layers and models.
#include <memory>
#include <string>
#include <vector>

#include <nyala/autograd/variable.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class Module {
 public:
  Module() = default;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;
  virtual ~Module() = default;

  const std::string& name() const { return name_; }
  /// Where it stands among the modules that hold it: "model/tower/dense".
  const std::string& name_scope() const { return scope_; }

  bool trainable() const { return trainable_; }
  /// Holds for all modules inside too, and for the variables that were made trainable: those of a
  /// frozen module are not trainable.
  virtual void set_trainable(bool trainable);

  /// Its own variables, those made trainable first, then those of the modules inside, each once.
  std::vector<Variable> variables() const;
  /// Those that training changes: none when the module is not trainable.
  std::vector<Variable> trainable_variables() const;
  std::vector<Variable> non_trainable_variables() const;
  /// All modules inside, at any depth.
  std::vector<std::shared_ptr<Module>> submodules() const;
  /// A module that this one holds, under the name that Keras's class has it under: `attribute`,
  /// or an element of the list `attribute`. Files are laid out by these names.
  struct Child {
    std::shared_ptr<Module> module;
    std::string attribute = {};  ///< empty where it was given none
    bool in_list = false;
  };
  /// Those that it holds itself, in the order they were added.
  virtual std::vector<Child> named_children() const { return children_; }
  /// The same without their names.
  virtual std::vector<std::shared_ptr<Module>> children() const;

 protected:
  void add_variable(const Variable& variable);
  /// Throws ValueError for a module that is or holds this one.
  void add_child(Child child);
  /// How much it holds itself, so that what is added after that can be taken back.
  struct Mark {
    std::size_t variables;
    std::size_t children;
  };
  Mark mark() const { return {own_.size(), children_.size()}; }
  void go_back_to(const Mark& mark) {
    own_.resize(mark.variables);
    children_.resize(mark.children);
    detail::structure_changed();
  }

  std::string name_;
  std::string scope_;
  bool trainable_ = true;

 private:
  struct Walk;
  void collect(Walk& walk) const;
  void collect_trainable(Walk& walk) const;
  void collect_modules(Walk& walk) const;

  struct Own {
    Variable variable;
    bool is_trainable = true;  // as it was made, whether or not it is frozen now
  };

  std::vector<Own> own_;
  std::vector<Child> children_;
};

}  // namespace nyala

#pragma GCC visibility pop
