#include <nyala/models/saving/csv.hpp>

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>

#include <nyala/core/error.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/saving/file.hpp>

namespace nyala::saving {
namespace {

std::string_view without_blanks(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<double> number_of(std::string_view cell) {
  cell = without_blanks(cell);
  if (cell.empty()) return std::numeric_limits<double>::quiet_NaN();
  if (cell.front() == '+' && cell.size() > 1 && cell[1] != '-') cell.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (end != cell.data() + cell.size() || error == std::errc::invalid_argument) return {};
  return value;
}

// Reads cells, line by line.
class Reader {
 public:
  Reader(std::string text, char separator, const std::string& path)
      : text_(std::move(text)), separator_(separator), path_(path) {
    if (text_.starts_with("\xEF\xBB\xBF")) at_ = 3;  // a byte order mark
  }

  /// The number of the last line given, from 1.
  std::int64_t line() const { return line_; }
  bool next(std::vector<std::string>& cells) {
    cells.clear();
    if (at_ >= text_.size()) return false;
    ++line_;
    for (bool more = true; more;) {
      cells.push_back(cell());
      more = at_ < text_.size() && text_[at_] == separator_;
      if (more) ++at_;
    }
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    return true;
  }

 private:
  bool ends_cell() const {
    return at_ >= text_.size() || text_[at_] == separator_ || text_[at_] == '\n' ||
           text_[at_] == '\r';
  }

  std::string cell() {
    std::string value;
    if (at_ < text_.size() && text_[at_] == '"') return quoted_cell();
    while (!ends_cell()) value += text_[at_++];
    return value;
  }

  std::string quoted_cell() {
    std::string value;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '"') {
        value += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        value += text_[at_++];
      } else {
        ++at_;
        if (!ends_cell()) refuse("text after a closing quote");
        return value;
      }
    }
    refuse("a quote that is not closed");
  }

  [[noreturn]] void refuse(const std::string& what) const {
    throw FormatError(path_ + ": line " + std::to_string(line_) + " has " + what);
  }

  std::string text_;
  char separator_;
  const std::string& path_;
  std::size_t at_ = 0;
  std::int64_t line_ = 0;
};

bool is_header(const std::vector<std::string>& cells) {
  return std::any_of(cells.begin(), cells.end(), [](const std::string& cell) {
    return !number_of(cell).has_value();
  });
}

std::vector<std::string> names_of(const std::vector<std::string>& cells,
                                  bool header,
                                  const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    std::string name = header ? std::string(without_blanks(cells[i])) : std::to_string(i);
    if (std::find(names.begin(), names.end(), name) != names.end())
      throw FormatError(path + ": has two columns " + quote_text(name));
    names.push_back(std::move(name));
  }
  return names;
}

}  // namespace

Table::Table(std::vector<std::string> columns, Tensor values)
    : columns_(std::move(columns)), values_(std::move(values)) {
  if (values_.rank() == 2 && values_.dtype() == DType::float64 &&
      values_.shape()[1] == static_cast<std::int64_t>(columns_.size()))
    return;
  throw ShapeError("Table: received " + std::to_string(columns_.size()) +
                   " columns and values of shape " + values_.shape().str());
}

bool Table::contains(const std::string& column) const {
  return std::find(columns_.begin(), columns_.end(), column) != columns_.end();
}

Tensor Table::values(const std::vector<std::string>& columns) const {
  std::vector<std::int64_t> numbers;
  for (const std::string& column : columns) {
    const auto found = std::find(columns_.begin(), columns_.end(), column);
    if (found == columns_.end()) {
      std::string known;
      for (const std::string& name : columns_) known += (known.empty() ? "" : ", ") + name;
      throw IndexError("there is no column " + quote_text(column) + "; there are: " + cut(known));
    }
    numbers.push_back(found - columns_.begin());
  }
  return ops::take(values_, Tensor::from(numbers), {.axis = 1});
}

Table load_csv(const std::string& path, const LoadCsvArgs& args) {
  Reader reader(read_text(path, args.limits.memory), args.separator, path);
  std::vector<std::string> cells;
  if (!reader.next(cells)) throw FormatError(path + ": is empty");
  const bool header = is_header(cells);
  std::vector<std::string> names = names_of(cells, header, path);
  std::vector<double> values;
  std::int64_t rows = 0;
  for (bool more = !header || reader.next(cells); more; more = reader.next(cells)) {
    if (cells.size() == 1 && cells[0].empty()) continue;  // an empty line
    const std::string line = path + ": line " + std::to_string(reader.line());
    if (cells.size() != names.size()) {
      throw FormatError(line + " has " + std::to_string(cells.size()) + " cells, expected " +
                        std::to_string(names.size()));
    }
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const std::optional<double> number = number_of(cells[i]);
      if (!number) {
        throw FormatError(line + ", column " + quote_text(names[i]) + " is " +
                          quote_text(cells[i]) + ", expected a number");
      }
      values.push_back(*number);
    }
    ++rows;
  }
  const auto columns = static_cast<std::int64_t>(names.size());
  return {std::move(names), Tensor::from(values, {rows, columns})};
}

}  // namespace nyala::saving
