#pragma once
/// Tables of numbers as text (.csv).
///
///   const saving::Table table = saving::load_csv("iris.csv");
///   const Tensor x = table.values({"sepal length", "sepal width"});  // (rows, 2)
#include <string>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/limits.hpp>

#pragma GCC visibility push(default)

namespace nyala::saving {

/// Columns of one length, by name.
class Table {
 public:
  /// `values` is (rows, columns), float64.
  Table(std::vector<std::string> columns, Tensor values);

  const std::vector<std::string>& columns() const { return columns_; }
  bool contains(const std::string& column) const;
  std::int64_t num_rows() const { return values_.shape()[0]; }
  /// All of it: (rows, columns).
  const Tensor& values() const { return values_; }
  /// Some columns in this order: (rows, columns). Throws IndexError, with the names there are, for
  /// another name.
  Tensor values(const std::vector<std::string>& columns) const;

 private:
  std::vector<std::string> columns_;
  Tensor values_;
};

struct LoadCsvArgs {
  char separator = ',';
  Limits limits = {};
};

/// Reads a table. The first line names the columns unless it holds nothing but numbers; these are
/// then called "0", "1", ... Cells may stand in double quotes; an empty one is NaN. Throws IoError
/// for a file that cannot be read, FormatError, with the line and column, for a cell that is no
/// number and a line of another length, LimitError beyond the limits.
Table load_csv(const std::string& path, const LoadCsvArgs& args = {});

}  // namespace nyala::saving

#pragma GCC visibility pop
