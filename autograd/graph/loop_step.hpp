#pragma once
/// How one step runs in a fused loop. Not installed.
#include <cstdint>
#include <memory>
#include <optional>

#include <nyala/core/op_def.hpp>

namespace nyala::graph {

/// How a step reads an input, for a result seen as (rows, columns): its broadcast kind.
enum class Access : std::uint8_t {
  full,    // every element, in the result's order
  row,     // the same row over and over
  column,  // one element for each row
  scalar   // one element
};

/// Whether one element serves a whole row.
constexpr bool is_one_a_row(Access access) {
  return access == Access::column || access == Access::scalar;
}

/// What a reduction at the end of a fused loop makes of (rows, columns).
enum class ReductionKind : std::uint8_t {
  no,
  to_one,     // one element
  to_column,  // one element for each row
  to_row      // one row
};

/// A pointwise step, a reduction that pointwise steps end in, or a product whose tiles the
/// pointwise steps after it read while they are in the cache.
struct LoopStep {
  std::int64_t size = 0;     // of the result; of the input, for a reduction
  std::int64_t columns = 0;  // 0 where any will do
  SmallVector<Access, 5> inputs;
  ReductionKind reduction = ReductionKind::no;
  kernels::Reduce reduce = {};
  std::shared_ptr<const kernels::MatmulPlan> product = nullptr;  // of all rows and columns

  /// Whether it runs whole, beside others of any size.
  bool is_small() const { return size <= kMostSmall; }
  static constexpr std::int64_t kMostSmall = 2048;
};

}  // namespace nyala::graph
