#include <algorithm>
#include <array>
#include <numeric>

#include <nyala/core/ops/support.hpp>

namespace nyala::ops {
namespace {

// The name of an axis: a letter, or kEllipsis + i for the i-th axis from the end of `...`.
using Label = int;
using Labels = std::vector<Label>;
constexpr Label kEllipsis = 256;

struct Named {
  Tensor tensor;
  Labels labels;

  int find(Label label) const {
    const auto at = std::find(labels.begin(), labels.end(), label);
    return at == labels.end() ? -1 : static_cast<int>(at - labels.begin());
  }
  bool has(Label label) const { return find(label) >= 0; }
  std::int64_t size(Label label) const { return tensor.shape()[find(label)]; }
};

[[noreturn]] void fail(std::string_view expression, const std::string& why) {
  throw ValueError("einsum: in \"" + std::string(expression) + "\", " + why);
}

bool contains(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}

// The labels of one operand, in which `...` stands for `num_hidden` axes.
Labels parse_term(std::string_view expression, std::string_view term, int num_hidden) {
  Labels labels;
  for (std::size_t i = 0; i < term.size(); ++i) {
    const char c = term[i];
    if (c == '.') {
      if (term.substr(i, 3) != "...") fail(expression, "a dot stands alone");
      for (int hidden = num_hidden; hidden-- > 0;) labels.push_back(kEllipsis + hidden);
      i += 2;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      labels.push_back(c);
    } else {
      fail(expression, std::string("'") + c + "' is no label");
    }
  }
  return labels;
}

struct Expression {
  std::vector<std::string> terms;
  std::optional<std::string> result;
};

Expression parse(std::string_view text) {
  std::string compact;
  for (char c : text) {
    if (c != ' ') compact += c;
  }
  Expression parsed;
  const std::size_t arrow = compact.find("->");
  if (arrow != std::string::npos) parsed.result = compact.substr(arrow + 2);
  std::string term;
  for (char c : compact.substr(0, arrow)) {
    if (c == ',') {
      parsed.terms.push_back(term);
      term.clear();
    } else {
      term += c;
    }
  }
  parsed.terms.push_back(term);
  return parsed;
}

int hidden_axes(std::string_view expression, const std::string& term, const Tensor& operand) {
  const int num_labels =
      static_cast<int>(std::count_if(term.begin(), term.end(), [](char c) { return c != '.'; }));
  const bool open = term.find("...") != std::string::npos;
  const int hidden = operand.rank() - num_labels;
  if (hidden < 0 || (hidden > 0 && !open))
    fail(expression, "\"" + term + "\" does not fit shape " + operand.shape().str());
  return open ? hidden : 0;
}

// Without "->": the axes of `...`, then every label that comes once, in alphabetical order.
Labels implicit_result(const Expression& parsed, int num_hidden) {
  std::array<int, 128> counts{};
  for (const std::string& term : parsed.terms) {
    for (char c : term) ++counts[static_cast<unsigned char>(c)];
  }
  counts['.'] = 0;
  Labels labels;
  while (num_hidden > 0) labels.push_back(kEllipsis + --num_hidden);
  for (int c = 0; c < 128; ++c) {
    if (counts[static_cast<std::size_t>(c)] == 1) labels.push_back(c);
  }
  return labels;
}

// A label that comes twice is walked along its diagonal.
void take_diagonals(Named& x) {
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    for (std::size_t j = i + 1; j < x.labels.size(); ++j) {
      if (x.labels[i] != x.labels[j]) continue;
      const Label label = x.labels[i];
      const Shape& shape = x.tensor.shape();
      if (shape[static_cast<int>(i)] != shape[static_cast<int>(j)])
        throw ShapeError("einsum: the label '" + std::string(1, static_cast<char>(label)) +
                         "' has two sizes in shape " + shape.str());
      x.tensor = diagonal(x.tensor, 0, {static_cast<int>(i), static_cast<int>(j)});
      x.labels.erase(x.labels.begin() + static_cast<std::ptrdiff_t>(j));
      x.labels.erase(x.labels.begin() + static_cast<std::ptrdiff_t>(i));
      x.labels.push_back(label);
      return take_diagonals(x);
    }
  }
}

// Sums over the labels for which `drop` holds.
template <class F>
void sum_out(Named& x, F&& drop) {
  std::vector<int> axes;
  Labels kept;
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    if (drop(x.labels[i]))
      axes.push_back(static_cast<int>(i));
    else
      kept.push_back(x.labels[i]);
  }
  if (axes.empty()) return;
  const Tensor numbers = to_number(x.tensor);
  x.tensor = cast(sum(numbers, {axes}), numbers.dtype());  // einsum does not widen small integers
  x.labels = kept;
}

// Where one of both has size 1 it broadcasts: there its axis goes.
void drop_broadcast(Named& x, const Named& other) {
  for (std::size_t i = 0; i < x.labels.size();) {
    const Label label = x.labels[i];
    const bool repeated =
        label >= kEllipsis && other.has(label) && x.size(label) == 1 && other.size(label) != 1;
    if (!repeated) {
      ++i;
      continue;
    }
    x.tensor = squeeze(x.tensor, static_cast<int>(i));
    x.labels.erase(x.labels.begin() + static_cast<std::ptrdiff_t>(i));
  }
}

Tensor arrange(const Named& x, const Labels& labels) {
  if (x.labels == labels) return x.tensor;
  std::vector<int> order;
  for (Label label : labels) order.push_back(x.find(label));
  return transpose(x.tensor, order);
}

// Axes of size 1 where the other operand has labels of its own.
Tensor spread(const Tensor& x, std::size_t num_before, std::size_t num_ones) {
  Shape shape;
  for (int i = 0; i < x.rank(); ++i) {
    if (i == static_cast<int>(num_before)) {
      for (std::size_t one = 0; one < num_ones; ++one) shape.push_back(1);
    }
    shape.push_back(x.shape()[i]);
  }
  if (x.rank() == static_cast<int>(num_before)) {
    for (std::size_t one = 0; one < num_ones; ++one) shape.push_back(1);
  }
  return num_ones == 0 ? x : reshape(x, shape);
}

template <class F>
Named contract(Named x, Named y, F&& needed) {
  drop_broadcast(x, y);
  drop_broadcast(y, x);
  sum_out(x, [&](Label label) { return !y.has(label) && !needed(label); });
  sum_out(y, [&](Label label) { return !x.has(label) && !needed(label); });
  DotDims dims;
  Labels batch, x_own, y_own;
  for (Label label : x.labels) {
    if (!y.has(label)) {
      x_own.push_back(label);
    } else if (needed(label)) {
      batch.push_back(label);
      dims.x_batch.push_back(x.find(label));
      dims.y_batch.push_back(y.find(label));
    } else {
      dims.x_contract.push_back(x.find(label));
      dims.y_contract.push_back(y.find(label));
    }
  }
  for (Label label : y.labels) {
    if (!x.has(label)) y_own.push_back(label);
  }
  Named result;
  result.labels = batch;
  result.labels.insert(result.labels.end(), x_own.begin(), x_own.end());
  if (dims.x_contract.empty()) {
    // Nothing to sum: elementwise.
    Labels y_labels = batch;
    y_labels.insert(y_labels.end(), y_own.begin(), y_own.end());
    const Tensor left = arrange(x, result.labels);
    const Tensor right = arrange(y, y_labels);
    result.tensor = multiply(spread(left, result.labels.size(), y_own.size()),
                             spread(right, batch.size(), x_own.size()));
  } else {
    result.tensor = dot_general(x.tensor, y.tensor, dims);
  }
  result.labels.insert(result.labels.end(), y_own.begin(), y_own.end());
  return result;
}

Labels result_labels(std::string_view text,
                     const Expression& parsed,
                     const std::vector<Named>& operands) {
  int hidden = 0;
  for (const Named& operand : operands) {
    for (Label label : operand.labels) hidden = std::max(hidden, label - kEllipsis + 1);
  }
  if (!parsed.result) return implicit_result(parsed, hidden);
  Labels labels = parse_term(text, *parsed.result, hidden);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const bool known = std::any_of(
        operands.begin(), operands.end(), [&](const Named& x) { return x.has(labels[i]); });
    if (!known) fail(text, "the result has a label that no operand has");
    if (std::find(labels.begin(), labels.begin() + static_cast<std::ptrdiff_t>(i), labels[i]) !=
        labels.begin() + static_cast<std::ptrdiff_t>(i))
      fail(text, "the result has a label twice");
  }
  return labels;
}

}  // namespace

Tensor einsum(std::string_view expression, Inputs<Tensor> operands) {
  const Expression parsed = parse(expression);
  if (parsed.terms.size() != operands.size())
    fail(expression,
         "there are " + std::to_string(parsed.terms.size()) + " operands, and " +
             std::to_string(operands.size()) + " were received");
  const bool all_int8 = std::all_of(operands.begin(), operands.end(), [](const Tensor& operand) {
    return operand.dtype() == DType::int8;
  });
  std::vector<Named> named;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    const std::string& term = parsed.terms[i];
    const int hidden = hidden_axes(expression, term, operands[i]);
    const Tensor numbers = all_int8 ? cast(operands[i], DType::int32) : operands[i];
    named.push_back({numbers, parse_term(expression, term, hidden)});
    if (static_cast<int>(named.back().labels.size()) != operands[i].rank())
      fail(expression, "\"" + term + "\" does not fit shape " + operands[i].shape().str());
    take_diagonals(named.back());
  }
  const Labels wanted = result_labels(expression, parsed, named);
  Named result = named[0];
  for (std::size_t i = 1; i < named.size(); ++i) {
    result = contract(result, named[i], [&](Label label) {
      if (contains(wanted, label)) return true;
      return std::any_of(named.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                         named.end(),
                         [&](const Named& later) { return later.has(label); });
    });
  }
  sum_out(result, [&](Label label) { return !contains(wanted, label); });
  return arrange(result, wanted);
}

Tensor tensordot(const Tensor& x, const Tensor& y, const DotAxes& axes) {
  DotDims dims;
  if (axes.count >= 0) {
    if (axes.count > x.rank() || axes.count > y.rank())
      throw ValueError("tensordot: received axes = " + std::to_string(axes.count) + " for shapes " +
                       x.shape().str() + " and " + y.shape().str());
    for (int i = 0; i < axes.count; ++i) {
      dims.x_contract.push_back(x.rank() - axes.count + i);
      dims.y_contract.push_back(i);
    }
  } else {
    if (axes.x.size() != axes.y.size())
      throw ValueError("tensordot: received " + std::to_string(axes.x.size()) + " and " +
                       std::to_string(axes.y.size()) + " axes, expected pairs");
    const auto add = [](const std::vector<int>& given, int rank, std::vector<int>& list) {
      for (int axis : given) list.push_back(normalize_axis(axis, rank, "tensordot"));
      Axes(given).flags(rank, "tensordot");  // throws for one named twice
    };
    add(axes.x, x.rank(), dims.x_contract);
    add(axes.y, y.rank(), dims.y_contract);
  }
  return dot_general(x, y, dims);
}

Tensor dot(const Tensor& x, const Tensor& y) {
  if (x.rank() == 0 || y.rank() == 0) return multiply(x, y);
  return tensordot(x, y, {{x.rank() - 1}, {std::max(y.rank() - 2, 0)}});
}

Tensor inner(const Tensor& x, const Tensor& y) {
  if (x.rank() == 0 || y.rank() == 0) return multiply(x, y);
  return tensordot(x, y, {{x.rank() - 1}, {y.rank() - 1}});
}

Tensor outer(const Tensor& x, const Tensor& y) {
  return multiply(reshape(x, {-1, 1}), reshape(y, {1, -1}));
}

Tensor vdot(const Tensor& x, const Tensor& y) {
  return dot_general(reshape(x, {-1}), reshape(y, {-1}), {{}, {}, {0}, {0}});
}

Tensor cross(const Tensor& x, const Tensor& y) {
  const auto size_of_last = [](const Tensor& t) { return t.rank() == 0 ? 0 : t.shape()[-1]; };
  const std::int64_t x_size = size_of_last(x);
  const std::int64_t y_size = size_of_last(y);
  if (x_size < 2 || x_size > 3 || y_size < 2 || y_size > 3)
    throw ShapeError("cross: received shapes " + x.shape().str() + " and " + y.shape().str() +
                     ", expected a last axis of size 2 or 3");
  const auto part = [](const Tensor& t, std::int64_t i) {
    if (i >= t.shape()[-1]) return zeros_like(squeeze(slice_axis(t, -1, 0, 1), -1));
    return squeeze(slice_axis(t, -1, i, i + 1), -1);
  };
  const auto component = [&](std::int64_t i, std::int64_t j) {
    return part(x, i) * part(y, j) - part(x, j) * part(y, i);
  };
  if (x_size == 2 && y_size == 2) return component(0, 1);
  return stack({component(1, 2), component(2, 0), component(0, 1)}, {.axis = -1});
}

Tensor kron(const Tensor& x, const Tensor& y) {
  const int rank = std::max(x.rank(), y.rank());
  Shape left, right, merged;
  for (int i = 0; i < rank; ++i) {
    const int at_x = i - (rank - x.rank());
    const int at_y = i - (rank - y.rank());
    const std::int64_t x_size = at_x < 0 ? 1 : x.shape()[at_x];
    const std::int64_t y_size = at_y < 0 ? 1 : y.shape()[at_y];
    left.push_back(x_size);
    left.push_back(1);
    right.push_back(1);
    right.push_back(y_size);
    merged.push_back(x_size * y_size);
  }
  return reshape(reshape(x, left) * reshape(y, right), merged);
}

}  // namespace nyala::ops
