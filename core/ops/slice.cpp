#include <algorithm>

#include <nyala/core/ops/support.hpp>

namespace nyala {

template <>
struct ConfigCodec<ops::Range1> {
  static Config to(const ops::Range1& range) {
    Config list = Config::list();
    list.push_back(ConfigCodec<std::optional<std::int64_t>>::to(range.start));
    list.push_back(ConfigCodec<std::optional<std::int64_t>>::to(range.stop));
    list.push_back(range.step);
    return list;
  }
  static ops::Range1 from(const Config& config) {
    const Config::List& items = config.as_list();
    if (items.size() != 3)
      throw ValueError("received " + config.str() + ", expected [start, stop, step]");
    return {ConfigCodec<std::optional<std::int64_t>>::from(items[0]),
            ConfigCodec<std::optional<std::int64_t>>::from(items[1]),
            items[2].as_int()};
  }
};

namespace ops {
namespace {

// A range within a known size: where it begins, and how many elements it has.
struct Extent {
  std::int64_t start;
  std::int64_t count;
};

Extent extent_of(const Range1& range, std::int64_t size) {
  const std::int64_t step = range.step;
  const auto place = [&](std::optional<std::int64_t> given, std::int64_t fallback) {
    if (!given) return fallback;
    const std::int64_t at = *given < 0 ? *given + size : *given;  // cannot overflow
    return step > 0 ? std::clamp<std::int64_t>(at, 0, size)
                    : std::clamp<std::int64_t>(at, -1, size - 1);
  };
  const std::int64_t start = place(range.start, step > 0 ? 0 : size - 1);
  const std::int64_t stop = place(range.stop, step > 0 ? size : -1);
  const std::int64_t distance = step > 0 ? stop - start : start - stop;
  if (distance <= 0) return {start, 0};
  // As an unsigned number the lowest step has a magnitude too.
  const auto magnitude = step > 0 ? static_cast<std::uint64_t>(step)
                                  : std::uint64_t{0} - static_cast<std::uint64_t>(step);
  return {start,
          static_cast<std::int64_t>(static_cast<std::uint64_t>(distance - 1) / magnitude) + 1};
}

bool is_full(const Range1& range) {
  return !range.start && !range.stop && (range.step == 1 || range.step == -1);
}

void check_ranges(const std::vector<Range1>& ranges, const Shape& shape) {
  if (static_cast<int>(ranges.size()) > shape.rank()) {
    throw IndexError("slice: received " + std::to_string(ranges.size()) + " ranges for shape " +
                     shape.str());
  }
  for (const Range1& range : ranges) {
    if (range.step == 0) throw ValueError("slice: received step 0");
  }
}

struct Slice {
  static constexpr std::string_view name = "slice";
  static constexpr std::string_view doc = "A range of each leading axis.";
  static constexpr Saves saves = Saves::nothing;

  std::vector<Range1> ranges;
  static constexpr auto fields() {
    return std::tuple{
        Field{"ranges", &Slice::ranges, "[start, stop, step] for each leading axis."}};
  }

  Shape sliced(Shape shape) const {
    check_ranges(ranges, shape);
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      std::int64_t& size = shape[static_cast<int>(i)];
      if (size >= 0)
        size = extent_of(ranges[i], size).count;
      else if (!is_full(ranges[i]))
        size = None;
    }
    return shape;
  }
  Spec infer(Inputs<Spec> in) const { return {sliced(in[0].shape), in[0].dtype}; }
  std::optional<ViewLayout> view(const Spec& in, const Shape& own) const {
    check_ranges(ranges, in.shape);
    ViewLayout to{in.shape, own};
    for (std::size_t i = 0; i < ranges.size(); ++i) {
      const int axis = static_cast<int>(i);
      const Extent extent = extent_of(ranges[i], to.shape[axis]);
      if (extent.count > 0) to.offset += extent.start * to.strides[axis];
      to.shape[axis] = extent.count;
      if (extent.count > 1) to.strides[axis] *= ranges[i].step;  // one element needs no step
    }
    if (to.shape.num_elements() == 0) to.offset = 0;
    return to;
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const;
  static std::vector<SampleOf<Slice>> samples() {
    return {{{{{1, 3, 1}}}, {{{4, 2}}}},
            {{{{}, {-1, std::nullopt, -2}}}, {{{2, 5}}}},
            {{{{2, 2, 1}}}, {{{3}}}},
            {{{}}, {{{0, 3}}}}};
  }
};

struct SliceGrad {
  static constexpr std::string_view name = "slice_grad";
  static constexpr std::string_view doc = "dy in its place among zeros.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::nothing;

  Shape shape;
  std::vector<Range1> ranges;
  static constexpr auto fields() {
    return std::tuple{
        Field{"shape", &SliceGrad::shape, "The shape sliced."},
        Field{"ranges", &SliceGrad::ranges, "[start, stop, step] for each leading axis."}};
  }

  Spec infer(Inputs<Spec> in) const {
    expect_spec(name, in[0], Slice{ranges}.sliced(shape), in[0].dtype);
    return {shape, in[0].dtype};
  }
  static bool reads_strided(std::size_t, const Tensor&) { return true; }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor &x = at.in[0], &out = at.out[0];
    const ViewLayout place = *Slice{ranges}.view(out.spec(), out.strides());
    return [zero = Tensor::scalar(0, out.dtype()),
            size = out.size(),
            from_shape = x.shape(),
            from_strides = x.strides(),
            to_strides = place.strides,
            offset = place.offset * static_cast<std::int64_t>(size_of(out.dtype()))](
               const void* const* from, void* const* to) {
      kernels::fill(zero.dtype(), size, zero.data(), to[0]);
      kernels::copy_strided(zero.dtype(),
                            from_shape,
                            {from[0], from_strides.data()},
                            static_cast<std::byte*>(to[0]) + offset,
                            to_strides.data());
    };
  }
  Grads vjp(const Saved&, const Tensor& d) const { return {slice(d, ranges)}; }
  static std::vector<SampleOf<SliceGrad>> samples() {
    return {{{Shape{4, 2}, {{1, 3, 1}}}, {{{2, 2}}}},
            {{Shape{2, 5}, {{}, {-1, std::nullopt, -2}}}, {{{2, 3}}}},
            {{Shape{3}, {{2, 2, 1}}}, {{{0}}}}};
  }
};

Grads Slice::vjp(const Saved& saved, const Tensor& dy) const {
  return {run_op(SliceGrad{saved.shape(), ranges}, {dy})};
}

}  // namespace

Tensor slice(const Tensor& x, const std::vector<Range1>& ranges) {
  return run_op(Slice{ranges}, {x});
}

Tensor slice_axis(
    const Tensor& x, int axis, std::int64_t start, std::int64_t stop, std::int64_t step) {
  std::vector<Range1> ranges(
      static_cast<std::size_t>(normalize_axis(axis, x.rank(), "slice_axis")) + 1);
  ranges.back() = {start, stop, step};
  return slice(x, ranges);
}

}  // namespace ops

using namespace ops;
NYALA_OP(Slice)
NYALA_OP(SliceGrad)

Tensor Tensor::operator[](std::int64_t index) const {
  if (rank() == 0) throw IndexError("a tensor of rank 0 has no rows");
  const std::int64_t size = shape()[0];
  if (size >= 0 && (index < -size || index >= size)) {
    throw IndexError("row " + std::to_string(index) + " is out of bounds for shape " +
                     shape().str());
  }
  const std::int64_t row = index < 0 && size >= 0 ? index + size : index;
  const Tensor rows = ops::slice(*this, {{row, row + 1, 1}});
  Shape rest = shape();
  rest.erase(0);
  return ops::reshape(rows, rest);
}

}  // namespace nyala
