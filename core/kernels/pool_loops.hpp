#pragma once
/// The inner loops of pooling: windows of one row of outputs, of which each has as many elements.
#include <array>
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// Distances are in elements.
struct PoolRun {
  std::int64_t x, y;           ///< where the first window and its output begin
  std::int64_t count, x_step;  ///< windows, and from one to the next; outputs lie side by side
  std::array<std::int64_t, 3> taps, tap_step;  ///< of a window, along each axis
  std::int64_t channels;
  bool apart;  ///< windows share no element: what spreads is stored, not added

  std::int64_t elements() const { return taps[0] * taps[1] * taps[2]; }
};

struct PoolLoops {
  void (*max)(const PoolRun& run, const void* x, void* y);
  void (*pick)(const PoolRun& run, const void* x, const void* from, void* y);
  void (*spread_max)(const PoolRun& run, const void* x, const void* dy, void* dx);
  void (*average)(const PoolRun& run, const void* x, void* y);
  void (*spread_average)(const PoolRun& run, const void* dy, void* dx);
};

/// For float32 and float64, with the widest vectors of this CPU.
PoolLoops pool_loops(DType dtype);

}  // namespace nyala::kernels
