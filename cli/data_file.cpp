#include "data_file.hpp"

#include <algorithm>
#include <map>
#include <set>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/csv.hpp>

#include "model_file.hpp"

namespace nyala::cli {
namespace {

using Names = std::vector<std::string>;

// The arrays that one side of a model takes, and how a file may call them.
struct Wanted {
  const char* what;                   // "input"
  Names names;                        // empty for a model that knows none
  std::vector<std::string> prefixes;  // "x": x0, x1, ...
  std::size_t count = 1;
};

Wanted wanted_inputs(const Model& model) {
  Wanted wanted{"input", {}, {"x", "in_"}, 1};
  if (model.base().graph() == nullptr) return wanted;
  wanted.names = model.input_names();
  wanted.count = wanted.names.size();
  return wanted;
}

Wanted wanted_targets(const Model& model) {
  Wanted wanted{"output", {}, {"y", "out_", "out"}, 1};
  if (model.base().graph() == nullptr) return wanted;
  wanted.names = model.output_names();
  wanted.count = wanted.names.size();
  return wanted;
}

bool are_unique(const Names& names) {
  return std::set<std::string>(names.begin(), names.end()).size() == names.size();
}

std::string joined(const Names& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return cut(text.empty() ? "nothing" : text);
}

// The tensors in the model's order; by name where the names tell them apart.
Data as_data(const Wanted& wanted, const std::vector<Tensor>& tensors) {
  if (wanted.names.empty()) return tensors.at(0);
  if (!are_unique(wanted.names)) return tensors;
  std::map<std::string, Tensor> named;
  for (std::size_t i = 0; i < tensors.size(); ++i) named[wanted.names[i]] = tensors[i];
  return named;
}

// The arrays of a file by name.
class Arrays {
 public:
  explicit Arrays(saving::NamedTensors tensors) : tensors_(std::move(tensors)) {}

  const Tensor* find(const std::string& name) const {
    for (const auto& [known, tensor] : tensors_) {
      if (known == name) return &tensor;
    }
    return nullptr;
  }

  // The first of the ways to call them that has all; nothing when none has.
  std::vector<Tensor> find_all(const Wanted& wanted, bool names_first) const {
    std::vector<Names> ways;
    for (const std::string& prefix : wanted.prefixes) {
      Names numbered;
      for (std::size_t i = 0; i < wanted.count; ++i) numbered.push_back(prefix + std::to_string(i));
      ways.push_back(std::move(numbered));
    }
    if (!wanted.names.empty() && are_unique(wanted.names))
      ways.insert(names_first ? ways.begin() : ways.end(), wanted.names);
    if (wanted.count == 1) ways.push_back({wanted.prefixes[0]});
    for (const Names& way : ways) {
      std::vector<Tensor> found;
      for (const std::string& name : way) {
        if (const Tensor* tensor = find(name)) found.push_back(*tensor);
      }
      if (found.size() == way.size()) return found;
    }
    return {};
  }

  [[noreturn]] void refuse(const Wanted& wanted) const {
    Names there;
    for (const auto& [name, tensor] : tensors_) there.push_back(name);
    Names numbered;
    for (std::size_t i = 0; i < wanted.count; ++i)
      numbered.push_back(wanted.prefixes[0] + std::to_string(i));
    const std::string by_name = wanted.names.empty() ? "" : joined(wanted.names) + ", or ";
    throw ValueError("holds the arrays " + joined(there) + "; the " + wanted.what +
                     (wanted.count == 1 ? "" : "s") + " of the model are " + by_name +
                     joined(numbered));
  }

  Data need(const Wanted& wanted, bool names_first) const {
    std::vector<Tensor> found = find_all(wanted, names_first);
    const bool is_input = names_first;
    if (found.empty() && is_input && wanted.count == 1 && tensors_.size() == 1)
      found = {tensors_[0].second};
    if (found.empty()) refuse(wanted);
    return as_data(wanted, found);
  }

 private:
  saving::NamedTensors tensors_;
};

// The columns "name", or "name_0", "name_1", ...; none when there are none.
Names columns_of(const saving::Table& table, const std::string& name) {
  if (table.contains(name)) return {name};
  Names columns;
  for (std::string next = name + "_0"; table.contains(next);
       next = name + "_" + std::to_string(columns.size()))
    columns.push_back(next);
  return columns;
}

// One input takes all columns that are no targets; several take those that bear their names.
Data table_inputs(const saving::Table& table, const DataArgs& args, const Model& model) {
  const Wanted wanted = wanted_inputs(model);
  std::vector<Tensor> inputs;
  if (wanted.count == 1) {
    Names columns;
    for (const std::string& column : table.columns()) {
      const bool is_target =
          std::find(args.targets.begin(), args.targets.end(), column) != args.targets.end();
      if (!is_target) columns.push_back(column);
    }
    inputs.push_back(table.values(columns));
  }
  for (std::size_t i = 0; wanted.count > 1 && i < wanted.count; ++i) {
    const Names columns = columns_of(table, wanted.names[i]);
    if (columns.empty()) {
      throw ValueError("has the columns " + joined(table.columns()) + "; input " + wanted.names[i] +
                       " has none, as " + wanted.names[i] + " or " + wanted.names[i] + "_0");
    }
    inputs.push_back(table.values(columns));
  }
  return as_data(wanted, inputs);
}

// One output takes all targets; several take one each.
Data table_targets(const saving::Table& table, const DataArgs& args, const Model& model) {
  const Wanted wanted = wanted_targets(model);
  if (args.targets.empty())
    throw UsageError(args.path + ": name the column of the targets with --target");
  if (wanted.count == 1) return as_data(wanted, {table.values(args.targets)});
  if (args.targets.size() != wanted.count) {
    throw UsageError(args.path + ": " + std::to_string(args.targets.size()) +
                     " columns of targets for " + std::to_string(wanted.count) + " outputs");
  }
  std::vector<Tensor> targets;
  for (const std::string& column : args.targets) targets.push_back(table.values({column}));
  return as_data(wanted, targets);
}

bool is_table(const std::string& path) { return path.ends_with(".csv"); }

}  // namespace

Batch read_samples(const DataArgs& args, const Model& model) {
  return about(args.path, [&]() -> Batch {
    if (is_table(args.path)) {
      const saving::Table table = saving::load_csv(args.path);
      Data targets = table_targets(table, args, model);  // first: wrong usage, not wrong data
      return {table_inputs(table, args, model), std::move(targets), {}};
    }
    const Arrays arrays(saving::load_npz(args.path));
    Batch batch{
        arrays.need(wanted_inputs(model), true), arrays.need(wanted_targets(model), false), {}};
    if (const Tensor* weights = arrays.find("sw")) batch.sample_weight = *weights;
    return batch;
  });
}

Data read_inputs(const DataArgs& args, const Model& model) {
  return about(args.path, [&]() -> Data {
    if (is_table(args.path)) return table_inputs(saving::load_csv(args.path), args, model);
    if (args.path.ends_with(".npy"))
      return Arrays({{"x", saving::load_npy(args.path)}}).need(wanted_inputs(model), true);
    return Arrays(saving::load_npz(args.path)).need(wanted_inputs(model), true);
  });
}

saving::NamedTensors name_outputs(const Outputs& outputs) {
  const bool by_name = outputs.names().size() == outputs.size() && are_unique(outputs.names());
  saving::NamedTensors named;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    named.emplace_back(by_name ? outputs.names()[i] : "out" + std::to_string(i), outputs[i]);
  return named;
}

}  // namespace nyala::cli
