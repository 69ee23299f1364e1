// Which steps run together, in constant time for each.
#include <nyala/autograd/graph/grouping.hpp>

#include <algorithm>

namespace nyala::graph {
namespace {

std::size_t at(ValueId id) { return static_cast<std::size_t>(id); }

std::optional<std::size_t> first_of(const std::set<std::size_t>& places) {
  return places.empty() ? std::nullopt : std::optional(*places.begin());
}

std::optional<std::size_t> earlier(std::optional<std::size_t> a, std::optional<std::size_t> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

}  // namespace

Grouping::Grouping(const Tape& tape,
                   const Plan& plan,
                   const std::vector<std::optional<Pass>>& passes,
                   const std::unordered_multimap<ValueId, std::size_t>& assigned_to)
    : tape_(tape),
      plan_(plan),
      passes_(passes),
      assigned_to_(assigned_to),
      made_in_(tape.values.size()),
      reduced_in_(tape.values.size()),
      read_by_product_in_(plan.variables.size()) {}

bool Grouping::is_view(std::size_t i) const {
  const ValueId made = tape_.steps[i].outputs[0];
  return plan_.root(made) != made;
}

bool Grouping::reads_from_last(std::size_t i) const {
  const std::vector<ValueId>& inputs = tape_.steps[i].inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](ValueId id) {
    return made_in_[at(plan_.root(id))] == units_.size();
  });
}
bool Grouping::reads_reduction_of_last(std::size_t i) const {
  const std::vector<ValueId>& inputs = tape_.steps[i].inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](ValueId id) {
    return reduced_in_[at(plan_.root(id))] == units_.size();
  });
}

// Whether a step may write over a variable that a product of the last unit reads.
bool Grouping::writes_what_a_product_reads(std::size_t i) const {
  const auto [first, last] = assigned_to_.equal_range(tape_.steps[i].outputs[0]);
  return std::any_of(first, last, [&](const auto& assigned) {
    return read_by_product_in_[assigned.second] == units_.size();
  });
}

bool Grouping::joins(std::size_t i) const {
  const std::optional<Pass>& pass = passes_[i];
  if (units_.empty() || !pass || units_.back().kind == Unit::Kind::step) return false;
  if (units_.back().kind == Unit::Kind::small) return pass->is_small();
  return joins_tiles(i, units_.back());
}

bool Grouping::joins_tiles(std::size_t i, const Unit& unit) const {
  const Pass& pass = *passes_[i];
  const bool is_split = unit.columns != unit.rows * unit.columns;
  if (pass.size != unit.rows * unit.columns) return false;
  if (pass.columns != 0 && is_split && pass.columns != unit.columns) return false;
  if (pass.product) return has_products_only_ && !reads_from_last(i);
  if (unit.has_product && (pass.reducing == Reducing::to_one || writes_what_a_product_reads(i)))
    return false;
  // A reduction ends a chain; what it makes is there when the unit has ended.
  return pass.reducing != Reducing::no ? reads_from_last(i) : !reads_reduction_of_last(i);
}

void Grouping::add(std::size_t i) {
  const std::optional<Pass>& pass = passes_[i];
  const bool is_new = !joins(i);
  if (is_new) units_.emplace_back();
  Unit& unit = units_.back();
  unit.steps.push_back(i);
  has_products_only_ = (is_new || has_products_only_) && pass && pass->product != nullptr;
  note(i);
  if (!pass) return;
  unit.has_product |= pass->product != nullptr;
  if (is_new && pass->is_small()) unit.kind = Unit::Kind::small;
  if (is_new && !pass->is_small() && pass->reducing == Reducing::no) unit.kind = Unit::Kind::tiles;
  if (unit.kind != Unit::Kind::tiles) return;
  if (is_new) unit.columns = pass->size;
  if (pass->columns != 0) unit.columns = pass->columns;
  unit.rows = pass->size / unit.columns;
}

void Grouping::note(std::size_t i) {
  const Step& step = tape_.steps[i];
  const std::optional<Pass>& pass = passes_[i];
  for (ValueId id : step.outputs) made_in_[at(id)] = units_.size();
  if (pass && pass->reducing != Reducing::no) reduced_in_[at(step.outputs[0])] = units_.size();
  if (!pass || pass->product == nullptr) return;
  for (ValueId id : step.inputs) {
    const Place& from = plan_.place(plan_.root(id));
    if (from.base == Place::Base::variable) read_by_product_in_[from.index] = units_.size();
  }
}

void ReadySteps::add(std::size_t k) {
  all_.insert(k);
  const std::optional<Pass>& pass = grouping_.pass(steps_[k]);
  if (grouping_.is_view(steps_[k]))
    views_.insert(k);
  else if (!pass)
    single_.insert(k);
  else if (pass->is_small())
    small_.insert(k);
  else
    large_[pass->size].insert(k);
}

// The first one that is a view or joins the last unit.
std::optional<std::size_t> ReadySteps::joining() const {
  const std::optional<std::size_t> view = first_of(views_);
  const Unit* const unit = grouping_.last();
  if (unit == nullptr || unit->kind == Unit::Kind::step) return view;
  if (unit->kind == Unit::Kind::small) return earlier(view, first_of(small_));
  const auto found = large_.find(unit->rows * unit->columns);
  if (found == large_.end()) return view;
  for (std::size_t k : found->second) {
    if (view && *view < k) break;
    if (grouping_.joins(steps_[k])) return k;
  }
  return view;
}

std::size_t ReadySteps::take() {
  std::optional<std::size_t> next = joining();
  if (!next) next = first_of(single_);
  if (!next) next = first_of(small_);
  const std::size_t k = next ? *next : *all_.begin();
  all_.erase(k);
  if (views_.erase(k) + single_.erase(k) + small_.erase(k) > 0) return k;
  const auto same = large_.find(grouping_.pass(steps_[k])->size);
  same->second.erase(k);
  if (same->second.empty()) large_.erase(same);
  return k;
}

}  // namespace nyala::graph
