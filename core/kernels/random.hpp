#pragma once
/// Random numbers by counter: Philox4x32-10. Value i of a call depends on (key, counter, i) alone,
/// whatever the number of threads. A call consumes counters from `counter` on; the functions return
/// the first counter after them.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// n uniform 32-bit words.
std::uint64_t philox_bits(std::uint64_t key,
                          std::uint64_t counter,
                          std::int64_t n,
                          std::uint32_t* out);
/// Uniform in [low, high); float32 or float64.
std::uint64_t philox_uniform(DType dtype,
                             std::uint64_t key,
                             std::uint64_t counter,
                             double low,
                             double high,
                             std::int64_t n,
                             void* out);
/// Normal; float32 or float64.
std::uint64_t philox_normal(DType dtype,
                            std::uint64_t key,
                            std::uint64_t counter,
                            double mean,
                            double stddev,
                            std::int64_t n,
                            void* out);
/// Normal, cut at two standard deviations (before the scaling: `stddev` is the uncut one's).
std::uint64_t philox_truncated_normal(DType dtype,
                                      std::uint64_t key,
                                      std::uint64_t counter,
                                      double mean,
                                      double stddev,
                                      std::int64_t n,
                                      void* out);
/// Uniform integers in [low, high), low < high; any integer dtype that holds them.
std::uint64_t philox_integers(DType dtype,
                              std::uint64_t key,
                              std::uint64_t counter,
                              std::int64_t low,
                              std::int64_t high,
                              std::int64_t n,
                              void* out);
/// A uniform permutation of 0 .. n-1.
std::uint64_t philox_permutation(std::uint64_t key,
                                 std::uint64_t counter,
                                 std::int64_t n,
                                 std::int64_t* out);

}  // namespace nyala::kernels
