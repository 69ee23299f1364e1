#pragma once
/// Which steps run together. Not installed.
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include <nyala/autograd/graph/plan.hpp>

namespace nyala::graph {

/// Steps in their order, each in the last unit or in a new one.
class Grouping {
 public:
  /// `passes` are the steps' own, `assigned_to` gives the variables that a value is assigned to.
  Grouping(const Tape& tape,
           const Plan& plan,
           const std::vector<std::optional<Pass>>& passes,
           const std::unordered_multimap<ValueId, std::size_t>& assigned_to);

  const Unit* last() const { return units_.empty() ? nullptr : &units_.back(); }
  const std::optional<Pass>& pass(std::size_t step) const { return passes_[step]; }
  bool is_view(std::size_t step) const;
  /// Whether a step may run with those of the last unit.
  bool joins(std::size_t step) const;
  /// To the last unit, or as a new one.
  void add(std::size_t step);
  std::vector<Unit> take_units() { return std::move(units_); }

 private:
  bool joins_tiles(std::size_t step, const Unit& unit) const;
  bool reads_from_last(std::size_t step) const;
  bool reads_reduction_of_last(std::size_t step) const;
  bool writes_what_a_product_reads(std::size_t step) const;
  void note(std::size_t step);

  const Tape& tape_;
  const Plan& plan_;
  const std::vector<std::optional<Pass>>& passes_;
  const std::unordered_multimap<ValueId, std::size_t>& assigned_to_;
  std::vector<Unit> units_;
  bool has_products_only_ = false;                 // the last unit
  std::vector<std::size_t> made_in_, reduced_in_;  // of each root: the unit's number, from 1 on
  std::vector<std::size_t> read_by_product_in_;    // of each variable
};

/// The steps that may come next, of which one that joins the last unit comes first; then those of
/// no pass, then passes over small arrays, whose results the large ones may want.
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
