#pragma once
/// A table's rows by number, for updates that touch only some of them. Rows are int64 and lie along
/// the first axis; a number that the table does not have names no row.
#include <cstdint>

#include <nyala/core/tensor.hpp>

namespace nyala::ops {

/// The distinct rows that indices name.
struct UniqueRows {
  /// In the order in which they first come, then `num_rows` in the places that are left: as many as
  /// there are indices, or rows if these are fewer.
  Tensor rows;
  Tensor places;  ///< for each index: where its row stands in `rows`
};
/// Of rank-1 integers for a table of that many rows; negative ones count from the end. Throws
/// IndexError for one out of bounds.
UniqueRows unique_rows(const Tensor& indices, std::int64_t num_rows);
/// The rows, zeros for one that is not there.
Tensor take_rows(const Tensor& table, const Tensor& rows);
/// The table with other values in these rows, which are distinct; values for one that is not there
/// are left out. A program that assigns the result to the table's variable writes those rows alone.
Tensor put_rows(const Tensor& table, const Tensor& rows, const Tensor& values);
/// The same in the table's own memory, which must be contiguous; nothing is recorded.
void write_rows(Tensor& table, const Tensor& rows, const Tensor& values);

}  // namespace nyala::ops
