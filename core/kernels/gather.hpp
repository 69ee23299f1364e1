#pragma once
/// Reading and adding by index. Indices are the caller's to check: 0 <= index < axis_size.
#include <cstdint>

#include <nyala/core/dtype.hpp>

namespace nyala::kernels {

/// The axis of a table (outer, axis_size, inner) that `count` indices choose from.
struct IndexedAxis {
  DType dtype;
  std::int64_t outer, axis_size, inner, count;
};

/// out[o][i][k] = table[o][indices[i]][k]
void gather(const IndexedAxis& at, const void* table, const std::int64_t* indices, void* out);
/// table[o][indices[i]][k] += updates[o][i][k], in the order of i.
void scatter_add(const IndexedAxis& at,
                 void* table,
                 const std::int64_t* indices,
                 const void* updates);
/// out[o][i][k] = table[o][indices[o][i][k]][k]: take_along_axis. `indices` is (outer, count,
/// inner).
void gather_elements(const IndexedAxis& at,
                     const void* table,
                     const std::int64_t* indices,
                     void* out);
/// table[o][indices[o][i][k]][k] += updates[o][i][k], in the order of i.
void scatter_add_elements(const IndexedAxis& at,
                          void* table,
                          const std::int64_t* indices,
                          const void* updates);
/// The distinct ones of `indices`, in the order in which they first come, and for each index where
/// it stands among them. Gives how many there are; `rows` has room for that many.
std::int64_t distinct(const std::int64_t* indices,
                      std::int64_t count,
                      std::int64_t* rows,
                      std::int64_t* places);
/// out[i] = table[rows[i]], for rows of that many bytes; zeros where 0 <= rows[i] < num_rows is not
/// so.
void take_rows(const void* table,
               std::int64_t num_rows,
               std::int64_t row_bytes,
               const std::int64_t* rows,
               std::int64_t count,
               void* out);
/// table[rows[i]] = values[i], in the order of i, where 0 <= rows[i] < num_rows.
void put_rows(void* table,
              std::int64_t num_rows,
              std::int64_t row_bytes,
              const std::int64_t* rows,
              std::int64_t count,
              const void* values);
/// Rows of (count, depth) with a one at the index; an index out of range gives a row of zeros.
void one_hot(
    DType dtype, const std::int64_t* indices, std::int64_t count, std::int64_t depth, void* out);

}  // namespace nyala::kernels
