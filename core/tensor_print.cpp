#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <sstream>

#include <nyala/core/tensor.hpp>

namespace nyala {
namespace {

constexpr std::int64_t kThreshold = 1000;  // elements from which NumPy writes an ellipsis
constexpr std::int64_t kEdge = 3;          // items shown on either side of it
constexpr int kPrecision = 8;
constexpr std::size_t kLineWidth = 74;  // one less for each axis around

// Positions along an axis that are printed; -1 stands for the ellipsis.
std::vector<std::int64_t> shown(std::int64_t size, bool summarize) {
  std::vector<std::int64_t> items;
  for (std::int64_t i = 0; i < size; ++i) {
    if (summarize && size > 2 * kEdge && i == kEdge) {
      items.push_back(-1);
      i = size - kEdge;
    }
    items.push_back(i);
  }
  return items;
}

// The digits of a number: as many as it takes to tell it from its neighbours, kPrecision behind the
// point at most.
template <class T>
std::string digits_of(T value, std::chars_format notation) {
  char text[400];
  char* end = std::to_chars(text, text + sizeof text, value, notation).ptr;
  const auto fraction = [&] {
    const char* point = std::find(text, end, '.');
    const char* stop = std::find(text, end, 'e');
    return point == end ? 0 : stop - point - 1;
  };
  if (fraction() > kPrecision)
    end = std::to_chars(text, text + sizeof text, value, notation, kPrecision).ptr;
  return {text, end};
}

// A number in its parts: before the point, and behind it without zeros at the end.
struct Digits {
  std::string whole, fraction;

  explicit Digits(const std::string& text) {
    const std::size_t e = std::min(text.find('e'), text.size());
    const std::size_t point = std::min(text.find('.'), e);
    whole = text.substr(0, point);
    fraction = point < e ? text.substr(point + 1, e - point - 1) : "";
    fraction.erase(fraction.find_last_not_of('0') + 1);
  }
};

// From where on NumPy writes an exponent: with the digits that a type has, 10^8 at most in arrays.
struct Plain {
  double array, scalar;
};
template <class T>
constexpr Plain kPlain = {1e8, 1e16};
template <>
constexpr Plain kPlain<float> = {1e6, 1e6};
template <>
constexpr Plain kPlain<Float16> = {1e3, 1e3};
template <>
constexpr Plain kPlain<BFloat16> = kPlain<float>;

// NumPy's rule: with an exponent when numbers are very large or small, or differ very much.
template <class T>
bool needs_exponent(const std::vector<T>& values, double too_large) {
  double largest = 0;
  double smallest = INFINITY;
  for (T value : values) {
    const double magnitude = std::fabs(static_cast<double>(value));
    if (!std::isfinite(magnitude) || magnitude == 0) continue;
    largest = std::fmax(largest, magnitude);
    smallest = std::fmin(smallest, magnitude);
  }
  return largest > 0 && (largest >= too_large || smallest < 1e-4 || largest / smallest > 1e3);
}

template <class T>
std::vector<std::string> float_cells(const std::vector<T>& values, Plain plain) {
  const bool exponent = needs_exponent(values, plain.array);
  std::vector<Digits> numbers;
  std::size_t width = 0;
  for (T value : values) {
    numbers.emplace_back(
        std::isfinite(value)
            ? digits_of(value, exponent ? std::chars_format::scientific : std::chars_format::fixed)
            : "");
    width = std::max(width, numbers.back().fraction.size());
  }
  std::vector<std::string> cells;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isnan(values[i]))
      cells.emplace_back("nan");
    else if (std::isinf(values[i]))
      cells.emplace_back(values[i] > 0 ? "inf" : "-inf");
    else {
      // With an exponent all have the same digits; otherwise spaces fill up shorter fractions.
      if (exponent) {
        char text[64];
        std::snprintf(
            text, sizeof text, "%#.*e", static_cast<int>(width), static_cast<double>(values[i]));
        cells.emplace_back(text);
      } else {
        numbers[i].fraction.resize(width, ' ');
        cells.push_back(numbers[i].whole + "." + numbers[i].fraction);
      }
    }
  }
  return cells;
}

// A number by itself, as Python writes it.
template <class T>
std::string scalar_text(T value, Plain plain) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double magnitude = std::fabs(static_cast<double>(value));
  const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= plain.scalar);
  char text[400];
  const auto notation = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  std::string out(text, std::to_chars(text, text + sizeof text, value, notation).ptr);
  if (!exponent && out.find('.') == std::string::npos) out += ".0";
  return out;
}

class Printer {
 public:
  Printer(const Tensor& tensor, std::vector<std::string> cells)
      : tensor_(tensor), cells_(std::move(cells)) {
    for (const std::string& cell : cells_) width_ = std::max(width_, cell.size());
  }

  void print(std::ostream& out, int axis, bool summarize) {
    out << '[';
    if (axis + 1 == tensor_.rank())
      print_row(out, axis, summarize);
    else
      print_rows(out, axis, summarize);
    out << ']';
  }

 private:
  void print_rows(std::ostream& out, int axis, bool summarize) {
    const std::string breaks =
        std::string(static_cast<std::size_t>(tensor_.rank() - axis - 1), '\n') +
        std::string(static_cast<std::size_t>(axis) + 1, ' ');
    for (const char* separator = ""; std::int64_t item : shown(tensor_.shape()[axis], summarize)) {
      out << separator;
      separator = breaks.c_str();
      if (item < 0)
        out << "...";
      else
        print(out, axis + 1, summarize);
    }
  }

  // Wrapped at the line's width, without spaces at the end of a line.
  void print_row(std::ostream& out, int axis, bool summarize) {
    const std::string indent(static_cast<std::size_t>(axis) + 1, ' ');
    std::string line = indent;
    bool first = true;
    for (std::int64_t item : shown(tensor_.shape()[axis], summarize)) {
      const std::string text = item < 0 ? "..." : padded(cells_[next_++]);
      if (!first) line += ' ';
      if (!first && line.size() + text.size() > kLineWidth - static_cast<std::size_t>(axis)) {
        line.erase(line.find_last_not_of(' ') + 1);
        out << std::exchange(line, indent).substr(indent.size()) << '\n' << indent;
      }
      line += text;
      first = false;
    }
    out << line.substr(indent.size());
  }

  std::string padded(const std::string& cell) const {
    return std::string(width_ - cell.size(), ' ') + cell;
  }

  const Tensor& tensor_;
  std::vector<std::string> cells_;
  std::size_t width_ = 0;
  std::size_t next_ = 0;
};

template <class T>
void collect(
    const Tensor& tensor, int axis, std::int64_t offset, bool summarize, std::vector<T>& values) {
  if (axis == tensor.rank()) {
    values.push_back(static_cast<const T*>(tensor.data())[offset]);
    return;
  }
  for (std::int64_t item : shown(tensor.shape()[axis], summarize)) {
    if (item >= 0)
      collect(tensor, axis + 1, offset + item * tensor.strides()[axis], summarize, values);
  }
}

// A number of 16 bits as the shortest decimal one that rounds to it.
template <class T>
double shortest(T value) {
  const float exact = value;
  for (int digits = 0; digits < 9; ++digits) {
    char text[64];
    char* const end =
        std::to_chars(text, text + sizeof text, exact, std::chars_format::scientific, digits).ptr;
    double decimal = 0;
    std::from_chars(text, end, decimal);
    if (T(decimal).bits == value.bits) return decimal;
  }
  return static_cast<double>(exact);
}

template <class T>
std::vector<std::string> cells_of(const std::vector<T>& values) {
  if constexpr (std::is_floating_point_v<T>) return float_cells(values, kPlain<T>);
  if constexpr (is_float_type<T> && !std::is_floating_point_v<T>) {
    std::vector<double> decimals;
    for (const T value : values) decimals.push_back(shortest(value));
    return float_cells(decimals, kPlain<T>);
  }
  std::vector<std::string> cells;
  for (T value : values) {
    if constexpr (std::is_same_v<T, bool>)
      cells.emplace_back(value ? " True" : "False");
    else
      cells.push_back(std::to_string(+value));
  }
  return cells;
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Tensor& tensor) {
  if (!tensor.defined()) return out << "<no tensor>";
  if (tensor.is_abstract()) {
    return out << "<abstract tensor of shape " << tensor.shape() << ", dtype " << tensor.dtype()
               << '>';
  }
  if (tensor.rank() > 0 && tensor.size() == 0) {
    out << "[]";
    if (tensor.rank() > 1) out << " of shape " << tensor.shape();
    return out;
  }
  const bool summarize = tensor.size() > kThreshold;
  visit_stored(tensor.dtype(), [&]<class T>() {
    std::vector<T> values;
    collect(tensor, 0, 0, summarize, values);
    if (tensor.rank() == 0) {
      if constexpr (std::is_floating_point_v<T>)
        out << scalar_text(values[0], kPlain<T>);
      else if constexpr (is_float_type<T>)
        out << scalar_text(shortest(values[0]), kPlain<T>);
      else
        out << cells_of(values)[0].substr(std::is_same_v<T, bool> && values[0] ? 1 : 0);
      return;
    }
    Printer(tensor, cells_of(values)).print(out, 0, summarize);
  });
  return out;
}

std::string to_string(const Tensor& tensor) {
  std::ostringstream text;
  text << tensor;
  return text.str();
}

}  // namespace nyala
