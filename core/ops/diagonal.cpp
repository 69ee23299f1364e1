// Matrices seen by their diagonals, and turns: all made of other ops.
#include <algorithm>
#include <cmath>

#include <nyala/core/ops/support.hpp>

namespace nyala::ops {
namespace {

// Row number minus column number of the last two axes, as far as they are known.
Tensor row_minus_column(const Tensor& x, const char* who) {
  if (x.rank() < 2)
    throw ShapeError(std::string(who) + ": received shape " + x.shape().str() +
                     ", expected rank 2 or more");
  const std::int64_t rows = x.shape()[-2];
  const std::int64_t columns = x.shape()[-1];
  if (rows == None || columns == None)
    throw ShapeError(std::string(who) + ": received shape " + x.shape().str() +
                     ", expected matrices of known size");
  return reshape(arange(rows), {rows, 1}) - reshape(arange(columns), {1, columns});
}

}  // namespace

Tensor triu(const Tensor& x, int k) {
  return where(row_minus_column(x, "triu") <= -std::int64_t{k}, x, Tensor::scalar(0, x.dtype()));
}
Tensor tril(const Tensor& x, int k) {
  return where(row_minus_column(x, "tril") >= -std::int64_t{k}, x, Tensor::scalar(0, x.dtype()));
}

Tensor diagonal(const Tensor& x, int k, std::pair<int, int> axes) {
  const int first = normalize_axis(axes.first, x.rank(), "diagonal");
  const int second = normalize_axis(axes.second, x.rank(), "diagonal");
  if (first == second) throw ValueError("diagonal: received the same axis twice");
  std::vector<int> order;
  for (int i = 0; i < x.rank(); ++i) {
    if (i != first && i != second) order.push_back(i);
  }
  order.insert(order.end(), {first, second});
  const Tensor moved = transpose(x, order);
  const std::int64_t rows = moved.shape()[-2];
  const std::int64_t columns = moved.shape()[-1];
  if (rows == None || columns == None)
    throw ShapeError("diagonal: received shape " + x.shape().str() +
                     ", expected matrices of known size");
  const std::int64_t skipped_rows = std::min(std::max<std::int64_t>(-std::int64_t{k}, 0), rows);
  const std::int64_t skipped_columns = std::min<std::int64_t>(std::max(k, 0), columns);
  const std::int64_t length = std::min(rows - skipped_rows, columns - skipped_columns);
  const std::int64_t step = checked_add(columns, 1, "diagonal");
  Shape flat = moved.shape();
  flat.erase(flat.rank() - 1);
  flat[-1] = checked_multiply(rows, columns, "diagonal");
  const std::int64_t start = skipped_rows * columns + skipped_columns;
  const std::int64_t last =
      checked_multiply(std::max<std::int64_t>(length - 1, 0), step, "diagonal");
  const std::int64_t stop = start + last + (length > 0 ? 1 : 0);
  return slice_axis(reshape(moved, flat), -1, start, stop, step);
}

Tensor trace(const Tensor& x, int k, std::pair<int, int> axes) {
  return sum(diagonal(x, k, axes), {.axis = -1});
}

Tensor diag(const Tensor& x, int k) {
  if (x.rank() == 2) return diagonal(x, k);
  if (x.rank() != 1)
    throw ShapeError("diag: received shape " + x.shape().str() + ", expected rank 1 or 2");
  const std::int64_t margin = std::abs(std::int64_t{k});
  const Tensor placed = pad(x, {{k < 0 ? margin : 0, k > 0 ? margin : 0}});
  const std::int64_t size = placed.shape()[0];
  const Tensor rows = broadcast_to(expand_dims(placed, 1), {size, size});
  return where(
      equal(row_minus_column(rows, "diag"), -std::int64_t{k}), rows, Tensor::scalar(0, x.dtype()));
}

Tensor rot90(const Tensor& x, int k, std::pair<int, int> axes) {
  const int first = normalize_axis(axes.first, x.rank(), "rot90");
  const int second = normalize_axis(axes.second, x.rank(), "rot90");
  if (first == second) throw ValueError("rot90: received the same axis twice");
  switch ((k % 4 + 4) % 4) {
    case 1: return flip(swapaxes(x, first, second), first);
    case 2: return flip(x, {first, second});
    case 3: return swapaxes(flip(x, first), first, second);
    default: return x;
  }
}

Tensor diff(const Tensor& x, int n, const LastAxis& args) {
  if (n < 0) throw ValueError("diff: received n = " + std::to_string(n) + ", expected 0 or more");
  const int axis = normalize_axis(args.axis, x.rank(), "diff");
  const auto from =
      [&](const Tensor& t, std::optional<std::int64_t> start, std::optional<std::int64_t> stop) {
        std::vector<Range1> ranges(static_cast<std::size_t>(axis) + 1);
        ranges.back() = {start, stop, 1};
        return slice(t, ranges);
      };
  Tensor result = x;
  // Once nothing is left, nothing changes.
  for (int i = 0; i < n && result.shape()[axis] != 0; ++i)
    result = from(result, 1, {}) - from(result, {}, -1);
  return result;
}

Tensor slice(const Tensor& x,
             const std::vector<std::int64_t>& starts,
             const std::vector<std::int64_t>& sizes) {
  if (starts.size() != sizes.size() || static_cast<int>(starts.size()) != x.rank())
    throw ValueError("slice: received " + std::to_string(starts.size()) + " starts and " +
                     std::to_string(sizes.size()) + " sizes for shape " + x.shape().str());
  std::vector<Range1> ranges;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::int64_t size = x.shape()[static_cast<int>(i)];
    if (starts[i] < 0 || sizes[i] < -1 ||
        (size != None && checked_add(starts[i], sizes[i], "slice") > size))
      throw IndexError("slice: start " + std::to_string(starts[i]) + " and size " +
                       std::to_string(sizes[i]) + " do not fit axis " + std::to_string(i) +
                       " of shape " + x.shape().str());
    ranges.push_back({starts[i], std::nullopt, 1});
    if (sizes[i] >= 0) ranges.back().stop = checked_add(starts[i], sizes[i], "slice");
  }
  return slice(x, ranges);
}

}  // namespace nyala::ops
