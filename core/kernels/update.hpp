#pragma once
/// What optimizers do to a weight, in one pass over its elements.
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

enum class Update : std::uint8_t {
  lerp,         ///< (x, y; w): x + (y - x) w
  lerp_square,  ///< (x, y; w): x + (y^2 - x) w
  descend,      ///< (x, y; r): x - y r
  root_step,    ///< (x, m, v; r, e): x - m r / (sqrt(v) + e)
};

/// How many arrays an update reads; what follows these are single elements.
constexpr std::size_t num_arrays(Update op) { return op == Update::root_step ? 3 : 2; }

/// The arrays and the single elements.
constexpr std::size_t num_inputs(Update op) { return op == Update::root_step ? 5 : 3; }

/// Over contiguous arrays, on the calling thread; `out` may be one of the inputs.
using UpdateLoop = void (*)(const void* const* inputs, void* out, std::int64_t n);
/// For float32 and float64; throws TypeError for any other dtype.
UpdateLoop update_loop(Update op, DType dtype);

/// Updates in one loop over all their arrays: at `arrays` are those that are read, then those that
/// are written.
using FusedUpdateLoop = void (*)(void* const* arrays, std::int64_t n);
inline constexpr std::size_t kFusedInputs = 9, kFusedArrays = 12;

/// Updates that one loop does when they come one after the other.
struct FusedUpdates {
  /// An input of one of the updates or, after its inputs, its result.
  struct Operand {
    std::uint8_t update, index;
  };
  std::array<Update, 3> updates;
  /// Results that a later update reads, and as which of its inputs.
  std::array<std::pair<Operand, Operand>, 2> handed_on;
  std::array<Operand, kFusedArrays> arrays;  ///< what the loop takes
  FusedUpdateLoop (*loop)(DType dtype);  ///< throws TypeError for what is not float32 or float64
};

/// The loop of Adam's step of a weight. Without `squares` the second update is a lerp too: its g is
/// a square already. Throws TypeError for what is not float32 or float64.
FusedUpdateLoop adam_loop(DType dtype, bool squares);
/// m = lerp(m, g; w), v = second(v, g; w), x = root_step(x, m, v; r, e).
constexpr FusedUpdates adam_updates(Update second, FusedUpdateLoop (*loop)(DType dtype)) {
  return {{Update::lerp, second, Update::root_step},
          {{{{0, 3}, {2, 1}}, {{1, 3}, {2, 2}}}},
          {{{0, 0},
            {0, 1},
            {0, 2},
            {1, 0},
            {1, 1},
            {1, 2},
            {2, 0},
            {2, 3},
            {2, 4},
            {0, 3},
            {1, 3},
            {2, 5}}},
          loop};
}
inline constexpr FusedUpdates kFusedUpdates[] = {
    adam_updates(Update::lerp_square, [](DType dtype) { return adam_loop(dtype, true); }),
    adam_updates(Update::lerp, [](DType dtype) { return adam_loop(dtype, false); })};

/// An update on the pool, where it is worth that.
void update(Update op, DType dtype, std::int64_t n, const void* const* inputs, void* out);

}  // namespace nyala::kernels
