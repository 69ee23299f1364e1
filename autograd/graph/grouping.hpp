#pragma once
/// Which steps run together. Not installed.
#include <map>
#include <optional>
#include <set>
#include <vector>

#include <nyala/autograd/graph/phases.hpp>

namespace nyala::graph {

/// Steps in their order, each in the last group or in a new one.
class Grouping {
 public:
  Grouping(const Tape& tape, const Views& views, const LoopSteps& loops);

  const Group* last() const { return groups_.empty() ? nullptr : &groups_.back(); }
  const std::optional<LoopStep>& loop(std::size_t step) const { return loops_[step]; }
  bool is_view(std::size_t step) const { return views_.is_view(tape_.steps[step]); }
  /// Whether a step may run with those of the last group.
  bool joins(std::size_t step) const;
  /// To the last group, or as a new one.
  void add(std::size_t step);
  std::vector<Group> take_groups() { return std::move(groups_); }

 private:
  bool joins_tiles(std::size_t step, const Group& group) const;
  bool reads_from_last(std::size_t step) const;
  bool reads_reduction_of_last(std::size_t step) const;
  bool writes_what_a_product_reads(std::size_t step) const;
  void note(std::size_t step);

  const Tape& tape_;
  const Views& views_;
  const LoopSteps& loops_;
  std::vector<Group> groups_;
  bool has_products_only_ = false;                 // the last group
  std::vector<std::size_t> made_in_, reduced_in_;  // of each root: the group's number, from 1 on
  std::vector<std::size_t> read_by_product_in_;    // of each variable
};

/// The steps that may come next, of which one that joins the last group comes first; then those
/// that run by themselves, then steps on small arrays, whose results the large ones may want.
class ReadySteps {
 public:
  /// Steps are named by their place in `steps`.
  ReadySteps(const Grouping& grouping, const std::vector<std::size_t>& steps)
      : grouping_(grouping), steps_(steps) {}

  void add(std::size_t k);
  bool empty() const { return all_.empty(); }
  /// Which comes next; it is ready no longer.
  std::size_t take();

 private:
  using Places = std::set<std::size_t>;
  std::optional<std::size_t> joining() const;

  const Grouping& grouping_;
  const std::vector<std::size_t>& steps_;
  Places all_, views_, single_, small_;
  std::map<std::int64_t, Places> large_;  // by size
};

}  // namespace nyala::graph
