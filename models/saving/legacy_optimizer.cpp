#include <nyala/models/saving/legacy_optimizer.hpp>

#include <algorithm>
#include <map>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::saving {
namespace {

// Slots of one kind, one for each trained variable.
using Kind = std::vector<std::size_t>;

std::string without_number(const std::string& name) {
  const auto colon = name.rfind(':');
  return colon == std::string::npos ? name : name.substr(0, colon);
}

// What tells the kinds of slots apart: "m" in "Adam/m/u/kernel:0" and in "Adam/u/kernel/m:0".
std::string kind_of(const std::string& name) {
  const std::string plain = without_number(name);
  const auto first = plain.find('/');
  const auto last = plain.rfind('/');
  if (first == std::string::npos || first == last) return {};
  static constexpr const char* kKinds[] = {"m",
                                           "v",
                                           "vhat",
                                           "u",
                                           "momentum",
                                           "velocity",
                                           "rms",
                                           "mg",
                                           "accumulator",
                                           "accum_grad",
                                           "accum_var",
                                           "average_gradient",
                                           "accumulated_grad",
                                           "accumulated_delta_var",
                                           "linear"};
  const auto known = [&](const std::string& word) {
    return std::any_of(
        std::begin(kKinds), std::end(kKinds), [&](const char* kind) { return word == kind; });
  };
  std::string second = plain.substr(first + 1, plain.find('/', first + 1) - first - 1);
  if (known(second)) return second;
  const std::string end = plain.substr(last + 1);
  return known(end) ? end : std::string();
}

// Lists of places, one for each kind of slot, in the order in which the kinds come. Files without
// names of kinds have one kind after the other.
std::vector<Kind> kinds_by_name(const std::vector<std::string>& names,
                                std::size_t first,
                                std::size_t count) {
  std::vector<Kind> kinds;
  std::map<std::string, std::size_t> numbers;
  for (std::size_t i = first; i < names.size(); ++i) {
    const std::string kind = kind_of(names[i]);
    if (kind.empty()) {
      if (count == 0 || (names.size() - first) % count != 0) return {};
      kinds.assign((names.size() - first) / count, {});
      for (std::size_t k = first; k < names.size(); ++k) kinds[(k - first) / count].push_back(k);
      return kinds;
    }
    const auto [at, fresh] = numbers.emplace(kind, kinds.size());
    if (fresh) kinds.emplace_back();
    kinds[at->second].push_back(i);
  }
  return kinds;
}

// Our slots stand kind beside kind for each variable, or one kind after the other; the shapes and
// names say which.
std::vector<std::vector<Variable>> own_kinds(const std::vector<Variable>& slots,
                                             std::size_t count) {
  if (count == 0 || slots.size() % count != 0) return {};
  const std::size_t kinds = slots.size() / count;
  const auto ending = [](const Variable& slot) {
    return slot.name().substr(slot.name().rfind('_') + 1);
  };
  const bool beside = kinds < 2 || ending(slots[0]) != ending(slots[1]);
  std::vector<std::vector<Variable>> result(kinds);
  for (std::size_t i = 0; i < slots.size(); ++i)
    result[beside ? i % kinds : i / count].push_back(slots[i]);
  return result;
}

void plan_slots(const std::vector<std::string>& names,
                std::vector<StoredTensor>& stored,
                const std::vector<Variable>& slots,
                std::size_t count,
                const std::string& who,
                Assignments& plan) {
  const std::vector<Kind> theirs = kinds_by_name(names, 1, count);
  const std::vector<std::vector<Variable>> ours = own_kinds(slots, count);
  // SGD of old kept momenta that it did not use.
  if (ours.empty() && slots.empty()) return;
  if (theirs.size() != ours.size())
    throw ValueError(who + " has " + std::to_string(ours.size()) + " slots for each weight, the " +
                     "file " + std::to_string(theirs.size()));
  for (std::size_t kind = 0; kind < ours.size(); ++kind) {
    if (theirs[kind].size() != count)
      throw ValueError(who + ": the file has slots of a kind for " +
                       std::to_string(theirs[kind].size()) + " weights of " +
                       std::to_string(count));
    for (std::size_t i = 0; i < count; ++i)
      plan.add(ours[kind][i], std::move(stored[theirs[kind][i]]), who);
  }
}

}  // namespace

void load_legacy_optimizer(const ModelBase& model,
                           const std::vector<std::string>& names,
                           std::vector<StoredTensor> stored,
                           const LegacyOrigin& origin) {
  if (stored.empty()) return;
  const optimizers::Optimizer& optimizer = model.trainer().optimizer();
  const std::vector<Variable> variables = optimizer.variables();
  const std::string who = "optimizer \"" + optimizer.name() + "\"";
  Assignments plan;
  try {
    if (origin.version.rfind("3.", 0) == 0) {
      if (stored.size() != variables.size())
        throw ValueError(who + " has " + std::to_string(variables.size()) +
                         " variables, the file has " + std::to_string(stored.size()));
      for (std::size_t i = 0; i < stored.size(); ++i)
        plan.add(variables[i], std::move(stored[i]), who);
    } else {
      plan.add(variables.at(0), std::move(stored[0]), who);
      const std::size_t first = optimizer.has_schedule() ? 1 : 2;
      const std::vector<Variable> slots(variables.begin() + static_cast<std::ptrdiff_t>(first),
                                        variables.end());
      plan_slots(names, stored, slots, model.trainable_variables().size(), who, plan);
    }
  } catch (const ValueError& error) {
    log_warning(std::string(error.what()) + "; the optimizer starts anew");
    return;
  }
  plan.commit();
}

}  // namespace nyala::saving
