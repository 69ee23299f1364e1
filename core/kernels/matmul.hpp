#pragma once
/// Matrix products that are planned once and run many times: `plan_matmul` looks at dtype, sizes
/// and strides and picks the loops, and running a plan is one call through a pointer. Of every
/// dtype: float32 and float64 by BLAS or SIMD loops (core/matmul.hpp), bfloat16 where the CPU
/// multiplies it, bool (or of ands), uint8, int32 and int64 (wrapping)
/// exactly. Results do not depend on the number of threads.
#include <cstdint>
#include <span>

#include <nyala/core/dtype.hpp>
#include <nyala/core/kernels/layout.hpp>

namespace nyala::kernels {

/// Whether products are computed in the dtype itself on this CPU.
bool multiplies(DType dtype);

/// How a matrix lies in memory, in elements.
struct MatrixStrides {
  std::int64_t row;
  std::int64_t column;
};

/// What is done beside the product, for float32 and float64; bfloat16 takes relu alone.
struct MatmulOptions {
  bool accumulate = false;  ///< c += a b instead of c = a b
  bool relu = false;        ///< in the end, after a bias, c = max(c, 0); a NaN stays
};

/// Arrays that are read when a product is done, and fetched while it keeps the multipliers busy.
struct Ahead {
  const std::byte* const* arrays = nullptr;
  std::int64_t count = 0;
  std::int64_t bytes = 0;  ///< of each
};

/// c = a b, for a (m, k), b (k, n) and c (m, n), whose columns are adjacent.
struct MatmulPlan {
  /// `bias` is null or, for floats, n elements, which are added to every row.
  using Run = void (*)(const MatmulPlan&, const void* a, const void* b, const void* bias, void* c);
  /// `count` products one after the other; steps are in elements.
  struct Batch {
    std::int64_t count, a_step, b_step, c_step;
  };
  using RunBatch = void (*)(const MatmulPlan&, const Batch&, const void* a, const void* b, void* c);

  /// What to call; large products run on the pool.
  Run run;

  /// The rest is for the loops themselves. One column is computed as the transpose of one row:
  /// sizes, strides, and the operands of `run_tile` and `run_batch` are then turned.
  DType dtype;
  bool accumulate, relu, turned;
  std::int64_t m, n, k;
  MatrixStrides a, b;
  std::int64_t c_row;
  std::int64_t bias_step;                ///< 0 where one bias serves all of c
  std::int64_t tile_rows, tile_columns;  ///< what one thread takes of a large product
  bool packed_b;                         ///< b is as `pack_columns` leaves it
  bool blas;                             ///< `run_tile` calls BLAS
  const Ahead* ahead;                    ///< null for none
  Run run_tile;                          ///< all on the calling thread
  RunBatch run_batch;                    ///< all on the calling thread

  void operator()(const void* a_data, const void* b_data, void* c_data) const {
    run(*this, a_data, b_data, nullptr, c_data);
  }
  void operator()(const void* a_data, const void* b_data, const void* bias, void* c_data) const {
    run(*this, a_data, b_data, bias, c_data);
  }
};

/// A product to plan: c (m, n) = a (m, k) b (k, n).
struct MatrixProduct {
  DType dtype;
  std::int64_t m, n, k;
  MatrixStrides a, b;
  std::int64_t c_row;  ///< from one row of c to the next
  MatmulOptions options = {};
};

/// Plans a product of any sizes, 0 included; k == 0 gives zeros. The operands may not overlap c.
/// Throws TypeError for options with integers.
MatmulPlan plan_matmul(const MatrixProduct& product);

/// A plan's `run_batch` where nothing is faster: its `run_tile` for each product, without a bias.
void run_one_by_one(
    const MatmulPlan& p, const MatmulPlan::Batch& batch, const void* a, const void* b, void* c);

/// The plan of a part of a product of floats whose right operand has adjacent columns: of `rows`
/// rows and `columns` columns, c's rows being `c_row` apart. With `packed`, of all columns, for a
/// right operand that `pack_columns` has packed. Its `run_tile` also takes fewer rows and columns.
MatmulPlan part_of(const MatmulPlan& whole,
                   std::int64_t rows,
                   std::int64_t columns,
                   std::int64_t c_row,
                   bool packed);
/// Packs the right operand of such a product into `packed_size` elements.
void pack_columns(const MatmulPlan& whole, const void* b, void* to);
std::int64_t packed_size(const MatmulPlan& whole);

/// One product for each position of some batch axes; c is contiguous (batch..., m, n).
struct BatchedMatmulPlan {
  MatmulPlan one;
  std::int64_t batch;  ///< 1 where `one` does it all
  Layout<2> layout;    ///< of the batch axes of a and b

  void operator()(const void* a, const void* b, void* c) const;
};

/// The batch strides of a and b may be 0. `one` is each product; its c_row is n.
BatchedMatmulPlan plan_batched_matmul(const MatrixProduct& one,
                                      std::span<const std::int64_t> batch_shape,
                                      const std::int64_t* a_batch_strides,
                                      const std::int64_t* b_batch_strides);

}  // namespace nyala::kernels
