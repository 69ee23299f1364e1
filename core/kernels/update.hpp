#pragma once
/// What optimizers do to a weight, in one pass over its elements.
#include <cstddef>
#include <cstdint>

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

/// Adam's step of a weight: a lerp, a lerp_square and the root_step that reads what both write, in
/// one pass over their arrays. At `arrays` are the inputs of each, one after the other and without
/// the m and v of the last (m, g, w; v, g, w; x, r, e), then the three that are written.
using AdamLoop = void (*)(void* const* arrays, std::int64_t n);
inline constexpr std::size_t kAdamInputs = 9, kAdamArrays = 12;
AdamLoop adam_loop(DType dtype);

/// An update on the pool, where it is worth that.
void update(Update op, DType dtype, std::int64_t n, const void* const* inputs, void* out);

}  // namespace nyala::kernels
