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

Grouping::Grouping(const Tape& tape, const Views& views, const LoopSteps& loops)
    : tape_(tape),
      views_(views),
      loops_(loops),
      made_in_(tape.values.size()),
      reduced_in_(tape.values.size()),
      read_by_product_in_(views.variables.size()) {}

bool Grouping::reads_from_last(std::size_t i) const {
  const std::vector<ValueId>& inputs = tape_.steps[i].inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](ValueId id) {
    return made_in_[at(views_.root(id))] == groups_.size();
  });
}
bool Grouping::reads_reduction_of_last(std::size_t i) const {
  const std::vector<ValueId>& inputs = tape_.steps[i].inputs;
  return std::any_of(inputs.begin(), inputs.end(), [&](ValueId id) {
    return reduced_in_[at(views_.root(id))] == groups_.size();
  });
}

// Whether a step may write over a variable that a product of the last group reads.
bool Grouping::writes_what_a_product_reads(std::size_t i) const {
  const auto [first, last] = views_.assigned_to.equal_range(tape_.steps[i].outputs[0]);
  return std::any_of(first, last, [&](const auto& assigned) {
    return read_by_product_in_[assigned.second] == groups_.size();
  });
}

bool Grouping::joins(std::size_t i) const {
  const std::optional<LoopStep>& loop = loops_[i];
  if (groups_.empty() || !loop || groups_.back().kind == Group::Kind::single) return false;
  if (groups_.back().kind == Group::Kind::small) return loop->is_small();
  return joins_tiles(i, groups_.back());
}

bool Grouping::joins_tiles(std::size_t i, const Group& group) const {
  const LoopStep& loop = *loops_[i];
  const bool is_split = group.columns != group.rows * group.columns;
  if (loop.size != group.rows * group.columns) return false;
  if (loop.columns != 0 && is_split && loop.columns != group.columns) return false;
  if (loop.product) return has_products_only_ && !reads_from_last(i);
  if (group.has_product &&
      (loop.reduction == ReductionKind::to_one || writes_what_a_product_reads(i)))
    return false;
  // A reduction ends a chain; what it makes is there when the group has ended.
  return loop.reduction != ReductionKind::no ? reads_from_last(i) : !reads_reduction_of_last(i);
}

void Grouping::add(std::size_t i) {
  const std::optional<LoopStep>& loop = loops_[i];
  const bool is_new = !joins(i);
  if (is_new) groups_.emplace_back();
  Group& group = groups_.back();
  group.steps.push_back(i);
  has_products_only_ = (is_new || has_products_only_) && loop && loop->product != nullptr;
  note(i);
  if (!loop) return;
  group.has_product |= loop->product != nullptr;
  if (is_new && loop->is_small()) group.kind = Group::Kind::small;
  if (is_new && !loop->is_small() && loop->reduction == ReductionKind::no)
    group.kind = Group::Kind::tiled;
  if (group.kind != Group::Kind::tiled) return;
  if (is_new) group.columns = loop->size;
  if (loop->columns != 0) group.columns = loop->columns;
  group.rows = loop->size / group.columns;
}

void Grouping::note(std::size_t i) {
  const Step& step = tape_.steps[i];
  const std::optional<LoopStep>& loop = loops_[i];
  for (ValueId id : step.outputs) made_in_[at(id)] = groups_.size();
  if (loop && loop->reduction != ReductionKind::no)
    reduced_in_[at(step.outputs[0])] = groups_.size();
  if (!loop || loop->product == nullptr) return;
  for (ValueId id : step.inputs) {
    const MemorySlot& from = views_.slot(views_.root(id));
    if (from.base == MemorySlot::Base::variable) read_by_product_in_[from.index] = groups_.size();
  }
}

void ReadySteps::add(std::size_t k) {
  all_.insert(k);
  const std::optional<LoopStep>& loop = grouping_.loop(steps_[k]);
  if (grouping_.is_view(steps_[k]))
    views_.insert(k);
  else if (!loop)
    single_.insert(k);
  else if (loop->is_small())
    small_.insert(k);
  else
    large_[loop->size].insert(k);
}

// The first one that is a view or joins the last group.
std::optional<std::size_t> ReadySteps::joining() const {
  const std::optional<std::size_t> view = first_of(views_);
  const Group* const group = grouping_.last();
  if (group == nullptr || group->kind == Group::Kind::single) return view;
  if (group->kind == Group::Kind::small) return earlier(view, first_of(small_));
  const auto found = large_.find(group->rows * group->columns);
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
  const auto same = large_.find(grouping_.loop(steps_[k])->size);
  same->second.erase(k);
  if (same->second.empty()) large_.erase(same);
  return k;
}

}  // namespace nyala::graph
