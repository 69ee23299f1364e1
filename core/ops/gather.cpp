#include <algorithm>
#include <limits>

#include <nyala/core/kernels/gather.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

void fill_zero(DType dtype, std::int64_t size, void* to) {
  const std::uint64_t zero = 0;
  kernels::fill(dtype, size, &zero, to);
}

void check_integer(const Spec& indices, std::string_view who) {
  if (!is_integer(indices.dtype))
    throw TypeError(std::string(who) + ": received indices of dtype " +
                    std::string(name_of(indices.dtype)) + ", expected integers");
}

kernels::IndexedAxis indexed(const Tensor& table, const Lines& at, std::int64_t count) {
  return {table.dtype(), at.outer, at.n, at.inner, count};
}

// The shape with that of the indices in place of the axis that is indexed.
Shape taken_shape(const Shape& table, int axis, const Shape& indices) {
  Shape shape;
  for (int i = 0; i < axis; ++i) shape.push_back(table[i]);
  for (std::int64_t size : indices) shape.push_back(size);
  for (int i = axis + 1; i < table.rank(); ++i) shape.push_back(table[i]);
  return shape;
}

struct Take {
  static constexpr std::string_view name = "take";
  static constexpr std::string_view doc = "The elements of an axis at the indices.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::inputs;

  int axis = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &Take::axis, "The axis that is indexed."}};
  }

  Spec infer(Inputs<Spec> in) const {
    const Shape& x = in[0].shape;
    const int at = normalize_axis(axis, x.rank(), "take");
    check_integer(in[1], name);
    return {taken_shape(x, at, in[1].shape), in[0].dtype};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Tensor& table = at.in[0];
    const Lines lines = lines_along(table.shape(), normalize_axis(axis, table.rank(), "take"));
    const IndexInput indices(at.in[1], lines.n, "take", workspace);
    return [of = indexed(table, lines, indices.count()), indices](
               const void* const* from, void* const* to, std::byte* block) {
      kernels::gather(of, from[0], indices.read(from[1], block), to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {scatter_add(saved.input(1), dy, saved.shape(0), {.axis = axis}), Tensor()};
  }
  bool indexed_vjp(const Saved& saved, const Tensor& dy, Tensor& values, Tensor& indices) const {
    const Shape& shape = saved.shape(0);
    if (normalize_axis(axis, shape.rank(), "take") != 0) return false;
    const Tensor places = cast(saved.input(1), DType::int64);
    indices = reshape(where(places < 0, places + shape[0], places), {-1});
    Shape rows = shape;
    rows[0] = indices.shape()[0];
    values = reshape(dy, rows);
    return true;
  }
  static std::vector<SampleOf<Take>> samples() {
    return {{{0}, {{{4, 3}}, {{5}, -4, 3, DType::int64}}},
            {{-1}, {{{2, 3}}, {{2, 2}, 0, 2, DType::int32}}},
            {{1}, {{{2, 4, 3}}, {{}, 0, 3, DType::int64}}},
            {{0}, {{{4, 3}}, {{0}, 0, 3, DType::int64}}},
            {{0}, {{{3, 0}}, {{2}, 0, 2, DType::int32}}}};
  }
};

struct ScatterAdd {
  static constexpr std::string_view name = "scatter_add";
  static constexpr std::string_view doc = "Zeros to which updates are added at the indices.";
  static constexpr Saves saves = Saves::inputs;

  Shape shape;
  int axis = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"shape", &ScatterAdd::shape, "The shape of the result."},
                      Field{"axis", &ScatterAdd::axis, "The axis that is indexed."}};
  }

  // Inputs: indices, updates.
  Spec infer(Inputs<Spec> in) const {
    check_integer(in[0], name);
    const int at = normalize_axis(axis, shape.rank(), "scatter_add");
    const Shape& updates = in[1].shape;
    const Shape wanted = taken_shape(shape, at, in[0].shape);
    bool fits = wanted.rank() == updates.rank();
    for (int i = 0; fits && i < wanted.rank(); ++i)
      fits = wanted[i] == updates[i] || wanted[i] == None || updates[i] == None;
    if (!fits)
      throw ShapeError("scatter_add: received updates of shape " + updates.str() + ", expected " +
                       wanted.str());
    return {shape, in[1].dtype};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Lines lines = lines_along(shape, normalize_axis(axis, shape.rank(), "scatter_add"));
    const IndexInput indices(at.in[0], lines.n, "scatter_add", workspace);
    return [of = indexed(at.out[0], lines, indices.count()), indices, size = at.out[0].size()](
               const void* const* from, void* const* to, std::byte* block) {
      const std::int64_t* const places = indices.read(from[0], block);
      fill_zero(of.dtype, size, to[0]);
      kernels::scatter_add(of, to[0], places, from[1]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    return {Tensor(), take(d, saved.input(0), {.axis = axis})};
  }
  static std::vector<SampleOf<ScatterAdd>> samples() {
    return {{{Shape{4, 3}, 0}, {{{5}, -4, 3, DType::int64}, {{5, 3}}}},
            {{Shape{2, 3}, -1}, {{{2, 2}, 0, 2, DType::int32}, {{2, 2, 2}}}},
            {{Shape{3, 2}, 0}, {{{0}, 0, 2, DType::int64}, {{0, 2}}}},
            {{Shape{3}, 0}, {{{}, 0, 2, DType::int64}, {{}}}}};
  }
};

// Whether indices for take_along_axis fit x: the same sizes but along the axis.
void check_along(const Shape& x, const Shape& indices, int axis, std::string_view who) {
  bool fits = x.rank() == indices.rank();
  for (int i = 0; fits && i < x.rank(); ++i)
    fits = i == axis || x[i] == indices[i] || x[i] == None || indices[i] == None;
  if (!fits)
    throw ShapeError(std::string(who) + ": received indices of shape " + indices.str() +
                     " for shape " + x.str() + ", which may differ along axis " +
                     std::to_string(axis) + " only");
}

struct TakeAlongAxis {
  static constexpr std::string_view name = "take_along_axis";
  static constexpr std::string_view doc = "One element of an axis for each index.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::inputs;

  int axis = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &TakeAlongAxis::axis, "The axis that is indexed."}};
  }

  Spec infer(Inputs<Spec> in) const {
    check_integer(in[1], name);
    const int at = normalize_axis(axis, in[0].shape.rank(), "take_along_axis");
    check_along(in[0].shape, in[1].shape, at, name);
    Shape shape = in[0].shape;
    for (int i = 0; i < shape.rank(); ++i) {
      if (i == at || shape[i] == None) shape[i] = in[1].shape[i];
    }
    return {shape, in[0].dtype};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Tensor& table = at.in[0];
    const Lines lines =
        lines_along(table.shape(), normalize_axis(axis, table.rank(), "take_along_axis"));
    const IndexInput indices(at.in[1], lines.n, "take_along_axis", workspace);
    return [of = indexed(table, lines, at.in[1].shape()[axis]), indices](
               const void* const* from, void* const* to, std::byte* block) {
      kernels::gather_elements(of, from[0], indices.read(from[1], block), to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {scatter_add_along_axis(saved.input(1), dy, saved.shape(0), {.axis = axis}), Tensor()};
  }
  static std::vector<SampleOf<TakeAlongAxis>> samples() {
    return {{{0}, {{{4, 3}}, {{2, 3}, -4, 3, DType::int64}}},
            {{-1}, {{{2, 3}}, {{2, 5}, 0, 2, DType::int32}}},
            {{1}, {{{2, 4, 3}}, {{2, 1, 3}, 0, 3, DType::int64}}},
            {{0}, {{{3}}, {{0}, 0, 2, DType::int64}}}};
  }
};

struct ScatterAddAlongAxis {
  static constexpr std::string_view name = "scatter_add_along_axis";
  static constexpr std::string_view doc = "Zeros to which each update is added at its index.";
  static constexpr Saves saves = Saves::inputs;

  Shape shape;
  int axis = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"shape", &ScatterAddAlongAxis::shape, "The shape of the result."},
                      Field{"axis", &ScatterAddAlongAxis::axis, "The axis that is indexed."}};
  }

  // Inputs: indices, updates.
  Spec infer(Inputs<Spec> in) const {
    check_integer(in[0], name);
    const int at = normalize_axis(axis, shape.rank(), "scatter_add_along_axis");
    check_along(shape, in[0].shape, at, name);
    if (in[0].shape.is_known() && in[1].shape.is_known() && in[0].shape != in[1].shape)
      throw ShapeError("scatter_add_along_axis: received indices of shape " + in[0].shape.str() +
                       " and updates of shape " + in[1].shape.str() + ", expected the same");
    return {shape, in[1].dtype};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Lines lines =
        lines_along(shape, normalize_axis(axis, shape.rank(), "scatter_add_along_axis"));
    const IndexInput indices(at.in[0], lines.n, "scatter_add_along_axis", workspace);
    const Tensor& out = at.out[0];
    return [of = indexed(out, lines, at.in[0].shape()[axis]), indices, size = out.size()](
               const void* const* from, void* const* to, std::byte* block) {
      const std::int64_t* const places = indices.read(from[0], block);
      fill_zero(of.dtype, size, to[0]);
      kernels::scatter_add_elements(of, to[0], places, from[1]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    return {Tensor(), take_along_axis(d, saved.input(0), {.axis = axis})};
  }
  static std::vector<SampleOf<ScatterAddAlongAxis>> samples() {
    return {{{Shape{4, 3}, 0}, {{{2, 3}, -4, 3, DType::int64}, {{2, 3}}}},
            {{Shape{2, 3}, -1}, {{{2, 5}, 0, 2, DType::int32}, {{2, 5}}}},
            {{Shape{3}, 0}, {{{0}, 0, 2, DType::int64}, {{0}}}}};
  }
};

// NaN has become the lowest integer.
void check_numbers(const std::int64_t* indices, std::int64_t count) {
  const std::int64_t lost = std::numeric_limits<std::int64_t>::lowest();
  if (std::find(indices, indices + count, lost) != indices + count)
    throw IndexError("one_hot: received an index that is NaN or beyond 64 bits");
}

struct OneHot {
  static constexpr std::string_view name = "one_hot";
  static constexpr std::string_view doc = "1 at each index along a new last axis, 0 elsewhere.";
  static constexpr bool moves = true;
  using NoGradient = void;

  std::int64_t num_classes = 1;
  DType dtype = DType::float32;
  static constexpr auto fields() {
    return std::tuple{
        Field{"num_classes", &OneHot::num_classes, "The size of the new axis.", Range::at_least(0)},
        Field{"dtype", &OneHot::dtype, "The dtype of the result."}};
  }

  Spec infer(Inputs<Spec> in) const {
    if (num_classes < 0)
      throw ValueError("one_hot: received num_classes = " + std::to_string(num_classes) +
                       ", expected 0 or more");
    Shape shape = in[0].shape;
    shape.push_back(num_classes);
    return {shape, dtype};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const IntegerInput indices(at.in[0], workspace);
    return [indices, op = *this, count = at.in[0].size(), floats = is_floating(at.in[0].dtype())](
               const void* const* from, void* const* to, std::byte* block) {
      const std::int64_t* const places = indices.read(from[0], block);
      if (floats) check_numbers(places, count);
      kernels::one_hot(op.dtype, places, count, op.num_classes, to[0]);
    };
  }
  static std::vector<SampleOf<OneHot>> samples() {
    return {{{4, DType::float32}, {{{2, 3}, -1, 4, DType::int32}}},
            {{3, DType::bool_}, {{{}, 0, 2, DType::int64}}},
            {{3, DType::float32}, {{{0}, 0, 2, DType::int64}}}};
  }
};

}  // namespace

Tensor take(const Tensor& x, const Tensor& indices, const AnyAxis& args) {
  if (!args.axis) return run_op(Take{0}, {reshape(x, {-1}), indices});
  return run_op(Take{*args.axis}, {x, indices});
}

Tensor take_along_axis(const Tensor& x, const Tensor& indices, const AnyAxis& args) {
  if (!args.axis) {
    if (indices.rank() != 1)
      throw ValueError("take_along_axis: received indices of shape " + indices.shape().str() +
                       ", expected rank 1 without an axis");
    return run_op(TakeAlongAxis{0}, {reshape(x, {-1}), indices});
  }
  const int axis = normalize_axis(*args.axis, x.rank(), "take_along_axis");
  if (x.rank() != indices.rank()) check_along(x.shape(), indices.shape(), axis, "take_along_axis");
  // Both broadcast along the other axes.
  Shape from = x.shape();
  Shape to = indices.shape();
  from[axis] = to[axis] = 1;
  const Shape both = broadcast_shapes(from, to, "take_along_axis");
  from = to = both;
  from[axis] = x.shape()[axis];
  to[axis] = indices.shape()[axis];
  const Tensor table = from == x.shape() ? x : broadcast_to(x, from);
  const Tensor places = to == indices.shape() ? indices : broadcast_to(indices, to);
  return run_op(TakeAlongAxis{axis}, {table, places});
}

Tensor scatter_add(const Tensor& indices,
                   const Tensor& updates,
                   const Shape& shape,
                   const FirstAxis& args) {
  return run_op(ScatterAdd{shape, args.axis}, {indices, updates});
}

Tensor scatter_add_along_axis(const Tensor& indices,
                              const Tensor& updates,
                              const Shape& shape,
                              const FirstAxis& args) {
  return run_op(ScatterAddAlongAxis{shape, args.axis}, {indices, updates});
}

Tensor one_hot(const Tensor& indices, std::int64_t num_classes, const OneHotArgs& args) {
  const int axis = normalize_axis(args.axis, indices.rank() + 1, "one_hot");
  const Tensor last = run_op(OneHot{num_classes, args.dtype}, {indices});
  return axis == indices.rank() ? last : moveaxis(last, -1, axis);
}

Tensor multi_hot(const Tensor& indices, std::int64_t num_classes, const OneHotArgs& args) {
  return max(one_hot(indices, num_classes, args), {.axis = indices.rank() > 1 ? 1 : 0});
}

}  // namespace ops

using namespace ops;
NYALA_OP(Take)
NYALA_OP(ScatterAdd)
NYALA_OP(TakeAlongAxis)
NYALA_OP(ScatterAddAlongAxis)
NYALA_OP(OneHot)

}  // namespace nyala
