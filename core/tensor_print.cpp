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
constexpr std::size_t kLineWidth = 75;

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

// Shortest digits, up to `kPrecision` behind the point, that NumPy's array printing uses.
struct FloatFormat {
  bool scientific = false;
  int decimals = 0;
  int shortest_digits;  // significant digits that identify a value of the dtype

  static std::string fixed(double value, int decimals) {
    char text[400];
    std::snprintf(text, sizeof text, "%.*f", decimals, value);
    return text;
  }
  // Decimals that `value` needs to read back as itself, at most kPrecision.
  int decimals_of(double value, bool single) const {
    for (int d = 0; d < kPrecision; ++d) {
      const double back = std::strtod(fixed(value, d).c_str(), nullptr);
      if (single ? static_cast<float>(back) == static_cast<float>(value) : back == value) return d;
    }
    return kPrecision;
  }
  static int mantissa_decimals_of(double value, bool single) {
    char text[64];
    for (int d = 0; d < kPrecision; ++d) {
      std::snprintf(text, sizeof text, "%.*e", d, value);
      const double back = std::strtod(text, nullptr);
      if (single ? static_cast<float>(back) == static_cast<float>(value) : back == value) return d;
    }
    return kPrecision;
  }
  std::string str(double value) const {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
    char text[400];
    if (scientific) {
      std::snprintf(text, sizeof text, "%.*e", decimals, value);
      std::string out = text;
      if (decimals == 0) out.insert(out.find('e'), ".");
      return out;
    }
    std::string out = fixed(value, decimals);
    if (decimals == 0) out += '.';
    // NumPy pads the shorter fractions with spaces behind, not with zeros.
    std::size_t last = out.find_last_not_of('0');
    for (std::size_t i = last + 1; i < out.size(); ++i) out[i] = ' ';
    return out;
  }
};

template <class T>
FloatFormat choose_format(const std::vector<T>& values) {
  FloatFormat format{.shortest_digits = sizeof(T) == 4 ? 9 : 17};
  double largest = 0;
  double smallest = INFINITY;
  for (T value : values) {
    const double magnitude = std::fabs(static_cast<double>(value));
    if (!std::isfinite(magnitude) || magnitude == 0) continue;
    largest = std::fmax(largest, magnitude);
    smallest = std::fmin(smallest, magnitude);
  }
  format.scientific =
      largest >= 1e8 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1e3 + 1e-9));
  // NumPy weighs the ratio only together with small numbers or long fractions.
  if (largest > 0 && largest < 1e8 && smallest >= 1e-4 && largest / smallest > 1000)
    format.scientific = true;
  for (T value : values) {
    if (!std::isfinite(static_cast<double>(value))) continue;
    const bool single = sizeof(T) == 4;
    const int needed = format.scientific
                           ? FloatFormat::mantissa_decimals_of(static_cast<double>(value), single)
                           : format.decimals_of(static_cast<double>(value), single);
    format.decimals = std::max(format.decimals, needed);
  }
  return format;
}

class Printer {
 public:
  Printer(const Tensor& tensor, std::vector<std::string> cells)
      : tensor_(tensor), cells_(std::move(cells)) {
    for (const std::string& cell : cells_) width_ = std::max(width_, cell.size());
  }

  void print(std::ostream& out, int axis, bool summarize) {
    if (axis == tensor_.rank()) {
      out << cells_[next_++];
      return;
    }
    const bool innermost = axis + 1 == tensor_.rank();
    const std::string indent(static_cast<std::size_t>(axis) + 1, ' ');
    const std::string breaks =
        std::string(static_cast<std::size_t>(std::max(1, tensor_.rank() - axis - 1)), '\n');
    std::size_t column = indent.size();
    out << '[';
    const char* none = "";
    for (std::int64_t item : shown(tensor_.shape()[axis], summarize)) {
      const std::string text = item < 0 ? "..." : innermost ? padded(cells_[next_++]) : "";
      if (innermost) {
        if (*none != 0 && column + 1 + text.size() > kLineWidth) {
          out << '\n' << indent;
          column = indent.size();
        } else if (*none != 0) {
          out << ' ';
          ++column;
        }
        out << text;
        column += text.size();
      } else {
        if (*none != 0) out << breaks << indent;
        if (item < 0)
          out << "...";
        else
          print(out, axis + 1, summarize);
      }
      none = " ";
    }
    out << ']';
  }

 private:
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

template <class T>
std::vector<std::string> cells_of(const std::vector<T>& values) {
  std::vector<std::string> cells;
  if constexpr (std::is_floating_point_v<T>) {
    const FloatFormat format = choose_format(values);
    for (T value : values) cells.push_back(format.str(static_cast<double>(value)));
  } else {
    for (T value : values) {
      if constexpr (std::is_same_v<T, bool>)
        cells.emplace_back(value ? "True" : "False");
      else
        cells.push_back(std::to_string(value));
    }
  }
  return cells;
}

std::string trim_end(std::string text) {
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
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
  visit_dtype(tensor.dtype(), [&]<class T>() {
    std::vector<T> values;
    collect(tensor, 0, 0, summarize, values);
    std::vector<std::string> cells = cells_of(values);
    if (tensor.rank() == 0) cells[0] = trim_end(cells[0]);
    Printer(tensor, std::move(cells)).print(out, 0, summarize);
  });
  return out;
}

std::string to_string(const Tensor& tensor) {
  std::ostringstream text;
  text << tensor;
  return text.str();
}

}  // namespace nyala
