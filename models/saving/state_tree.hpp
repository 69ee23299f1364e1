#pragma once
/// Where Keras's weight files keep the variables of a model. Private to the writers and readers.
#include <functional>
#include <string>
#include <vector>

#include <nyala/models/model_base.hpp>
#include <nyala/models/saving/nadam.hpp>

namespace nyala::saving {

/// Keras's own name of a class, which legacy files and the paths of weights have, for the name that
/// it is exported under.
std::string python_class(const std::string& class_name);

/// The variables of one layer, model or optimizer.
struct StateEntry {
  std::string path;  // "layers/dense"; empty for the model itself
  std::string name;  // of the layer
  std::string who;   // for messages: Dense "u"
  std::vector<Variable> variables;
  bool is_optimizer = false;
  /// Momenta that tf.keras writes, last, for SGD without momentum.
  std::size_t unused_momenta = 0;
  std::optional<MomentumProduct> product = {};
};

/// The path of an attribute below another one: "layers/lstm" and "cell" give "layers/lstm/cell".
using PathOf = std::function<std::string(const std::string& parent, const std::string& attribute)>;
std::string join_path(const std::string& parent, const std::string& attribute);

/// The model, its layers by class and number, what these hold by attribute, and the optimizers.
/// Each layer comes once, where Keras meets it first.
std::vector<StateEntry> state_tree(const ModelBase& model, const PathOf& path_of = join_path);

}  // namespace nyala::saving
