#include <nyala/models/saving/weights.hpp>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/models/saving/bytes.hpp>

namespace nyala::saving {
namespace {

std::string vars_of(const StateEntry& entry) { return join_path(entry.path, "vars"); }

// Attributes that other versions of Keras call otherwise.
PathOf path_in(const WeightStore& store) {
  return [&store](const std::string& parent, const std::string& attribute) {
    std::string path = join_path(parent, attribute);
    if (store.contains(path)) return path;
    for (const std::string& other :
         {"_" + attribute,
          std::string(attribute == "layers" ? "_layer_checkpoint_dependencies" : "")}) {
      if (!other.empty() && store.contains(join_path(parent, other)))
        return join_path(parent, other);
    }
    return path;
  };
}

// What was wrong with which layers.
class Failures {
 public:
  void add(const StateEntry& entry, const std::string& what) {
    ++count_;
    if (count_ == 1) first_ = what;
    if (count_ <= kShown)
      list_ += (count_ == 1 ? "" : ", ") + entry.who + " (" + vars_of(entry) + ")";
    if (count_ == kShown + 1) list_ += ", ...";
  }
  bool any() const { return count_ > 0; }
  std::string text() const {
    return std::to_string(count_) + (count_ == 1 ? " object" : " objects") +
           " could not be loaded: " + list_ + "; " + (count_ == 1 ? "" : "the first: ") + first_;
  }

 private:
  static constexpr std::size_t kShown = 20;
  std::size_t count_ = 0;
  std::string list_;
  std::string first_;
};

std::string names_of(const std::vector<Variable>& variables) {
  constexpr std::size_t kShown = 8;
  std::string names;
  for (std::size_t i = 0; i < variables.size() && i < kShown; ++i)
    names += (i == 0 ? "" : ", ") + variables[i].name();
  return "[" + names + (variables.size() > kShown ? ", ...]" : "]");
}

void plan_layer(const StateEntry& entry, std::vector<StoredTensor> stored, Assignments& plan) {
  if (stored.size() != entry.variables.size()) {
    throw ValueError(entry.who + " has " + std::to_string(entry.variables.size()) + " variables " +
                     names_of(entry.variables) + ", the file has " + std::to_string(stored.size()));
  }
  for (std::size_t i = 0; i < stored.size(); ++i)
    plan.add(entry.variables[i], std::move(stored[i]), entry.who);
}

bool has_rate_of(const StateEntry& entry) {
  return entry.variables.size() > 1 && entry.variables[1].name() == "learning_rate";
}

void drop_unused_momenta(const StateEntry& entry, std::vector<StoredTensor>& stored) {
  const std::size_t used = entry.variables.size() - (has_rate_of(entry) ? 1 : 0);
  if (entry.unused_momenta == 0 || stored.size() != used + entry.unused_momenta) return;
  const bool is_rate = stored[1].spec.shape.rank() == 0;  // of Keras 3, and the only other one
  if (!is_rate) stored.resize(used);
}

bool lacks_product(const StateEntry& entry, std::size_t stored) {
  return entry.product && stored + (has_rate_of(entry) ? 2 : 1) == entry.variables.size();
}

// Those of an optimizer that a file with so many has. One that was never built has no slots yet;
// tf.keras keeps no learning rate there.
std::vector<Variable> saved_variables(const StateEntry& entry, std::size_t stored) {
  std::vector<Variable> variables = entry.variables;
  const bool has_rate = has_rate_of(entry);
  if (lacks_product(entry, stored)) variables.pop_back();
  if (stored == 1 || (has_rate && stored == 2))
    variables.resize(stored);
  else if (has_rate && stored + 1 == variables.size())
    variables.erase(variables.begin() + 1);
  return variables;
}

// Returns what was wrong with it: that is no failure.
std::string plan_optimizer(const StateEntry& entry,
                           std::vector<StoredTensor> stored,
                           Assignments& plan) {
  const std::size_t before = plan.size();
  drop_unused_momenta(entry, stored);
  const std::vector<Variable> variables = saved_variables(entry, stored.size());
  std::optional<StoredTensor> iterations;
  if (lacks_product(entry, stored.size())) iterations = stored[0];
  try {
    plan_layer({entry.path, entry.name, entry.who, variables}, std::move(stored), plan);
    if (iterations)
      plan.add(entry.product->variable, value_after(*entry.product, *iterations), entry.who);
  } catch (const ValueError& error) {
    plan.cut(before);
    return std::string(error.what()) + "; its state is left as it is";
  }
  return {};
}

}  // namespace

Pieces weights_hdf5(const ModelBase& model) {
  hdf5::Writer file;
  for (const StateEntry& entry : state_tree(model)) {
    const std::string vars = vars_of(entry);
    file.add_group(vars);
    file.set_attribute(vars, "name", entry.name);
    for (std::size_t i = 0; i < entry.variables.size(); ++i)
      file.add(vars + "/" + std::to_string(i), entry.variables[i]);
  }
  return file.pieces();
}

NamedTensors weights_by_path(const ModelBase& model) {
  NamedTensors tensors;
  for (const StateEntry& entry : state_tree(model)) {
    for (std::size_t i = 0; i < entry.variables.size(); ++i)
      tensors.emplace_back(vars_of(entry) + "/" + std::to_string(i), entry.variables[i]);
  }
  return tensors;
}

bool holds_state(const hdf5::Object& root) {
  for (const char* name : {"layers", "_layer_checkpoint_dependencies", "vars"}) {
    if (root.contains(name)) return true;
  }
  return false;
}

void load_state(const ModelBase& model, const WeightStore& store, bool skip_mismatch) {
  Assignments plan;
  Failures failures;
  std::vector<std::string> left_alone;
  for (const StateEntry& entry : state_tree(model, path_in(store))) {
    if (entry.is_optimizer) {
      const std::string why = plan_optimizer(entry, store.variables(entry.path), plan);
      if (!why.empty()) left_alone.push_back(why);
      continue;
    }
    const std::size_t before = plan.size();
    try {
      plan_layer(entry, store.variables(entry.path), plan);
    } catch (const ValueError& error) {
      plan.cut(before);
      failures.add(entry, error.what());
    }
  }
  if (failures.any() && !skip_mismatch) throw ValueError(failures.text());
  if (failures.any()) log_warning(failures.text());
  for (const std::string& why : left_alone) log_warning(why);
  plan.commit();
}

}  // namespace nyala::saving
