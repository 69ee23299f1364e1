#include <nyala/models/table.hpp>

#include <algorithm>
#include <cmath>
#include <ostream>

namespace nyala::detail {
namespace {

using Char = StyledText::Char;
using Style = StyledText::Style;

bool is_space(const Char& c) { return c.bytes == " "; }

const char* code_of(Style style) {
  switch (style) {
    case Style::bold: return "1";
    case Style::number: return "38;5;34";
    case Style::none: return "38;5;45";
    case Style::symbol: return "38;5;33";
    case Style::yes: return "1;38;5;34";
    case Style::no: return "1;38;5;9";
    default: return "";
  }
}

void pad(std::vector<Char>& line, std::size_t before, std::size_t after) {
  line.insert(line.begin(), before, {" ", Style::plain});
  line.insert(line.end(), after, {" ", Style::plain});
}

// Cuts a line that is too long, the last character then being an ellipsis.
void truncate(std::vector<Char>& line, std::size_t width) {
  if (line.size() <= width) return;
  line.resize(width);
  if (width > 0) line.back().bytes = "…";
}

void strip_end(std::vector<Char>& line) {
  while (!line.empty() && is_space(line.back())) line.pop_back();
}

void align_line(std::vector<Char>& line, Align align, std::size_t width) {
  if (align != Align::left) strip_end(line);
  truncate(line, width);
  const std::size_t missing = width - line.size();
  if (align == Align::left) pad(line, 0, missing);
  if (align == Align::right) pad(line, missing, 0);
  if (align == Align::centre) pad(line, missing / 2, missing - missing / 2);
}

// Where lines begin: words stay whole, and one too long for any line stands on a line of its own.
std::vector<std::size_t> line_starts(const std::vector<Char>& text, std::size_t width) {
  std::vector<std::size_t> starts;
  std::size_t used = 0;
  std::size_t start = 0;
  while (start < text.size()) {
    std::size_t end = start;
    while (end < text.size() && is_space(text[end])) ++end;
    while (end < text.size() && !is_space(text[end])) ++end;
    const std::size_t length = end - start;
    while (end < text.size() && is_space(text[end])) ++end;
    const bool fits = width >= used && width - used >= length;
    if (fits) {
      used += end - start;
    } else if (start > 0 && (length > width || used > 0)) {
      starts.push_back(start);
      used = end - start;
    } else if (length > width) {
      used = end - start;
    }
    start = end;
  }
  return starts;
}

std::vector<StyledText> wrap(const StyledText& text, Align align, std::size_t width) {
  std::vector<StyledText> lines;
  std::vector<std::size_t> cuts = line_starts(text.chars(), width);
  cuts.push_back(text.width());
  std::size_t begin = 0;
  for (std::size_t end : cuts) {
    const auto& all = text.chars();
    StyledText line;
    line.chars().assign(all.begin() + static_cast<std::ptrdiff_t>(begin),
                        all.begin() + static_cast<std::ptrdiff_t>(end));
    while (line.width() > width && is_space(line.chars().back())) line.chars().pop_back();
    align_line(line.chars(), align, width);
    lines.push_back(std::move(line));
    begin = end;
  }
  return lines;
}

// Takes what is too much from all columns alike.
std::vector<int> shrink(std::vector<int> widths, int most) {
  int excess = -most;
  for (int width : widths) excess += width;
  if (excess <= 0) return widths;
  int left = static_cast<int>(widths.size());
  for (int& width : widths) {
    const int share = std::min(width, static_cast<int>(std::nearbyint(1.0 * excess / left)));
    width -= share;
    excess -= share;
    --left;
  }
  return widths;
}

}  // namespace

void StyledText::append(std::string_view text, Style style) {
  for (char c : text) {
    const bool continues = (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
    if (continues && !chars_.empty())
      chars_.back().bytes += c;
    else
      chars_.push_back({std::string(1, c), style});
  }
}

void StyledText::append(const StyledText& other) {
  chars_.insert(chars_.end(), other.chars_.begin(), other.chars_.end());
}

void StyledText::write(std::ostream& out, bool colour) const {
  Style now = Style::plain;
  for (const Char& c : chars_) {
    if (colour && c.style != now) {
      if (now != Style::plain) out << "\x1b[0m";
      if (c.style != Style::plain) out << "\x1b[" << code_of(c.style) << 'm';
      now = c.style;
    }
    out << c.bytes;
  }
  if (now != Style::plain) out << "\x1b[0m";
}

Table::Table(std::vector<Column> columns, int width) : columns_(std::move(columns)) {
  for (const Column& column : columns_) widths_.push_back(column.width + 2);
  widths_ = shrink(widths_, width - static_cast<int>(columns_.size()) - 1);
}

void Table::add(std::vector<StyledText> row) { rows_.push_back(std::move(row)); }

void Table::rule(std::ostream& out, const char* const parts[4]) const {
  for (std::size_t i = 0; i < widths_.size(); ++i) {
    out << parts[i == 0 ? 0 : 2];
    for (int k = 0; k < widths_[i]; ++k) out << parts[1];
  }
  out << parts[3] << '\n';
}

void Table::write_row(std::ostream& out,
                      const std::vector<StyledText>& row,
                      bool header,
                      bool colour) const {
  std::vector<Lines> cells;
  std::size_t height = 1;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const auto width = static_cast<std::size_t>(std::max(0, widths_[i] - 2));
    cells.push_back(wrap(row[i], columns_[i].align, width));
    height = std::max(height, cells.back().size());
  }
  const char* edge = header ? "┃" : "│";
  for (std::size_t line = 0; line < height; ++line) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out << edge << ' ';
      if (line < cells[i].size())
        cells[i][line].write(out, colour);
      else
        out << std::string(static_cast<std::size_t>(std::max(0, widths_[i] - 2)), ' ');
      out << ' ';
    }
    out << edge << '\n';
  }
}

void Table::write(std::ostream& out, bool colour) const {
  static constexpr const char* kTop[4] = {"┏", "━", "┳", "┓"};
  static constexpr const char* kHead[4] = {"┡", "━", "╇", "┩"};
  static constexpr const char* kRow[4] = {"├", "─", "┼", "┤"};
  static constexpr const char* kBottom[4] = {"└", "─", "┴", "┘"};
  std::vector<StyledText> header;
  for (const Column& column : columns_) header.emplace_back(column.header, Style::bold);
  rule(out, kTop);
  write_row(out, header, true, colour);
  rule(out, kHead);
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i > 0) rule(out, kRow);
    write_row(out, rows_[i], false, colour);
  }
  rule(out, kBottom);
}

}  // namespace nyala::detail
