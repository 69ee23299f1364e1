#include <nyala/models/saving/legacy_optimizer.hpp>

#include <algorithm>
#include <string>
#include <vector>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/models/saving/nadam.hpp>
#include <nyala/models/training/trainer.hpp>

namespace nyala::saving {
namespace {

// Slots of one kind, one for each trained variable, and what tells the kind.
template <class Slot>
struct Kind {
  std::string name;
  std::vector<Slot> slots;
};
using StoredKind = Kind<std::size_t>;  // by their places in the file
using OwnKind = Kind<Variable>;

// The kind called `name`; a new one stands behind those that are there.
template <class Slot>
Kind<Slot>& kind_in(std::vector<Kind<Slot>>& kinds, const std::string& name) {
  for (Kind<Slot>& kind : kinds) {
    if (kind.name == name) return kind;
  }
  return kinds.emplace_back(Kind<Slot>{name, {}});
}

bool is_kind(const std::string& word) {
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
                                           "average",
                                           "average_gradient",
                                           "accumulated_grad",
                                           "accumulated_delta_var",
                                           "linear"};
  return std::any_of(
      std::begin(kKinds), std::end(kKinds), [&](const char* kind) { return word == kind; });
}

struct SlotName {
  std::string second;  // "m" in "Adam/m/u/kernel:0", as tf.keras has written since 2.11
  std::string last;    // "m" in "Adam/u/kernel/m:0", as before
};

SlotName read_name(const std::string& name) {
  const std::string plain = name.substr(0, name.rfind(':'));
  const auto first = plain.find('/');
  const auto last = plain.rfind('/');
  if (first == last) return {};
  return {plain.substr(first + 1, plain.find('/', first + 1) - first - 1), plain.substr(last + 1)};
}

// The kinds in the order in which they come. A layer or a weight may have the name of a kind: the
// second words say it only when all of them do. Files without names of kinds have one kind after
// the other.
std::vector<StoredKind> kinds_by_name(const std::vector<std::string>& names,
                                      std::size_t first,
                                      std::size_t count) {
  std::vector<SlotName> slots;
  for (std::size_t i = first; i < names.size(); ++i) slots.push_back(read_name(names[i]));
  const auto all = [&](std::string SlotName::*word) {
    return std::all_of(
        slots.begin(), slots.end(), [&](const SlotName& slot) { return is_kind(slot.*word); });
  };
  const bool by_second = all(&SlotName::second);
  std::vector<StoredKind> kinds;
  if (by_second || all(&SlotName::last)) {
    for (std::size_t i = 0; i < slots.size(); ++i)
      kind_in(kinds, by_second ? slots[i].second : slots[i].last).slots.push_back(first + i);
  } else if (count > 0 && slots.size() % count == 0) {
    for (std::size_t i = 0; i < slots.size(); ++i)
      kind_in(kinds, std::to_string(i / count)).slots.push_back(first + i);
  }
  return kinds;
}

// Our slots by the last word of their names: "momentum", "velocity", "hat".
std::vector<OwnKind> own_kinds(const std::vector<Variable>& slots) {
  std::vector<OwnKind> kinds;
  for (const Variable& slot : slots)
    kind_in(kinds, slot.name().substr(slot.name().rfind('_') + 1)).slots.push_back(slot);
  return kinds;
}

// SGD of tf.keras keeps momenta, be it without momentum.
void drop_unused_momenta(std::vector<StoredKind>& theirs, const std::vector<OwnKind>& ours) {
  for (const OwnKind& kind : ours) {
    if (kind.name == "momentum") return;
  }
  std::erase_if(theirs,
                [](const StoredKind& kind) { return kind.name == "m" || kind.name == "momentum"; });
}

void plan_slots(const std::vector<std::string>& names,
                std::vector<StoredTensor>& stored,
                const std::vector<Variable>& slots,
                std::size_t count,
                const std::string& who,
                Assignments& plan) {
  // Nadam of old keeps its product before the slots.
  const bool has_cache = names.size() > 1 && names[1].find("/momentum_cache") != std::string::npos;
  std::vector<StoredKind> theirs = kinds_by_name(names, has_cache ? 2 : 1, count);
  const std::vector<OwnKind> ours = own_kinds(slots);
  if (ours.empty()) return;
  drop_unused_momenta(theirs, ours);
  if (theirs.size() != ours.size())
    throw ValueError(who + " has " + std::to_string(ours.size()) + " slots for each weight, the " +
                     "file " + std::to_string(theirs.size()));
  for (std::size_t kind = 0; kind < ours.size(); ++kind) {
    const std::size_t found = theirs[kind].slots.size();
    if (found != count || ours[kind].slots.size() != count)
      throw ValueError(who + ": the file has slots of a kind for " + std::to_string(found) +
                       " weights of " + std::to_string(count));
    for (std::size_t i = 0; i < count; ++i)
      plan.add(ours[kind].slots[i], std::move(stored[theirs[kind].slots[i]]), who);
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
      plan.add(variables.at(0), stored[0], who);
      const std::size_t first = optimizer.has_schedule() ? 1 : 2;
      std::vector<Variable> slots(variables.begin() + static_cast<std::ptrdiff_t>(first),
                                  variables.end());
      if (const auto product = momentum_product(optimizer)) {
        slots.pop_back();
        plan.add(product->variable, value_after(*product, stored[0]), who);
      }
      plan_slots(names, stored, slots, model.trainable_variables().size(), who, plan);
    }
  } catch (const ValueError& error) {
    log_warning(std::string(error.what()) + "; the optimizer starts anew");
    return;
  }
  plan.commit();
}

}  // namespace nyala::saving
