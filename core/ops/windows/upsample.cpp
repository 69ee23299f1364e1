#include <nyala/core/ops/upsample.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

struct NamedInterpolation {
  const char* name;
  Interpolation value;
};
constexpr std::array<NamedInterpolation, 6> kInterpolations = {
    {{"nearest", Interpolation::nearest},
     {"area", Interpolation::area},
     {"bilinear", Interpolation::bilinear},
     {"bicubic", Interpolation::bicubic},
     {"lanczos3", Interpolation::lanczos3},
     {"lanczos5", Interpolation::lanczos5}}};

// How far from a point elements count, and how much.
int radius_of(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::bicubic: return 2;
    case Interpolation::lanczos3: return 3;
    case Interpolation::lanczos5: return 5;
    default: return 1;  // bilinear: the others repeat elements
  }
}

double lanczos(double distance, double radius) {
  if (distance < 1e-3) return 1;
  if (distance > radius) return 0;
  const double angle = std::numbers::pi * distance;
  return radius * std::sin(angle) * std::sin(angle / radius) / (angle * angle);
}

double weight_at(Interpolation interpolation, double distance) {
  if (interpolation == Interpolation::bicubic) {
    // TensorFlow takes cubic weights from a table of 1024 steps.
    const double d = std::nearbyint(distance * 1024) / 1024;
    if (d <= 1) return (1.5 * d - 2.5) * d * d + 1;
    return ((-0.5 * d + 2.5) * d - 4) * d + 2;
  }
  if (interpolation == Interpolation::bilinear) return std::max(1 - distance, 0.0);
  return lanczos(distance, radius_of(interpolation));
}

// The elements that one new element is made of.
struct Taps {
  std::int64_t first = 0;
  int count = 0;
  std::array<double, 10> weights{};
};

Taps taps_of(Interpolation interpolation, std::int64_t i, std::int64_t size, std::int64_t factor) {
  const double at = (static_cast<double>(i) + 0.5) / static_cast<double>(factor) - 0.5;
  const int radius = radius_of(interpolation);
  const auto left = static_cast<std::int64_t>(std::floor(at)) - radius + 1;
  Taps taps;
  taps.first = std::max<std::int64_t>(left, 0);
  const std::int64_t end = std::min(left + 2 * radius, size);
  double sum = 0;
  for (std::int64_t j = taps.first; j < end; ++j) {
    const double weight = weight_at(interpolation, std::abs(static_cast<double>(j) - at));
    taps.weights[static_cast<std::size_t>(taps.count++)] = weight;
    sum += weight;
  }
  for (double& weight : taps.weights) weight /= sum;
  return taps;
}

// y = M x along an axis, or x = M' y: the gradient of each is the other.
struct Upsample {
  static constexpr std::string_view name = "upsample";
  static constexpr std::string_view doc = "New elements between those of an axis.";
  static constexpr Saves saves = Saves::nothing;

  int axis = 0;
  std::int64_t factor = 1;
  int interpolation = 0;
  bool transposed = false;
  template <class A = Upsample>
  static constexpr auto fields() {
    return std::tuple{Field{"axis", &A::axis, "Which, from 0 on."},
                      Field{"factor", &A::factor, "New elements for each."},
                      Field{"interpolation", &A::interpolation, "An Interpolation."},
                      Field{"transposed", &A::transposed, "Whether it is the way back."}};
  }

  Spec infer(Inputs<Spec> in) const {
    Shape shape = in[0].shape;
    const bool is_float = in[0].dtype == DType::float32 || in[0].dtype == DType::float64;
    const bool has_axis = axis >= 0 && axis < shape.rank();
    const std::int64_t size = has_axis ? shape[axis] : 0;
    const bool known = interpolation >= static_cast<int>(Interpolation::bilinear) &&
                       interpolation <= static_cast<int>(Interpolation::lanczos5);
    if (!has_axis || !is_float || !known || factor < 1 ||
        (transposed && size != None && size % factor != 0)) {
      throw ShapeError("upsample: received " + std::string(name_of(in[0].dtype)) + " of shape " +
                       shape.str() + ", axis " + std::to_string(axis) + ", factor " +
                       std::to_string(factor) + " and interpolation " +
                       std::to_string(interpolation) + ", which do not fit");
    }
    if (size != None)
      shape[axis] = transposed ? size / factor : multiply_sizes(size, factor, "upsample");
    return {shape, in[0].dtype};
  }

  auto prepare(const Layouts& at, Workspace&) const {
    const Tensor &x = at.in[0], &out = at.out[0];
    const Tensor& small = transposed ? out : x;
    return [op = *this,
            dtype = x.dtype(),
            lines = lines_along(small.shape(), axis),
            size = out.size()](const void* const* from, void* const* to) {
      visit_float(dtype, [&]<class T>() {
        T* const y = static_cast<T*>(to[0]);
        if (op.transposed) std::fill_n(y, size, T(0));
        for (std::int64_t i = 0; i < lines.n * op.factor; ++i)
          op.apply(lines, i, static_cast<const T*>(from[0]), y);
      });
    };
  }

  Grads vjp(const Saved&, const Tensor& dy) const {
    Upsample back = *this;
    back.transposed = !transposed;
    return {run_op(back, {dy})};
  }

  static std::vector<SampleOf<Upsample>> samples() {
    std::vector<SampleOf<Upsample>> all;
    for (int kind = static_cast<int>(Interpolation::bilinear);
         kind <= static_cast<int>(Interpolation::lanczos5);
         ++kind) {
      all.push_back({{1, 3, kind, false}, {{{2, 4, 2}}}});
      all.push_back({{0, 2, kind, true}, {{{6, 2}}}});
    }
    all.push_back({{1, 2, static_cast<int>(Interpolation::bilinear), false}, {{{2, 0, 3}}}});
    return all;
  }

 private:
  // Everything that the i-th new element along the axis has to do with.
  template <class T>
  void apply(const Lines& lines, std::int64_t i, const T* from, T* to) const {
    const Taps taps = taps_of(static_cast<Interpolation>(interpolation), i, lines.n, factor);
    for (std::int64_t outer = 0; outer < lines.outer; ++outer) {
      const std::int64_t large = (outer * lines.n * factor + i) * lines.inner;
      const std::int64_t small = (outer * lines.n + taps.first) * lines.inner;
      if (transposed)
        spread(taps, lines.inner, from + large, to + small);
      else
        gather(taps, lines.inner, from + small, to + large);
    }
  }
  template <class T>
  static void gather(const Taps& taps, std::int64_t inner, const T* from, T* to) {
    std::fill_n(to, inner, T(0));
    for (int k = 0; k < taps.count; ++k, from += inner) {
      const T weight = static_cast<T>(taps.weights[static_cast<std::size_t>(k)]);
      for (std::int64_t j = 0; j < inner; ++j) to[j] += weight * from[j];
    }
  }
  template <class T>
  static void spread(const Taps& taps, std::int64_t inner, const T* from, T* to) {
    for (int k = 0; k < taps.count; ++k, to += inner) {
      const T weight = static_cast<T>(taps.weights[static_cast<std::size_t>(k)]);
      for (std::int64_t j = 0; j < inner; ++j) to[j] += weight * from[j];
    }
  }
};

}  // namespace

Interpolation interpolation_named(const std::string& name, const std::string& who) {
  for (const NamedInterpolation& known : kInterpolations) {
    if (name == known.name) return known.value;
  }
  throw ValueError(who + ": received interpolation \"" + name.substr(0, 200) +
                   "\", expected nearest, area, bilinear, bicubic, lanczos3 or lanczos5");
}

Tensor upsample(const Tensor& x, int axis, std::int64_t factor, Interpolation interpolation) {
  axis = normalize_axis(axis, x.rank(), "upsample");
  // Areas that lie within one element each are the element.
  if (interpolation == Interpolation::nearest || interpolation == Interpolation::area)
    return repeat(x, factor, {.axis = axis});
  const Tensor values = to_float(x);
  const bool narrow = values.dtype() != DType::float32 && values.dtype() != DType::float64;
  const Upsample op{axis, factor, static_cast<int>(interpolation), false};
  const Tensor y = run_op(op, {narrow ? cast(values, DType::float32) : values});
  return cast(y, values.dtype());
}

}  // namespace ops

using namespace ops;
NYALA_OP(Upsample)

}  // namespace nyala
