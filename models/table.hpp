#pragma once
/// Table: text in boxes, as Keras's `rich` draws them. Private to the summary.
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace nyala::detail {

/// Text with a colour for each character.
class StyledText {
 public:
  enum class Style : std::uint8_t { plain, bold, number, none, symbol, yes, no };
  struct Char {
    std::string bytes;  // one character of UTF-8
    Style style = Style::plain;
    bool operator==(const Char&) const = default;
  };

  StyledText() = default;
  StyledText(std::string_view text, Style style = Style::plain) { append(text, style); }
  void append(std::string_view text, Style style = Style::plain);
  void append(const StyledText& other);

  const std::vector<Char>& chars() const { return chars_; }
  std::vector<Char>& chars() { return chars_; }
  std::size_t width() const { return chars_.size(); }

  void write(std::ostream& out, bool colour) const;

 private:
  std::vector<Char> chars_;
};

enum class Align : std::uint8_t { left, right, centre };

struct Column {
  std::string header;
  Align align = Align::left;
  int width = 0;  // wanted, without the spaces beside it
};

/// Draws rows under a header, with a rule between all of them, `width` characters wide.
class Table {
 public:
  Table(std::vector<Column> columns, int width);
  void add(std::vector<StyledText> row);
  void write(std::ostream& out, bool colour) const;

 private:
  using Lines = std::vector<StyledText>;
  void rule(std::ostream& out, const char* const parts[4]) const;
  void write_row(std::ostream& out,
                 const std::vector<StyledText>& row,
                 bool header,
                 bool colour) const;

  std::vector<Column> columns_;
  std::vector<int> widths_;  // with the spaces beside it
  std::vector<std::vector<StyledText>> rows_;
};

}  // namespace nyala::detail
