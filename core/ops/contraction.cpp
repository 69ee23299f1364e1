#include <algorithm>
#include <array>

#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/ops/rewriting.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace {

// A short list of axes: small enough that a record holds it inside.
struct AxisList {
  static constexpr std::size_t kMost = 11;
  std::int8_t count = 0;
  std::array<std::int8_t, kMost> axes{};

  AxisList() = default;
  constexpr AxisList(std::initializer_list<int> list) {
    for (int axis : list) push_back(axis);
  }
  AxisList(const std::vector<int>& list) {
    for (int axis : list) push_back(axis);
  }
  static AxisList range(int begin, int end) {
    AxisList list;
    for (int axis = begin; axis < end; ++axis) list.push_back(axis);
    return list;
  }

  constexpr void push_back(int axis) {
    if (axis < -64 || axis > 63) throw IndexError("dot_general: received an axis out of bounds");
    if (static_cast<std::size_t>(count) == kMost)
      throw LimitError("dot_general: received more axes than the 11 that it takes");
    axes[static_cast<std::size_t>(count++)] = static_cast<std::int8_t>(axis);
  }
  void append(const AxisList& list) {
    for (int axis : list) push_back(axis);
  }
  int size() const { return count; }
  int operator[](int i) const { return axes[static_cast<std::size_t>(i)]; }
  const std::int8_t* begin() const { return axes.data(); }
  const std::int8_t* end() const { return axes.data() + count; }
  int find(int axis) const { return static_cast<int>(std::find(begin(), end(), axis) - begin()); }
  bool contains(int axis) const { return find(axis) < count; }
  std::vector<int> to_vector() const { return {begin(), end()}; }
};

}  // namespace

template <>
struct ConfigCodec<AxisList> {
  static Config to(const AxisList& list) {
    return ConfigCodec<std::vector<int>>::to(list.to_vector());
  }
  static AxisList from(const Config& config) {
    return AxisList(ConfigCodec<std::vector<int>>::from(config));
  }
};

namespace ops {
namespace {

using Axis = struct { std::int64_t size, stride; };
using AxisGroup = SmallVector<Axis, 6>;

// The axes of a group as one, walked with one stride; false when that cannot be.
bool merge(const AxisGroup& group, std::size_t first, Axis& merged) {
  merged = {1, 1};
  for (std::size_t i = group.size(); i-- > first;) {
    if (group[i].size == 1) continue;
    if (merged.size == 1)
      merged.stride = group[i].stride;
    else if (group[i].stride != merged.stride * merged.size)
      return false;
    merged.size *= group[i].size;
  }
  return true;
}

// One operand, its axes sorted into what stays apart, what is left and what is summed.
struct Operand {
  AxisGroup batch, free, contract;
  Shape shape, strides;  // of the axes in that order, where the elements are to be copied into it
  bool is_copied = false;

  Operand(const Tensor& x,
          const AxisList& batch_axes,
          const AxisList& free_axes,
          const AxisList& contract_axes) {
    const std::int64_t* sizes = x.shape().data();
    const std::int64_t* steps = x.strides().data();
    const auto gather = [&](const AxisList& axes, AxisGroup& group) {
      for (int axis : axes) group.push_back({sizes[axis], steps[axis]});
    };
    gather(batch_axes, batch);
    gather(free_axes, free);
    gather(contract_axes, contract);
  }

  // To be copied into the order (batch, free, contract), where every group merges.
  void compact() {
    is_copied = true;
    for (const AxisGroup* group : {&batch, &free, &contract}) {
      for (const Axis& axis : *group) {
        shape.push_back(axis.size);
        strides.push_back(axis.stride);
      }
    }
    std::int64_t step = 1;
    for (AxisGroup* group : {&contract, &free, &batch}) {
      for (std::size_t i = group->size(); i-- > 0;) {
        (*group)[i].stride = step;
        step *= (*group)[i].size;
      }
    }
  }
  std::int64_t bytes_of_copy(DType dtype) const {
    return is_copied ? shape.num_elements() * static_cast<std::int64_t>(size_of(dtype)) : 0;
  }
  // The elements as the product reads them, copied to `room` where they have to be.
  const void* read(DType dtype, const void* data, void* room) const {
    if (!is_copied) return data;
    kernels::copy(dtype, shape, {data, strides.data()}, room);
    return room;
  }
};

struct DotGeneral {
  static constexpr std::string_view name = "dot_general";
  static constexpr std::string_view doc =
      "Sums of products over pairs of axes, for each position of the batch axes.";
  static constexpr Saves saves = Saves::inputs;

  AxisList x_batch, y_batch, x_contract, y_contract;
  static constexpr auto fields() {
    return std::tuple{
        Field{"x_batch", &DotGeneral::x_batch, "Axes of x that stay, paired with y_batch."},
        Field{"y_batch", &DotGeneral::y_batch, "Axes of y that stay."},
        Field{"x_contract",
              &DotGeneral::x_contract,
              "Axes of x summed over, paired with y_contract."},
        Field{"y_contract", &DotGeneral::y_contract, "Axes of y summed over."}};
  }

  static AxisList free_axes(int rank, const AxisList& batch, const AxisList& contract) {
    std::uint64_t taken = 0;
    for (int axis : batch) taken |= std::uint64_t{1} << axis;
    for (int axis : contract) taken |= std::uint64_t{1} << axis;
    AxisList axes;
    for (int i = 0; i < rank; ++i) {
      if ((taken >> i & 1) == 0) axes.push_back(i);
    }
    return axes;
  }
  AxisList x_free(const Shape& x) const { return free_axes(x.rank(), x_batch, x_contract); }
  AxisList y_free(const Shape& y) const { return free_axes(y.rank(), y_batch, y_contract); }

  static void check_axes(const AxisList& batch, const AxisList& contract, const Shape& shape) {
    std::uint64_t taken = 0;
    for (const AxisList* list : {&batch, &contract}) {
      for (int axis : *list) {
        const int place = normalize_axis(axis, shape.rank(), "dot_general");
        if (axis != place || place > 63 || (taken >> place & 1) != 0)
          throw ValueError("dot_general: axis " + std::to_string(axis) + " of shape " +
                           shape.str() + " comes twice or from the end");
        taken |= std::uint64_t{1} << place;
      }
    }
  }

  void check(const Shape& x, const Shape& y) const {
    if (x_batch.size() != y_batch.size() || x_contract.size() != y_contract.size())
      throw ValueError("dot_general: received axes that do not pair");
    check_axes(x_batch, x_contract, x);
    check_axes(y_batch, y_contract, y);
    const auto check_pairs = [&](const AxisList& a, const AxisList& b, const char* what) {
      for (int i = 0; i < a.size(); ++i) {
        if (sizes_fit(x[a[i]], y[b[i]])) continue;
        throw ShapeError("dot_general: " + std::string(what) + " axes " + std::to_string(a[i]) +
                         " and " + std::to_string(b[i]) + " differ in size: received shapes " +
                         x.str() + " and " + y.str());
      }
    };
    check_pairs(x_batch, y_batch, "batch");
    check_pairs(x_contract, y_contract, "contracted");
  }

  // Whether this is a product of two matrices, either of which may be turned: planned with little
  // ado, for of small ones that would be most of the time.
  bool is_of_matrices(const Shape& x, const Shape& y) const {
    return x.rank() == 2 && y.rank() == 2 && x_batch.size() + y_batch.size() == 0 &&
           x_contract.size() == 1 && y_contract.size() == 1;
  }

  Spec infer(Inputs<Spec> in) const {
    const Shape& x = in[0].shape;
    const Shape& y = in[1].shape;
    if (in[0].dtype != in[1].dtype) {
      throw TypeError("dot_general: received dtypes " + std::string(name_of(in[0].dtype)) +
                      " and " + std::string(name_of(in[1].dtype)) + ", expected the same");
    }
    if (is_of_matrices(x, y)) {
      const int x_k = x_contract[0], y_k = y_contract[0];
      const bool are_axes = static_cast<unsigned>(x_k) < 2 && static_cast<unsigned>(y_k) < 2;
      if (!are_axes || !sizes_fit(x[x_k], y[y_k])) check(x, y);
      return {Shape{x[1 - x_k], y[1 - y_k]}, in[0].dtype};
    }
    check(x, y);
    std::array<std::int64_t, 3 * AxisList::kMost> sizes;
    std::size_t rank = 0;
    for (int i = 0; i < x_batch.size(); ++i) {
      const std::int64_t size = x[x_batch[i]];
      sizes[rank++] = size == None ? y[y_batch[i]] : size;
    }
    for (int axis : x_free(x)) sizes[rank++] = x[axis];
    for (int axis : y_free(y)) sizes[rank++] = y[axis];
    return {Shape(std::span<const std::int64_t>(sizes.data(), rank)), in[0].dtype};
  }

  // The product as the kernels see it. An operand whose axes do not merge into one stride each is
  // to be copied.
  kernels::BatchedMatmulPlan plan(DType dtype, Operand& x, Operand& y) const {
    Axis x_k, y_k, n, m;
    if (!merge(x.contract, 0, x_k)) {
      x.compact();
      merge(x.contract, 0, x_k);
    }
    if (!merge(y.contract, 0, y_k) || !merge(y.free, 0, n)) {
      y.compact();
      merge(y.contract, 0, y_k);
      merge(y.free, 0, n);
    }
    // As many of x's last free axes as merge are rows; those before run like batch axes.
    std::size_t first = 0;
    while (!merge(x.free, first, m)) ++first;
    SmallVector<std::int64_t, 8> sizes, x_strides, y_strides;
    for (std::size_t i = 0; i < x.batch.size(); ++i) {
      sizes.push_back(x.batch[i].size);
      x_strides.push_back(x.batch[i].stride);
      y_strides.push_back(y.batch[i].stride);
    }
    for (std::size_t i = 0; i < first; ++i) {
      sizes.push_back(x.free[i].size);
      x_strides.push_back(x.free[i].stride);
      y_strides.push_back(0);
    }
    return kernels::plan_batched_matmul(
        {dtype, m.size, n.size, x_k.size, {m.stride, x_k.stride}, {y_k.stride, n.stride}, n.size},
        {sizes.data(), sizes.size()},
        x_strides.data(),
        y_strides.data());
  }

  kernels::MatmulPlan plan_matrices(Inputs<Tensor> in) const {
    const auto axis = [](const Tensor& t, int i) -> Axis {
      const std::int64_t size = t.shape().data()[i];
      return {size, size == 1 ? 1 : t.strides().data()[i]};
    };
    const Axis x_k = axis(in[0], x_contract[0]), m = axis(in[0], 1 - x_contract[0]);
    const Axis y_k = axis(in[1], y_contract[0]), n = axis(in[1], 1 - y_contract[0]);
    return kernels::plan_matmul({in[0].dtype(),
                                 m.size,
                                 n.size,
                                 x_k.size,
                                 {m.stride, x_k.stride},
                                 {y_k.stride, n.stride},
                                 n.size});
  }

  void forward(Inputs<Tensor> in, Tensor& out) const {
    if (is_of_matrices(in[0].shape(), in[1].shape()))
      return plan_matrices(in)(in[0].data(), in[1].data(), out.mutable_data());
    Operand x(in[0], x_batch, x_free(in[0].shape()), x_contract);
    Operand y(in[1], y_batch, y_free(in[1].shape()), y_contract);
    const kernels::BatchedMatmulPlan product = plan(in[0].dtype(), x, y);
    const DType dtype = in[0].dtype();
    if (!x.is_copied && !y.is_copied)
      return product(in[0].data(), in[1].data(), out.mutable_data());
    const Tensor x_room = Tensor::empty({x.bytes_of_copy(dtype)}, DType::uint8);
    const Tensor y_room = Tensor::empty({y.bytes_of_copy(dtype)}, DType::uint8);
    product(x.read(dtype, in[0].data(), x_room.impl()->data),
            y.read(dtype, in[1].data(), y_room.impl()->data),
            out.mutable_data());
  }

  static bool takes(DType dtype) { return kernels::multiplies(dtype); }
  static bool reads_strided(std::size_t, const Tensor&) { return true; }
  Kernel prepare(const Layouts& at, Workspace& workspace) const {
    const Tensor &a = at.in[0], &b = at.in[1];
    const DType dtype = a.dtype();
    Operand x(a, x_batch, x_free(a.shape()), x_contract);
    Operand y(b, y_batch, y_free(b.shape()), y_contract);
    const kernels::BatchedMatmulPlan product = plan(dtype, x, y);
    if (x.is_copied || y.is_copied) {
      const std::int64_t x_room = workspace.take(x.bytes_of_copy(dtype));
      const std::int64_t y_room = workspace.take(y.bytes_of_copy(dtype));
      return [=](const void* const* from, void* const* to, std::byte* block) {
        product(
            x.read(dtype, from[0], block + x_room), y.read(dtype, from[1], block + y_room), to[0]);
      };
    }
    if (product.batch == 1) {
      return [one = product.one](const void* const* from, void* const* to) {
        one(from[0], from[1], to[0]);
      };
    }
    return
        [product](const void* const* from, void* const* to) { product(from[0], from[1], to[0]); };
  }
  std::optional<kernels::MatmulPlan> product(Inputs<Tensor> in) const {
    if (!is_of_matrices(in[0].shape(), in[1].shape()) || !has_kernels(in[0].dtype())) return {};
    return plan_matrices(in);
  }
  // Rows times a matrix, (..., k) times (k, n), take a bias; of bfloat16 the product is rounded
  // before it is added.
  AnyOp with_epilogue(Inputs<Tensor> in, const Epilogue& epilogue) const {
    const int last = in[0].rank() - 1;
    const bool is_dense = x_batch.size() == 0 && in[1].rank() == 2 && x_contract.size() == 1 &&
                          x_contract[0] == last && y_contract[0] == 0 &&
                          is_floating(in[0].dtype()) && has_kernels(in[0].dtype());
    if (!is_dense || !epilogue.bias || epilogue.activation) return {};
    return linear_op(false);
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const AxisList xf = x_free(saved.shape(0));
    const AxisList yf = y_free(saved.shape(1));
    const int batch = x_batch.size(), rank = batch + xf.size() + yf.size();
    const AxisList d_batch = AxisList::range(0, batch);
    Grads grads(2);
    if (saved.wants(0)) {
      const AxisList over = AxisList::range(batch + xf.size(), rank);
      const Tensor g = run_op(DotGeneral{d_batch, y_batch, over, yf}, {d, saved.input(1)});
      // Its axes, named by those of x: batch, free, then contracted in the order that y has them.
      AxisList labels = x_batch;
      labels.append(xf);
      append_partners(y_contract, x_contract, labels);
      grads[0] = put_back(g, labels);
    }
    if (saved.wants(1)) {
      const AxisList over = AxisList::range(batch, batch + xf.size());
      const Tensor g = run_op(DotGeneral{x_batch, d_batch, xf, over}, {saved.input(0), d});
      AxisList labels = y_batch;
      append_partners(x_contract, y_contract, labels);
      labels.append(yf);
      grads[1] = put_back(g, labels);
    }
    return grads;
  }
  static void append_partners(const AxisList& from, const AxisList& partners, AxisList& labels) {
    AxisList order = from;
    std::sort(order.axes.begin(), order.axes.begin() + order.count);
    for (int axis : order) labels.push_back(partners[from.find(axis)]);
  }
  static Tensor put_back(const Tensor& g, const AxisList& labels) {
    if (std::is_sorted(labels.begin(), labels.end())) return g;
    std::vector<int> order(static_cast<std::size_t>(labels.size()));
    for (int i = 0; i < labels.size(); ++i) order[static_cast<std::size_t>(labels[i])] = i;
    return transpose(g, order);
  }

  static std::vector<SampleOf<DotGeneral>> samples() {
    using L = std::vector<int>;
    return {{{{}, {}, L{1}, L{0}}, {{{2, 3}}, {{3, 4}}}},
            {{L{0}, L{0}, L{1}, L{2}}, {{{2, 3, 4}}, {{2, 5, 3}}}},
            {{L{0}, L{0}, L{2}, L{1}}, {{{2, 3, 4, 2}}, {{2, 4, 3, 2}}}},
            {{L{0}, L{0}, L{1}, L{2}}, {{{2, 3, 4, 2}}, {{2, 4, 3, 2}}}},
            {{{}, {}, L{0, 2}, L{1, 0}}, {{{2, 3, 4}}, {{4, 2, 5}}}},
            {{L{1}, L{0}, {}, {}}, {{{2, 3}}, {{3, 2}}}},
            {{L{0}, L{0}, L{1}, L{1}}, {{{3, 0}}, {{3, 0}}}},
            {{{}, {}, L{0}, L{0}}, {{{3}}, {{3}}}},
            {{{}, {}, L{0}, L{1}}, {{{3, 2}}, {{1, 3}}}},
            {{{}, {}, L{1}, L{1}}, {{{4, 1}}, {{2, 1}}}}};
  }
};

Tensor contract(const Tensor& x, const Tensor& y, const DotGeneral& op) {
  if (x.dtype() == y.dtype()) return run_op(op, {x, y});
  const auto [a, b] = promote(x, y);
  return run_op(op, {a, b});
}

}  // namespace

Tensor dot_general(const Tensor& x, const Tensor& y, const DotDims& dims) {
  return contract(x, y, {dims.x_batch, dims.y_batch, dims.x_contract, dims.y_contract});
}

Tensor matmul(const Tensor& x, const Tensor& y) {
  if (x.rank() == 0 || y.rank() == 0) {
    throw ShapeError("matmul: received shapes " + x.shape().str() + " and " + y.shape().str() +
                     ", expected rank 1 or more");
  }
  if (x.dtype() == DType::int8 && y.dtype() == DType::int8)
    return matmul(cast(x, DType::int32), cast(y, DType::int32));
  const int last = x.rank() - 1;
  const int inner = std::max(y.rank() - 2, 0);
  if (!sizes_fit(x.shape()[last], y.shape()[inner])) {
    throw ShapeError("matmul: received shapes " + x.shape().str() + " and " + y.shape().str() +
                     ", whose inner sizes " + std::to_string(x.shape()[last]) + " and " +
                     std::to_string(y.shape()[inner]) + " differ");
  }
  static constexpr DotGeneral of_matrices{{}, {}, {1}, {0}};
  if (last == 1 && y.rank() == 2) return contract(x, y, of_matrices);
  if (y.rank() <= 2) return contract(x, y, {{}, {}, {last}, {inner}});
  Shape x_batch(std::span(x.shape().data(), static_cast<std::size_t>(std::max(x.rank() - 2, 0))));
  Shape y_batch(std::span(y.shape().data(), static_cast<std::size_t>(y.rank() - 2)));
  const Shape batch = broadcast_shapes(x_batch, y_batch, "matmul");
  const auto spread = [&](const Tensor& t, const Shape& own, int trailing) {
    if (own == batch) return t;
    Shape shape = batch;
    for (int i = t.rank() - trailing; i < t.rank(); ++i) shape.push_back(t.shape()[i]);
    return broadcast_to(t, shape);
  };
  const Tensor a = spread(x, x_batch, std::min(x.rank(), 2));
  const Tensor b = spread(y, y_batch, 2);
  const AxisList axes = AxisList::range(0, batch.rank());
  return contract(a, b, {axes, axes, {a.rank() - 1}, {b.rank() - 2}});
}

Tensor batch_dot(const Tensor& x, const Tensor& y, std::pair<int, int> axes) {
  if (x.rank() < 2 || y.rank() < 2) {
    throw ShapeError("batch_dot: received shapes " + x.shape().str() + " and " + y.shape().str() +
                     ", expected rank 2 or more");
  }
  const int a = normalize_axis(axes.first, x.rank(), "batch_dot");
  const int b = normalize_axis(axes.second, y.rank(), "batch_dot");
  if (a == 0 || b == 0) throw ValueError("batch_dot: axis 0 is the batch and is not summed over");
  const Tensor out = contract(x, y, {{0}, {0}, {a}, {b}});
  return out.rank() == 1 ? expand_dims(out, 1) : out;
}

}  // namespace ops

using namespace ops;
NYALA_OP(DotGeneral)

}  // namespace nyala
