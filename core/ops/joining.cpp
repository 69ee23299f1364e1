#include <algorithm>
#include <numeric>

#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

struct Concatenate {
  static constexpr std::string_view name = "concatenate";
  static constexpr std::string_view doc = "One after the other along an axis.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::nothing;

  int axis = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &Concatenate::axis, "The axis along which they are joined."}};
  }

  Spec infer(Inputs<Spec> in) const {
    if (in.size() == 0) throw ValueError("concatenate: received no tensors");
    Shape shape = in[0].shape;
    const int at = normalize_axis(axis, shape.rank(), "concatenate");
    for (std::size_t i = 1; i < in.size(); ++i) add(in[i], in[0], at, shape);
    return {shape, in[0].dtype};
  }
  static void add(const Spec& next, const Spec& first, int at, Shape& shape) {
    bool fits = next.shape.rank() == shape.rank() && next.dtype == first.dtype;
    for (int i = 0; fits && i < shape.rank(); ++i) {
      const std::int64_t size = next.shape[i];
      if (i == at)
        shape[i] = add_sizes(shape[i], size, "concatenate");
      else if (shape[i] == None)
        shape[i] = size;
      else
        fits = size == None || size == shape[i];
    }
    if (fits) return;
    throw ShapeError("concatenate: received " + std::string(name_of(first.dtype)) + " " +
                     first.shape.str() + " and " + std::string(name_of(next.dtype)) + " " +
                     next.shape.str() + ", which may differ along axis " + std::to_string(at) +
                     " only");
  }
  // Without the kernel's list of parts, a call of small ones takes a fifth less time.
  void forward(Inputs<Tensor> x, Tensor& out) const {
    const int at = normalize_axis(axis, out.rank(), "concatenate");
    auto* to = static_cast<std::byte*>(out.mutable_data());
    const std::size_t step = static_cast<std::size_t>(out.strides()[at]) * size_of(out.dtype());
    for (const Tensor& part : x) {
      kernels::copy_strided(out.dtype(), part.shape(), in(part), to, out.strides().data());
      to += static_cast<std::size_t>(part.shape()[at]) * step;
    }
  }
  static bool reads_strided(std::size_t, const Tensor&) { return true; }
  Kernel prepare(const Layouts& layouts, Workspace&) const {
    // An input, and where in the output it goes.
    struct Part {
      Shape shape, strides;
      std::int64_t offset;
    };
    const Tensor& out = layouts.out[0];
    const int at = normalize_axis(axis, out.rank(), "concatenate");
    const std::int64_t step = out.strides()[at] * static_cast<std::int64_t>(size_of(out.dtype()));
    std::vector<Part> parts;
    std::int64_t offset = 0;
    for (const Tensor& part : layouts.in) {
      parts.push_back({part.shape(), part.strides(), offset});
      offset += part.shape()[at] * step;
    }
    return [parts = std::move(parts), dtype = out.dtype(), strides = out.strides()](
               const void* const* from, void* const* to) {
      for (std::size_t i = 0; i < parts.size(); ++i) {
        kernels::copy_strided(dtype,
                              parts[i].shape,
                              {from[i], parts[i].strides.data()},
                              static_cast<std::byte*>(to[0]) + parts[i].offset,
                              strides.data());
      }
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    Grads grads(saved.num_inputs());
    std::int64_t start = 0;
    for (std::size_t i = 0; i < grads.size(); ++i) {
      const int at = normalize_axis(axis, dy.rank(), "concatenate");
      const std::int64_t stop = start + saved.shape(i)[at];
      if (saved.wants(i)) grads[i] = slice_axis(dy, at, start, stop);
      start = stop;
    }
    return grads;
  }
  static std::vector<SampleOf<Concatenate>> samples() {
    return {{{0}, {{{2, 3}}, {{4, 3}}}},
            {{-1}, {{{2, 3}}, {{2, 1}}, {{2, 0}}}},
            {{1}, {{{2, 3, 2}}, {{2, 2, 2}}}},
            {{0}, {{{5}}}}};
  }
};

struct Pad {
  static constexpr std::string_view name = "pad";
  static constexpr std::string_view doc = "A number around the elements.";
  static constexpr bool moves = true;
  static constexpr Saves saves = Saves::nothing;

  std::vector<std::int64_t> widths;
  double value = 0;
  static constexpr auto fields() {
    return std::tuple{Field{"widths", &Pad::widths, "Before and after each axis."},
                      Field{"value", &Pad::value, "The number put there."}};
  }

  std::int64_t before(int axis) const { return widths[2 * static_cast<std::size_t>(axis)]; }
  std::int64_t after(int axis) const { return widths[2 * static_cast<std::size_t>(axis) + 1]; }

  Spec infer(Inputs<Spec> in) const {
    Shape shape = in[0].shape;
    if (widths.size() != 2 * static_cast<std::size_t>(shape.rank()) ||
        std::any_of(widths.begin(), widths.end(), [](std::int64_t width) { return width < 0; })) {
      throw ValueError("pad: received widths " +
                       ConfigCodec<std::vector<std::int64_t>>::to(widths).str() + " for shape " +
                       shape.str() + ", expected two of 0 or more for each axis");
    }
    for (int i = 0; i < shape.rank(); ++i) {
      shape[i] = add_sizes(add_sizes(shape[i], before(i), "pad"), after(i), "pad");
    }
    return {shape, in[0].dtype};
  }
  static bool reads_strided(std::size_t, const Tensor&) { return true; }
  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor &x = at.in[0], &out = at.out[0];
    std::int64_t offset = 0;
    for (int i = 0; i < out.rank(); ++i) offset += before(i) * out.strides()[i];
    return [filler = Tensor::scalar(value, out.dtype()),
            size = out.size(),
            copied = x.size(),
            shape = x.shape(),
            strides = x.strides(),
            to_strides = out.strides(),
            offset = offset * static_cast<std::int64_t>(size_of(out.dtype()))](
               const void* const* from, void* const* to) {
      kernels::fill(filler.dtype(), size, filler.data(), to[0]);
      if (copied == 0) return;
      kernels::copy_strided(filler.dtype(),
                            shape,
                            {from[0], strides.data()},
                            static_cast<std::byte*>(to[0]) + offset,
                            to_strides.data());
    };
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    std::vector<Range1> ranges;
    for (int i = 0; i < dy.rank(); ++i)
      ranges.push_back({before(i), before(i) + saved.shape()[i], 1});
    return {slice(dy, ranges)};
  }
  static std::vector<SampleOf<Pad>> samples() {
    std::vector<SampleOf<Pad>> samples;
    const auto add = [&](std::vector<std::int64_t> around, double fill, const Shape& shape) {
      samples.push_back({Pad{std::move(around), fill}, {{shape}}});
    };
    add({1, 2}, 0.5, {3});
    add({1, 0, 2, 1}, 0, {2, 3});
    add({0, 1, 2, 0}, 0, {2, 0});
    add({}, 0, {});
    return samples;
  }
};

std::vector<Tensor> to_common_dtype(Inputs<Tensor> tensors) {
  std::vector<Tensor> same(tensors.begin(), tensors.end());
  if (same.empty()) return same;
  DType dtype = same[0].dtype();
  for (const Tensor& tensor : same) {
    if (tensor.dtype() != dtype) dtype = result_type(dtype, tensor.dtype());
  }
  for (Tensor& tensor : same) tensor = cast(tensor, dtype);
  return same;
}

// The place that an element of a padded axis is copied from.
std::int64_t mirrored(std::int64_t at, std::int64_t size, bool repeat_edge) {
  if (at < 0) return repeat_edge ? -at - 1 : -at;
  if (at >= size) return repeat_edge ? 2 * size - at - 1 : 2 * size - at - 2;
  return at;
}

Tensor pad_mirrored(Tensor x, const std::vector<PadWidth>& widths, bool repeat_edge) {
  for (int axis = 0; axis < x.rank(); ++axis) {
    const PadWidth& width = widths[static_cast<std::size_t>(axis)];
    if (width.before == 0 && width.after == 0) continue;
    const std::int64_t size = x.shape()[axis];
    if (size == None)
      throw ShapeError("pad: the size of axis " + std::to_string(axis) + " of shape " +
                       x.shape().str() + " is not known");
    const std::int64_t most = repeat_edge ? size : size - 1;
    if (width.before > most || width.after > most) {
      throw ValueError("pad: received widths (" + std::to_string(width.before) + ", " +
                       std::to_string(width.after) + ") for axis " + std::to_string(axis) +
                       " of shape " + x.shape().str() + ", expected at most " +
                       std::to_string(most) + " in this mode");
    }
    const std::int64_t end = checked_add(size, width.after, "pad");
    Tensor from = Tensor::empty({checked_add(end, width.before, "pad")}, DType::int64);
    auto* place = from.mutable_data<std::int64_t>();
    for (std::int64_t i = -width.before; i < end; ++i) *place++ = mirrored(i, size, repeat_edge);
    x = take(x, from, {.axis = axis});
  }
  return x;
}

}  // namespace

Tensor concatenate(Inputs<Tensor> tensors, const FirstAxis& args) {
  return run_op(Concatenate{args.axis}, to_common_dtype(tensors));
}

Tensor stack(Inputs<Tensor> tensors, const FirstAxis& args) {
  std::vector<Tensor> rows;
  if (tensors.empty()) throw ValueError("stack: received no tensors");
  for (const Tensor& tensor : tensors) {
    broadcast_shapes(tensor.shape(), tensors[0].shape(), "stack");
    rows.push_back(expand_dims(tensor, args.axis));
  }
  const int axis = args.axis < 0 ? args.axis + rows[0].rank() : args.axis;
  return concatenate(rows, {.axis = axis});
}

std::vector<Tensor> unstack(const Tensor& x, const FirstAxis& args) {
  const int axis = normalize_axis(args.axis, x.rank(), "unstack");
  if (x.shape()[axis] == None)
    throw ShapeError("unstack: the size of axis " + std::to_string(axis) + " of shape " +
                     x.shape().str() + " is not known");
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < x.shape()[axis]; ++i)
    parts.push_back(squeeze(slice_axis(x, axis, i, i + 1), axis));
  return parts;
}

std::vector<Tensor> split(const Tensor& x, const SplitPoints& points, const FirstAxis& args) {
  const int axis = normalize_axis(args.axis, x.rank(), "split");
  const std::int64_t size = x.shape()[axis];
  std::vector<Tensor> parts;
  const auto add = [&](std::int64_t start, std::int64_t stop) {
    parts.push_back(slice_axis(x, axis, start, stop));
  };
  if (points.sections) {
    const std::int64_t sections = *points.sections;
    if (sections < 1 || size == None || size % sections != 0) {
      throw ValueError("split: received " + std::to_string(sections) + " sections for axis " +
                       std::to_string(axis) + " of shape " + x.shape().str() +
                       ", which they do not divide");
    }
    constexpr std::uint64_t bytes_of_part = sizeof(detail::TensorImpl) + sizeof(Tensor);
    constexpr std::uint64_t most = std::uint64_t{1} << 46;
    detail::check_memory(
        std::min<std::uint64_t>(static_cast<std::uint64_t>(sections), most) * bytes_of_part,
        "split");
    for (std::int64_t i = 0; i < sections; ++i) {
      const std::int64_t part = size / sections;
      add(part * i, part * (i + 1));
    }
    return parts;
  }
  std::int64_t start = 0;
  for (const std::int64_t cut : points.indices) {
    if (cut < start || (size != None && cut > size)) {
      throw ValueError("split: received a cut at " + std::to_string(cut) + " for axis " +
                       std::to_string(axis) + " of shape " + x.shape().str() +
                       ", expected ascending ones within it");
    }
    add(start, cut);
    start = cut;
  }
  std::vector<Range1> rest(static_cast<std::size_t>(axis) + 1);
  rest.back().start = start;
  parts.push_back(slice(x, rest));
  return parts;
}

Tensor pad(const Tensor& x, const std::vector<PadWidth>& widths, const PadArgs& args) {
  std::vector<PadWidth> each = widths;
  if (each.size() == 1) each.resize(static_cast<std::size_t>(x.rank()), each[0]);
  if (static_cast<int>(each.size()) != x.rank()) {
    throw ValueError("pad: received " + std::to_string(widths.size()) + " widths for shape " +
                     x.shape().str() + ", expected one for each axis");
  }
  std::vector<std::int64_t> flat;
  for (const PadWidth& width : each) {
    if (width.before < 0 || width.after < 0)
      throw ValueError("pad: received widths (" + std::to_string(width.before) + ", " +
                       std::to_string(width.after) + "), expected 0 or more");
    flat.insert(flat.end(), {width.before, width.after});
  }
  if (args.mode == "constant") return run_op(Pad{std::move(flat), args.constant_values}, {x});
  if (args.mode != "reflect" && args.mode != "symmetric") {
    throw ValueError("pad: received mode \"" + args.mode +
                     "\", expected \"constant\", \"reflect\" or \"symmetric\"");
  }
  return pad_mirrored(x, each, args.mode == "symmetric");
}

Tensor tile(const Tensor& x, const std::vector<std::int64_t>& repeats) {
  const int rank = std::max(x.rank(), static_cast<int>(repeats.size()));
  Shape apart, repeated, merged;
  for (int i = 0; i < rank; ++i) {
    const int own = i - (rank - x.rank());
    const int given = i - (rank - static_cast<int>(repeats.size()));
    const std::int64_t size = own < 0 ? 1 : x.shape()[own];
    const std::int64_t times = given < 0 ? 1 : repeats[static_cast<std::size_t>(given)];
    if (times < 0)
      throw ValueError("tile: received " + std::to_string(times) + " repeats, expected 0 or more");
    if (times != 1) {
      apart.push_back(1);
      repeated.push_back(times);
    }
    apart.push_back(size);
    repeated.push_back(size);
    merged.push_back(multiply_sizes(size, times, "tile"));
  }
  return reshape(broadcast_to(reshape(x, apart), repeated), merged);
}

Tensor repeat(const Tensor& x, const Repeats& repeats, const AnyAxis& args) {
  if (!args.axis) return repeat(reshape(x, {-1}), repeats, {.axis = 0});
  const int axis = normalize_axis(*args.axis, x.rank(), "repeat");
  const std::int64_t size = x.shape()[axis];
  for (std::int64_t times : repeats.counts) {
    if (times < 0)
      throw ValueError("repeat: received " + std::to_string(times) +
                       " repeats, expected 0 or more");
  }
  if (repeats.counts.size() == 1) {
    const std::int64_t times = repeats.counts[0];
    Shape repeated = x.shape();
    repeated.insert(axis + 1, times);
    Shape merged = x.shape();
    merged[axis] = multiply_sizes(size, times, "repeat");
    return reshape(broadcast_to(expand_dims(x, axis + 1), repeated), merged);
  }
  if (static_cast<std::int64_t>(repeats.counts.size()) != size) {
    throw ValueError("repeat: received " + std::to_string(repeats.counts.size()) +
                     " counts for axis " + std::to_string(axis) + " of shape " + x.shape().str());
  }
  std::int64_t total = 0;
  for (std::int64_t times : repeats.counts) total = checked_add(total, times, "repeat");
  Tensor from = Tensor::empty({total}, DType::int64);
  auto* place = from.mutable_data<std::int64_t>();
  for (std::size_t i = 0; i < repeats.counts.size(); ++i)
    place = std::fill_n(place, repeats.counts[i], static_cast<std::int64_t>(i));
  return take(x, from, {.axis = axis});
}

Tensor flip(const Tensor& x, const Axes& axis) {
  const std::vector<bool> flags = axis.flags(x.rank(), "flip");
  std::vector<Range1> ranges(flags.size());
  for (std::size_t i = 0; i < flags.size(); ++i) ranges[i].step = flags[i] ? -1 : 1;
  return slice(x, ranges);
}

Tensor roll(const Tensor& x, std::int64_t shift, const AnyAxis& args) {
  if (!args.axis) return reshape(roll(reshape(x, {-1}), shift, {.axis = 0}), x.shape());
  const int axis = normalize_axis(*args.axis, x.rank(), "roll");
  const std::int64_t size = x.shape()[axis];
  if (size == 0) return x;
  if (size == None)
    throw ShapeError("roll: the size of axis " + std::to_string(axis) + " of shape " +
                     x.shape().str() + " is not known");
  const std::int64_t moved = shift % size;
  const std::int64_t cut = moved > 0 ? size - moved : -moved;
  return concatenate({slice_axis(x, axis, cut, size), slice_axis(x, axis, 0, cut)}, {.axis = axis});
}

}  // namespace ops

using namespace ops;
NYALA_OP(Concatenate)
NYALA_OP(Pad)

}  // namespace nyala
