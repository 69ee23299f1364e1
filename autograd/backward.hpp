#pragma once
/// The walk back over a tape: what flows where. Internal.
#include <algorithm>
#include <cstdint>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include <nyala/autograd/tape.hpp>
#include <nyala/autograd/tape_log.hpp>

namespace nyala::detail {

/// What flows back into each record: a gradient for each of its outputs.
class Adjoints {
 public:
  Adjoints(std::int64_t begin, std::int64_t end)
      : begin_(begin), range_(static_cast<std::size_t>(end - begin)) {}

  Tensors& at(std::int64_t node) {
    if (node >= begin_) return range_[static_cast<std::size_t>(node - begin_)];
    return before_[node];  // a watched tensor from before the tape began
  }
  void add(std::int64_t node, std::uint16_t output, const Tensor& gradient) {
    Tensors& slots = at(node);
    if (slots.size() <= output) slots.resize(std::size_t{output} + 1);
    slots[output] = slots[output].defined() ? slots[output] + gradient : gradient;
  }
  Tensor get(std::int64_t node, std::uint16_t output) {
    Tensors& slots = at(node);
    return slots.size() > output ? slots[output] : Tensor();
  }

 private:
  std::int64_t begin_;
  std::vector<Tensors> range_;
  std::unordered_map<std::int64_t, Tensors> before_;
};

/// Which records lead from a source: only these are walked back.
class Paths {
 public:
  Paths(TapeLog& log,
        std::int64_t begin,
        std::int64_t end,
        const std::vector<std::int64_t>& sources)
      : begin_(begin), on_path_(static_cast<std::size_t>(std::max<std::int64_t>(end - begin, 0))) {
    for (std::int64_t node : sources) {
      if (node >= begin && node < end)
        on_path_[static_cast<std::size_t>(node - begin)] = true;
      else if (node >= 0)
        before_.insert(node);
    }
    for (std::int64_t node = begin; node < end; ++node) {
      for (std::int64_t input : log.at(node).nodes) {
        if (holds(input)) on_path_[static_cast<std::size_t>(node - begin)] = true;
      }
    }
  }
  bool holds(std::int64_t node) const {
    if (node < 0) return false;
    if (node >= begin_) return on_path_[static_cast<std::size_t>(node - begin_)];
    return !before_.empty() && before_.count(node) > 0;
  }

 private:
  std::int64_t begin_;
  std::vector<bool> on_path_;
  std::unordered_set<std::int64_t> before_;
};

/// Whether the call gathered rows of its first input; then these join the slices.
bool add_rows(const Record& record, const Tensor& dy, const bool* wanted, IndexedSlices& slices);

/// The gradients of a record's inputs for those of its outputs, where `wanted`; undefined ones
/// stand for 0. Throws ValueError for an op without a gradient, and where a gradient of the user's
/// own does not fit the inputs ValueError, ShapeError or TypeError.
Grads backward(const Record& record, Tensors& dys, const bool* wanted);

}  // namespace nyala::detail
