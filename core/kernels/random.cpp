#include <nyala/core/kernels/random.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/kernels/philox.hpp>
#include <nyala/core/parallel.hpp>

namespace nyala::kernels {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr std::int64_t kBlocks = 128;     // Philox blocks that are worked on at a time
constexpr std::int64_t kGrain = 1 << 15;  // values a piece of parallel work draws: whole batches

// Calls f(words of a batch, first value, number of values) for n values of which a block of four
// words gives `per_block`; returns the counter behind the last block.
template <class F>
std::uint64_t draw(
    std::uint64_t key, std::uint64_t counter, std::int64_t n, std::int64_t per_block, F&& f) {
  parallel_for(n, kGrain, [&](std::int64_t begin, std::int64_t end) {
    std::array<std::uint32_t, kBlocks * 4> words;
    for (std::int64_t at = begin; at < end; at += kBlocks * per_block) {
      const std::int64_t count = std::min(kBlocks * per_block, end - at);
      const std::uint64_t first = counter + static_cast<std::uint64_t>(at / per_block);
      philox_blocks(key, first, (count - 1) / per_block + 1, words.data());
      f(words.data(), at, count);
    }
  });
  return counter + static_cast<std::uint64_t>((n + per_block - 1) / per_block);
}

// Values that four words give: one a word, or one for two words.
template <class T>
constexpr std::int64_t kPerBlock = sizeof(T) == 4 ? 4 : 2;

std::uint64_t word64(const std::uint32_t* words, std::int64_t i) {
  return words[2 * i] | static_cast<std::uint64_t>(words[2 * i + 1]) << 32;
}

// The i-th uniform in [0, 1), with all the bits that T can hold there.
template <class T>
T unit(const std::uint32_t* words, std::int64_t i) {
  if constexpr (sizeof(T) == 4)
    return static_cast<T>(words[i] >> 8) * 0x1p-24F;
  else
    return static_cast<T>(word64(words, i) >> 11) * 0x1p-53;
}

// Box and Muller: values 2i and 2i + 1 share a radius and an angle.
template <class T>
void normals(const std::uint32_t* words, std::int64_t count, T* out) {
  constexpr std::int64_t most = kBlocks * kPerBlock<T> / 2;
  std::array<T, most> radius, angle, sine, cosine;
  const std::int64_t pairs = (count + 1) / 2;
  for (std::int64_t i = 0; i < pairs; ++i) {
    const auto index = static_cast<std::size_t>(i);
    radius[index] = T{1} - unit<T>(words, 2 * i);
    angle[index] = T(6.283185307179586) * unit<T>(words, 2 * i + 1);
  }
  unary_loop(Unary::log, dtype_of<T>)(radius.data(), radius.data(), pairs);
  unary_loop(Unary::sin, dtype_of<T>)(angle.data(), sine.data(), pairs);
  unary_loop(Unary::cos, dtype_of<T>)(angle.data(), cosine.data(), pairs);
  for (std::int64_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(i / 2);
    out[i] = std::sqrt(T{-2} * radius[index]) * (i % 2 == 0 ? cosine[index] : sine[index]);
  }
}

// Values of the normal distribution within two deviations, by its inverse: sqrt 2 times the inverse
// of erf at a uniform value within the mass of that range.
template <class T>
void truncated_normals(const std::uint32_t* words, std::int64_t count, double* out) {
  constexpr double mass = 0.95449973610364158560;  // erf(sqrt 2)
  // Giles's polynomial ("Approximating the erfinv function", 2012), relative error 1e-7.
  constexpr std::array<double, 9> coefficients = {2.81022636e-08,
                                                  3.43273939e-07,
                                                  -3.5233877e-06,
                                                  -4.39150654e-06,
                                                  0.00021858087,
                                                  -0.00125372503,
                                                  -0.00417768164,
                                                  0.246640727,
                                                  1.50140941};
  constexpr std::size_t most = kBlocks * kPerBlock<T>;
  const auto n = static_cast<std::size_t>(count);
  std::array<double, most> x, work;
  for (std::size_t i = 0; i < n; ++i) {
    const auto u = static_cast<double>(unit<T>(words, static_cast<std::int64_t>(i)));
    x[i] = (2 * u - 1) * mass;
    work[i] = (1 - x[i]) * (1 + x[i]);
  }
  unary_loop(Unary::log, float64)(work.data(), work.data(), count);
  for (std::size_t i = 0; i < n; ++i) {
    double y = 0;
    for (const double coefficient : coefficients) y = y * (-2.5 - work[i]) + coefficient;
    out[i] = y * x[i];
  }
  if constexpr (sizeof(T) == 8) {
    // One step of Newton's doubles the digits.
    constexpr double half_root_pi = 0.88622692545275801365;
    for (std::size_t i = 0; i < n; ++i) {
      out[i] -= (std::erf(out[i]) - x[i]) * half_root_pi * std::exp(out[i] * out[i]);
    }
  }
  constexpr double root_two = 1.41421356237309504880;
  for (std::size_t i = 0; i < n; ++i) out[i] = std::clamp(root_two * out[i], -2.0, 2.0);
}

}  // namespace

std::uint64_t philox_bits(std::uint64_t key,
                          std::uint64_t counter,
                          std::int64_t n,
                          std::uint32_t* out) {
  return draw(
      key, counter, n, 4, [&](const std::uint32_t* words, std::int64_t at, std::int64_t count) {
        std::copy(words, words + count, out + at);
      });
}

std::uint64_t philox_uniform(DType dtype,
                             std::uint64_t key,
                             std::uint64_t counter,
                             double low,
                             double high,
                             std::int64_t n,
                             void* out_data) {
  return visit_float(dtype, [&]<class T>() {
    T* out = static_cast<T*>(out_data);
    const T from = static_cast<T>(low), to = static_cast<T>(high),
            width = static_cast<T>(high - low);
    const T last = std::max(from, std::nextafter(to, from));  // rounding must not reach `high`
    return draw(key,
                counter,
                n,
                kPerBlock<T>,
                [&](const std::uint32_t* words, std::int64_t at, std::int64_t count) {
                  for (std::int64_t i = 0; i < count; ++i)
                    out[at + i] = std::min(from + width * unit<T>(words, i), last);
                });
  });
}

std::uint64_t philox_normal(DType dtype,
                            std::uint64_t key,
                            std::uint64_t counter,
                            double mean,
                            double stddev,
                            std::int64_t n,
                            void* out_data) {
  return visit_float(dtype, [&]<class T>() {
    T* out = static_cast<T*>(out_data);
    return draw(key,
                counter,
                n,
                kPerBlock<T>,
                [&](const std::uint32_t* words, std::int64_t at, std::int64_t count) {
                  normals(words, count, out + at);
                  for (std::int64_t i = at; i < at + count; ++i)
                    out[i] = static_cast<T>(mean) + static_cast<T>(stddev) * out[i];
                });
  });
}

std::uint64_t philox_truncated_normal(DType dtype,
                                      std::uint64_t key,
                                      std::uint64_t counter,
                                      double mean,
                                      double stddev,
                                      std::int64_t n,
                                      void* out_data) {
  return visit_float(dtype, [&]<class T>() {
    T* out = static_cast<T*>(out_data);
    const auto batch = [&](const std::uint32_t* words, std::int64_t at, std::int64_t count) {
      std::array<double, kBlocks * kPerBlock<T>> x;
      truncated_normals<T>(words, count, x.data());
      for (std::int64_t i = 0; i < count; ++i) {
        out[at + i] = static_cast<T>(mean + stddev * x[static_cast<std::size_t>(i)]);
      }
    };
    return draw(key, counter, n, kPerBlock<T>, batch);
  });
}

std::uint64_t philox_integers(DType dtype,
                              std::uint64_t key,
                              std::uint64_t counter,
                              std::int64_t low,
                              std::int64_t high,
                              std::int64_t n,
                              void* out_data) {
  const std::uint64_t range = static_cast<std::uint64_t>(high) - static_cast<std::uint64_t>(low);
  return visit_dtype(dtype, [&]<class T>() {
    T* out = static_cast<T*>(out_data);
    return draw(
        key, counter, n, 2, [&](const std::uint32_t* words, std::int64_t at, std::int64_t count) {
          for (std::int64_t i = 0; i < count; ++i) {
            // The upper half of a 128-bit product: as even as 64 bits over the range can be.
            const auto offset = static_cast<std::uint64_t>((Wide{word64(words, i)} * range) >> 64);
            out[at + i] =
                static_cast<T>(static_cast<std::int64_t>(static_cast<std::uint64_t>(low) + offset));
          }
        });
  });
}

std::uint64_t philox_permutation(std::uint64_t key,
                                 std::uint64_t counter,
                                 std::int64_t n,
                                 std::int64_t* out) {
  std::iota(out, out + n, std::int64_t{0});
  for (std::int64_t i = n - 1; i > 0; --i) {
    const auto words = philox(key, counter + static_cast<std::uint64_t>(n - 1 - i));
    const auto j = static_cast<std::uint64_t>(
        (Wide{word64(words.data(), 0)} * static_cast<std::uint64_t>(i + 1)) >> 64);
    std::swap(out[i], out[j]);
  }
  return counter + static_cast<std::uint64_t>(std::max<std::int64_t>(n - 1, 0));
}

}  // namespace nyala::kernels
