#include <nyala/core/ops/rows.hpp>

#include <algorithm>
#include <array>
#include <cstring>

#include <nyala/core/kernels/gather.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

std::int64_t bytes_of_row(const Tensor& table) {
  auto bytes = static_cast<std::int64_t>(size_of(table.dtype()));
  for (int i = 1; i < table.rank(); ++i) bytes *= table.shape()[i];
  return bytes;
}

void check_rows(const Spec& table, const Spec& rows, std::string_view who) {
  if (table.shape.rank() < 1)
    throw ShapeError(std::string(who) + ": received a table of shape (), expected rank 1 or more");
  if (rows.shape.rank() == 1 && rows.dtype == DType::int64) return;
  throw TypeError(std::string(who) + ": received rows of shape " + rows.shape.str() +
                  " and dtype " + std::string(name_of(rows.dtype)) + ", expected rank 1 and int64");
}

Shape with_rows(Shape table, const Shape& rows) {
  table[0] = rows[0];
  return table;
}

struct UniqueRowsOp {
  static constexpr std::string_view name = "unique_rows";
  static constexpr std::string_view doc = "The distinct rows among indices, and where each stands.";
  using NoGradient = void;

  std::int64_t num_rows = 0;
  static constexpr auto fields() {
    return std::tuple{
        Field{"num_rows", &UniqueRowsOp::num_rows, "The rows of the table.", Range::at_least(0)}};
  }

  Specs infer(Inputs<Spec> in) const {
    if (in[0].shape.rank() != 1 || !is_integer(in[0].dtype)) {
      throw TypeError("unique_rows: received indices of shape " + in[0].shape.str() +
                      " and dtype " + std::string(name_of(in[0].dtype)) +
                      ", expected rank 1 and integers");
    }
    if (num_rows < 0)
      throw ValueError("unique_rows: received num_rows = " + std::to_string(num_rows) +
                       ", expected 0 or more");
    const std::int64_t n = in[0].shape[0];
    return {{{n == None ? None : std::min(n, num_rows)}, DType::int64}, {{n}, DType::int64}};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const IndexInput indices(at.in[0], num_rows, "unique_rows", workspace);
    return [indices, size = at.out[0].size(), all = num_rows](
               const void* const* from, void* const* to, std::byte* block) {
      auto* const rows = static_cast<std::int64_t*>(to[0]);
      const std::int64_t found = kernels::distinct(
          indices.read(from[0], block), indices.count(), rows, static_cast<std::int64_t*>(to[1]));
      std::fill(rows + found, rows + size, all);
    };
  }
  static std::vector<SampleOf<UniqueRowsOp>> samples() {
    return {{{4}, {{{7}, -4, 3, DType::int64}}},
            {{100}, {{{5}, 0, 99, DType::int32}}},
            {{3}, {{{0}, 0, 2, DType::int64}}}};
  }
};

struct TakeRows : NoOptions {
  static constexpr std::string_view name = "take_rows";
  static constexpr std::string_view doc = "Rows of a table, zeros for those that it does not have.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    check_rows(in[0], in[1], name);
    return {with_rows(in[0].shape, in[1].shape), in[0].dtype};
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return
        [num_rows = at.in[0].shape()[0], bytes = bytes_of_row(at.in[0]), count = at.in[1].size()](
            const void* const* from, void* const* to) {
          kernels::take_rows(
              from[0], num_rows, bytes, static_cast<const std::int64_t*>(from[1]), count, to[0]);
        };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {segment_sum(dy, saved.input(1), {.num_segments = saved.shape(0)[0]}), Tensor()};
  }
  static std::vector<SampleOf<TakeRows>> samples() {
    return {{{}, {{{4, 3}}, {{7}, -1, 5, DType::int64}}},
            {{}, {{{3}}, {{2}, 0, 2, DType::int64}}},
            {{}, {{{4, 2, 5}}, {{3}, 0, 3, DType::int64}}},
            {{}, {{{4, 3}}, {{0}, 0, 3, DType::int64}}}};
  }
};

struct PutRows : NoOptions {
  static constexpr std::string_view name = "put_rows";
  static constexpr std::string_view doc = "A table with other values in some of its rows.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::inputs;
  static constexpr bool in_place = true;

  // Inputs: table, rows, values.
  Spec infer(Inputs<Spec> in) const {
    check_rows(in[0], in[1], name);
    const Shape wanted = with_rows(in[0].shape, in[1].shape);
    bool fits = wanted.rank() == in[2].shape.rank() && in[2].dtype == in[0].dtype;
    for (int i = 0; fits && i < wanted.rank(); ++i)
      fits = wanted[i] == in[2].shape[i] || wanted[i] == None || in[2].shape[i] == None;
    if (!fits) {
      throw ShapeError("put_rows: received values of shape " + in[2].shape.str() + " and dtype " +
                       std::string(name_of(in[2].dtype)) + ", expected " + wanted.str() + " and " +
                       std::string(name_of(in[0].dtype)));
    }
    return in[0];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor& table = at.in[0];
    const std::int64_t row = bytes_of_row(table);
    return [all = table.shape()[0], row, count = at.in[1].size()](const void* const* from,
                                                                  void* const* to) {
      if (from[0] != to[0] && all * row > 0)
        std::memcpy(to[0], from[0], static_cast<std::size_t>(all * row));
      kernels::put_rows(to[0], all, row, static_cast<const std::int64_t*>(from[1]), count, from[2]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor& rows = saved.input(1);
    return {put_rows(dy, rows, zeros(saved.shape(2), {dy.dtype()})), Tensor(), take_rows(dy, rows)};
  }
  static std::vector<SampleOf<PutRows>> samples() {
    return {{{}, {{{4, 3}}, {{1}, 0, 3, DType::int64}, {{1, 3}}}},
            {{}, {{{4, 3}}, {{1}, 4, 6, DType::int64}, {{1, 3}}}},
            {{}, {{{5}}, {{1}, 0, 4, DType::int64}, {{1}}}},
            {{}, {{{4, 3}}, {{0}, 0, 3, DType::int64}, {{0, 3}}}}};
  }
};

}  // namespace

UniqueRows unique_rows(const Tensor& indices, std::int64_t num_rows) {
  const Tensors found = run_multi(UniqueRowsOp{num_rows}, {indices});
  return {found[0], found[1]};
}
Tensor take_rows(const Tensor& table, const Tensor& rows) {
  return run_op(TakeRows{}, {table, rows});
}
Tensor put_rows(const Tensor& table, const Tensor& rows, const Tensor& values) {
  return run_op(PutRows{}, {table, rows, values});
}
void write_rows(Tensor& table, const Tensor& rows, const Tensor& values) {
  const PutRows put;
  const std::array<Tensor, 3> all = {table, rows, values};
  const Inputs<Tensor> inputs(all);
  put.infer(Inputs<Spec>(inputs));
  detail::compute(put, inputs, std::span<Tensor>(&table, 1));
}

}  // namespace ops

using namespace ops;
NYALA_OP(UniqueRowsOp)
NYALA_OP(TakeRows)
NYALA_OP(PutRows)

}  // namespace nyala
