#pragma once
/// Reading a table of numbers, for the examples.
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <nyala/nyala.hpp>

namespace example {

/// A CSV file as a float32 tensor of shape (rows, columns); lines that do not begin with a number
/// (a header) are left out.
inline nyala::Tensor read_csv(const std::string& path) {
  std::ifstream file(path);
  if (!file) throw nyala::IoError("cannot read " + path);
  std::vector<float> values;
  std::int64_t rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || (std::isdigit(static_cast<unsigned char>(line[0])) == 0 && line[0] != '-'))
      continue;
    std::stringstream cells(line);
    for (std::string cell; std::getline(cells, cell, ',');) values.push_back(std::stof(cell));
    ++rows;
  }
  const auto size = static_cast<std::int64_t>(values.size());
  return nyala::Tensor::from(values, {rows, rows == 0 ? 0 : size / rows});
}

inline std::string data_file(const std::string& name) {
  return std::string(NYALA_EXAMPLE_DATA) + "/" + name;
}

}  // namespace example
