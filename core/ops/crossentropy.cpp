#include <nyala/core/ops/crossentropy.hpp>

#include <algorithm>
#include <limits>

#include <nyala/core/kernels/crossentropy.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

struct OfRows {
  bool from_logits = false;
  static constexpr auto fields() {
    return std::tuple{
        Field{"from_logits", &OfRows::from_logits, "Whether rows hold logits, not probabilities."}};
  }
  kernels::CrossentropyRows rows_of(const Tensor& x, std::int64_t count) const {
    return {x.dtype(), from_logits, count, x.shape().back()};
  }
};

template <class Op>
Op with_logits(bool from_logits) {
  Op op;
  op.from_logits = from_logits;
  return op;
}

// f(from_logits, bounds of the numbers) for both kinds of rows.
template <class Op, class F>
std::vector<SampleOf<Op>> samples_of_rows(F&& inputs) {
  std::vector<SampleOf<Op>> samples;
  for (const bool from_logits : {false, true}) {
    for (std::vector<SampleInput>& list : inputs(from_logits ? -2.0 : 0.1, from_logits ? 2.0 : 0.9))
      samples.push_back({with_logits<Op>(from_logits), std::move(list)});
  }
  return samples;
}

// The shape of the losses. Throws when rows and targets do not fit.
Shape check_targets(const char* name, const Spec& rows, const Spec& targets, int classes) {
  const Shape& x = rows.shape;
  const Shape& t = targets.shape;
  bool fits = x.rank() > 0 && x.rank() == t.rank() + classes;
  Shape out;
  for (int i = 0; fits && i < t.rank(); ++i) {
    fits = x[i] == t[i] || x[i] == None || t[i] == None;
    if (i + 1 < x.rank()) out.push_back(t[i] == None ? x[i] : t[i]);
  }
  if (!fits)
    throw ShapeError(std::string(name) + ": received targets of shape " + t.str() +
                     " for an output of shape " + x.str() + ", expected " +
                     (classes == 0 ? "the same" : "all axes but the last"));
  return out;
}

// The same for targets that are rows of numbers, which have the dtype of the output.
Shape check_rows(const char* name, const Spec& rows, const Spec& targets) {
  expect_spec(name, targets, targets.shape, rows.dtype);
  return check_targets(name, rows, targets, 0);
}

void check_gradient(const char* name, const Spec& gradient, const Shape& losses, DType dtype) {
  expect_spec(name, gradient, losses, dtype);
}

// ---- labels ----

// Throws IndexError unless each label is a class.
void check_classes(const std::int64_t* labels, std::int64_t count, std::int64_t num_classes) {
  // Either is negative for a label out of bounds: two sums a label, which make vectors.
  const auto last = static_cast<std::uint64_t>(num_classes - 1);
  std::uint64_t signs = 0;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto label = static_cast<std::uint64_t>(labels[i]);
    signs |= label | (last - label);
  }
  if (signs >> 63 == 0) return;
  const auto is_class = [&](std::int64_t label) { return label >= 0 && label < num_classes; };
  const std::int64_t bad = *std::find_if_not(labels, labels + count, is_class);
  // The lowest integer is what NaN becomes.
  const bool is_number = bad != std::numeric_limits<std::int64_t>::lowest();
  throw IndexError("sparse_categorical_crossentropy: label " +
                   (is_number ? std::to_string(bad) : std::string("nan")) +
                   " is out of bounds for " + std::to_string(num_classes) + " classes");
}

// The class numbers of rows, checked when they are read.
class Labels {
 public:
  Labels(const Tensor& labels, const Tensor& rows, Workspace& workspace)
      : input_(labels, workspace), count_(labels.size()), classes_(rows.shape().back()) {}
  const std::int64_t* read(const void* data, std::byte* block) const {
    const std::int64_t* const labels = input_.read(data, block);
    check_classes(labels, count_, classes_);
    return labels;
  }
  std::int64_t count() const { return count_; }

 private:
  IntegerInput input_;
  std::int64_t count_, classes_;
};

Shape check_labels(const char* name, const Spec& rows, const Spec& labels) {
  Shape out = check_targets(name, rows, labels, 1);
  if (!is_integer(labels.dtype))
    throw TypeError(std::string(name) + ": received labels of dtype " +
                    std::string(name_of(labels.dtype)) + ", expected integers");
  return out;
}

const SampleInput kLabelsOf5 = {{3}, 0, 4, DType::int64};

// Inputs: output, labels and the gradient of the losses.
struct SparseCategoricalCrossentropyGrad : OfRows {
  static constexpr std::string_view name = "sparse_categorical_crossentropy_grad";
  static constexpr std::string_view doc = "(softmax(output) - one_hot(labels)) dy, for logits.";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    const Shape out = check_labels(name.data(), in[0], in[1]);
    check_gradient(name.data(), in[2], out, in[0].dtype);
    return in[0];
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Labels labels(at.in[1], at.in[0], workspace);
    return [labels, of = rows_of(at.in[0], labels.count())](
               const void* const* from, void* const* to, std::byte* block) {
      const std::int64_t* const numbers = labels.read(from[1], block);
      kernels::sparse_crossentropy_grad(of, from[0], numbers, from[2], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor &x = in[0], dy = expand_dims(in[2], -1);
    const Tensor hot = one_hot(in[1], x.shape().back(), {.dtype = x.dtype()});
    if (from_logits) return (softmax(x) - hot) * dy;
    const Tensor q = bounded(x);
    return is_within(x) * (1 / sum(q, {.axis = -1, .keepdims = true}) - hot / q) * dy;
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor labels = expand_dims(saved.input(1), -1);
    const auto at_label = [&](const Tensor& x) {
      return squeeze(take_along_axis(x, labels, {.axis = -1}), {-1});
    };
    const Tensor dy = expand_dims(saved.input(2), -1);
    const Tensor& x = saved.input(0);
    if (from_logits) {
      const Tensor weights = softmax(x);
      const Tensor along = sum(d * weights, {.axis = -1, .keepdims = true});
      return {weights * (d - along) * dy, Tensor(), squeeze(along, {-1}) - at_label(d)};
    }
    const Tensor q = bounded(x), within = is_within(x) * d;
    const Tensor total = sum(q, {.axis = -1, .keepdims = true});
    const Tensor along = sum(within, {.axis = -1, .keepdims = true}) / total;
    const Tensor hot = one_hot(saved.input(1), x.shape().back(), {.dtype = x.dtype()});
    return {is_within(x) * (hot * within / square(q) - along / total) * dy,
            Tensor(),
            squeeze(along, {-1}) - at_label(within / q)};
  }
  static std::vector<SampleOf<SparseCategoricalCrossentropyGrad>> samples() {
    return samples_of_rows<SparseCategoricalCrossentropyGrad>([](double low, double high) {
      return std::vector<std::vector<SampleInput>>{
          {{{3, 5}, low, high}, kLabelsOf5, {{3}}},
          {{{4}, low, high}, {{}, 0, 3, DType::int32}, {{}}},
          {{{0, 4}, low, high}, {{0}, 0, 3, DType::int64}, {{0}}}};
    });
  }
};

struct SparseCategoricalCrossentropy : OfRows {
  static constexpr std::string_view name = "sparse_categorical_crossentropy";
  static constexpr std::string_view doc = "The cross-entropy of rows with class numbers.";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    return {check_labels(name.data(), in[0], in[1]), in[0].dtype};
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const Labels labels(at.in[1], at.in[0], workspace);
    return [labels, of = rows_of(at.in[0], labels.count())](
               const void* const* from, void* const* to, std::byte* block) {
      kernels::sparse_crossentropy(of, from[0], labels.read(from[1], block), to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor& x = in[0];
    const Tensor hot = one_hot(in[1], x.shape().back(), {.dtype = x.dtype()});
    if (from_logits) return -sum(hot * log_softmax(x), {.axis = -1});
    const Tensor q = bounded(x);
    return log(sum(q, {.axis = -1})) - sum(hot * log(q), {.axis = -1});
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {run_op(with_logits<SparseCategoricalCrossentropyGrad>(from_logits),
                   {saved.input(0), saved.input(1), dy}),
            Tensor()};
  }
  static std::vector<SampleOf<SparseCategoricalCrossentropy>> samples() {
    return samples_of_rows<SparseCategoricalCrossentropy>([](double low, double high) {
      return std::vector<std::vector<SampleInput>>{
          {{{3, 5}, low, high}, kLabelsOf5},
          {{{2, 3, 4}, low, high}, {{2, 3}, 0, 3, DType::int32}},
          {{{17}, low, high}, {{}, 0, 16, DType::int64}},
          {{{0, 4}, low, high}, {{0}, 0, 3, DType::int64}}};
    });
  }
};

// ---- targets ----

// Inputs: output, targets and the gradient of the losses.
struct CategoricalCrossentropyGrad : OfRows {
  static constexpr std::string_view name = "categorical_crossentropy_grad";
  static constexpr std::string_view doc = "(softmax(output) sum(t) - t) dy, for logits.";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    const Shape out = check_rows(name.data(), in[0], in[1]);
    check_gradient(name.data(), in[2], out, in[0].dtype);
    return in[0];
  }
  auto prepare(const Layouts& at, Workspace&) const {
    return [of = rows_of(at.in[0], at.in[2].size())](const void* const* from, void* const* to) {
      kernels::categorical_crossentropy_grad(of, from[0], from[1], from[2], to[0]);
    };
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const auto along = [](const Tensor& v) { return sum(v, {.axis = -1, .keepdims = true}); };
    const Tensor &x = saved.input(0), &t = saved.input(1);
    const Tensor dy = expand_dims(saved.input(2), -1);
    if (from_logits) {
      const Tensor weights = softmax(x);
      const Tensor mean = along(d * weights), total = along(t);
      return {weights * (d - mean) * (total * dy),
              dy * (mean - d),
              squeeze(mean * total - along(d * t), {-1})};
    }
    // dx = dy (g - sum(g r)) / s, with s = sum(x), r = x / s and g = -t / r within its bounds.
    const Tensor s = along(x), r = x / s, within = is_within(r), q = bounded(r);
    const Tensor g = -t * within / q;
    const Tensor centred = d - along(d) * r;
    const Tensor value = along(g * centred) / s;
    const Tensor of_r = (t * within / square(q)) * centred - along(d) * g;
    return {dy / s * ((of_r - along(of_r * r)) / s - value),
            -within / q * centred * (dy / s),
            squeeze(value, {-1})};
  }
  static std::vector<SampleOf<CategoricalCrossentropyGrad>> samples() {
    return samples_of_rows<CategoricalCrossentropyGrad>([](double low, double high) {
      return std::vector<std::vector<SampleInput>>{{{{3, 5}, low, high}, {{3, 5}, 0, 1}, {{3}}},
                                                   {{{19}, low, high}, {{19}, 0, 1}, {{}}},
                                                   {{{0, 4}, low, high}, {{0, 4}, 0, 1}, {{0}}}};
    });
  }
};

struct CategoricalCrossentropy : OfRows {
  static constexpr std::string_view name = "categorical_crossentropy";
  static constexpr std::string_view doc = "The cross-entropy of rows with rows of targets.";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const { return {check_rows(name.data(), in[0], in[1]), in[0].dtype}; }
  auto prepare(const Layouts& at, Workspace&) const {
    return [of = rows_of(at.in[0], at.out[0].size())](const void* const* from, void* const* to) {
      kernels::categorical_crossentropy(of, from[0], from[1], to[0]);
    };
  }
  Tensor reference(Inputs<Tensor> in) const {
    const Tensor &x = in[0], &t = in[1];
    const Tensor log_q =
        from_logits ? log_softmax(x) : log(bounded(x / sum(x, {.axis = -1, .keepdims = true})));
    return -sum(t * log_q, {.axis = -1});
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor &x = saved.input(0), &t = saved.input(1);
    Tensor dx, dt;
    if (saved.wants(0))
      dx = run_op(with_logits<CategoricalCrossentropyGrad>(from_logits), {x, t, dy});
    if (saved.wants(1)) {
      const Tensor log_q =
          from_logits ? log_softmax(x) : log(bounded(x / sum(x, {.axis = -1, .keepdims = true})));
      dt = -expand_dims(dy, -1) * log_q;
    }
    return {dx, dt};
  }
  static std::vector<SampleOf<CategoricalCrossentropy>> samples() {
    return samples_of_rows<CategoricalCrossentropy>([](double low, double high) {
      return std::vector<std::vector<SampleInput>>{{{{3, 5}, low, high}, {{3, 5}, 0, 1}},
                                                   {{{2, 3, 4}, low, high}, {{2, 3, 4}, 0, 1}},
                                                   {{{19}, low, high}, {{19}, 0, 1}},
                                                   {{{0, 4}, low, high}, {{0, 4}, 0, 1}}};
    });
  }
};

// x with the axis of classes as the last one.
Tensor classes_last(const Tensor& x, int axis, const char* who) {
  const int place = normalize_axis(axis, x.rank(), who);
  return place == x.rank() - 1 ? x : moveaxis(x, place, -1);
}

}  // namespace

Tensor categorical_crossentropy(const Tensor& target,
                                const Tensor& output,
                                const CrossentropyArgs& args) {
  constexpr const char* kWho = "categorical_crossentropy";
  const Tensor x = classes_last(to_float(output), args.axis, kWho);
  const Tensor t = classes_last(cast(target, x.dtype()), args.axis, kWho);
  return run_op(with_logits<CategoricalCrossentropy>(args.from_logits), {x, t});
}

Tensor sparse_categorical_crossentropy(const Tensor& target,
                                       const Tensor& output,
                                       const CrossentropyArgs& args) {
  const Tensor x = classes_last(to_float(output), args.axis, "sparse_categorical_crossentropy");
  Tensor labels = is_floating(target.dtype()) ? cast(target, DType::int64) : target;
  // (batch, 1) is taken as (batch,), as Keras does.
  if (labels.rank() == x.rank() && labels.rank() > 0 && labels.shape().back() == 1)
    labels = squeeze(labels, -1);
  return run_op(with_logits<SparseCategoricalCrossentropy>(args.from_logits), {x, labels});
}

}  // namespace ops

using namespace ops;
NYALA_OP(CategoricalCrossentropy)
NYALA_OP(CategoricalCrossentropyGrad)
NYALA_OP(SparseCategoricalCrossentropy)
NYALA_OP(SparseCategoricalCrossentropyGrad)

}  // namespace nyala
