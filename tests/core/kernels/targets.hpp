#pragma once
/// Runs a test under each instruction set that this CPU has and the kernels are compiled for.
#include <array>
#include <cstdint>

#include <hwy/targets.h>

/// Calls f once for each; the best one is chosen again at the end.
template <class F>
void for_each_target(F&& f) {
  hwy::SetSupportedTargetsForTest(0);
  const std::int64_t supported = hwy::SupportedTargets();
  for (const std::int64_t target :
       std::array<std::int64_t, 4>{HWY_SCALAR, HWY_SSE4, HWY_AVX2, HWY_AVX3}) {
    if ((supported & target) == 0) continue;
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(target);
    f(hwy::TargetName(target));
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
}
