#pragma once
/// The product of each step of a recurrent cell, whose right operand stays the same. Not for other
/// kernels.
#include <array>
#include <cstdint>
#include <vector>

#include <nyala/core/kernels/conv_loops.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/kernels/recurrent.hpp>

namespace nyala::kernels {

/// c (rows, n) = a (rows, k) b (k, n), or c + a b with `accumulate`. All are contiguous.
class StepProduct {
 public:
  /// Rows that go through all steps together: a multiple of the products' tiles, few enough for two
  /// threads to share a batch of 32.
  static constexpr std::int64_t kRows = 16;

  StepProduct(const RecurrentPlan& plan, std::int64_t n, std::int64_t k, bool accumulate);

  /// Bytes for the right operand as steps read it.
  std::int64_t arranged_bytes() const;
  /// The right operand as steps read it: `b` itself, or what `to` has room for.
  const void* arrange(const void* b, void* to) const;
  /// Step t, of at most kRows rows or, of a small batch, all of it.
  void run(std::int64_t t,
           std::int64_t rows,
           const void* a,
           const void* arranged,
           const void* bias,
           void* c) const;

 private:
  MatmulPlan product_of(const RecurrentPlan& plan, std::int64_t columns) const;
  void copy_strips(const void* b, void* to) const;
  void pack_pairs(const float* b, std::byte* to) const;
  void run_pairs(
      std::int64_t rows, const float* a, const std::byte* b, const float* bias, float* c) const;
  void run_strips(std::int64_t t, const void* a, const void* b, const void* bias, void* c) const;

  std::int64_t item_;
  bool narrow_, packs_, in_strips_;
  MatmulPlan whole_, part_;
  std::array<MatmulPlan, 2> strips_;  // a whole one and the last
  ConvLoops pairs_{};                 // where narrow
};

}  // namespace nyala::kernels
