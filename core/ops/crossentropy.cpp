#include <nyala/core/kernels/nn.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

// The labels as contiguous int64, each of them a class.
class Labels {
 public:
  Labels(const Tensor& labels, std::int64_t num_classes)
      : kept_(cast(labels, DType::int64).contiguous()) {
    const std::int64_t* values = data();
    for (std::int64_t i = 0; i < kept_.size(); ++i) {
      if (values[i] >= 0 && values[i] < num_classes) continue;
      throw IndexError("sparse_crossentropy: label " + std::to_string(values[i]) +
                       " is out of bounds for " + std::to_string(num_classes) + " classes");
    }
  }
  const std::int64_t* data() const { return kept_.data<std::int64_t>(); }

 private:
  Tensor kept_;
};

// The shape of the losses. Throws when logits and labels do not fit.
Shape check_labels(const Spec& logits, const Spec& labels) {
  const Shape& x = logits.shape;
  const Shape& ids = labels.shape;
  bool fits = x.rank() == ids.rank() + 1;
  Shape out = ids;
  for (int i = 0; fits && i < ids.rank(); ++i) {
    fits = x[i] == ids[i] || x[i] == None || ids[i] == None;
    if (out[i] == None) out[i] = x[i];
  }
  if (!fits)
    throw ShapeError("sparse_crossentropy: received labels of shape " + ids.str() +
                     " for logits of shape " + x.str() + ", expected all axes but the last");
  if (!is_integer(labels.dtype))
    throw TypeError("sparse_crossentropy: received labels of dtype " +
                    std::string(name_of(labels.dtype)) + ", expected integers");
  return out;
}

const SampleInput kLabelsOf5 = {{3}, 0, 4, DType::int64};

// Inputs: logits, labels and the gradient of the losses.
struct SparseCrossentropyGrad : NoOptions {
  static constexpr std::string_view name = "sparse_crossentropy_grad";
  static constexpr std::string_view doc = "(softmax(logits) - one_hot(labels)) dy";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    const Shape out = check_labels(in[0], in[1]);
    if (in[2].shape.rank() != out.rank() || in[2].dtype != in[0].dtype)
      throw ShapeError("sparse_crossentropy_grad: received a gradient of shape " +
                       in[2].shape.str() + " for losses of shape " + out.str());
    return in[0];
  }
  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous();
    const Tensor dy = in[2].contiguous();
    const std::int64_t n = x.shape().back();
    const Labels labels(in[1], n);
    kernels::sparse_crossentropy_grad(
        x.dtype(), dy.size(), n, x.data(), labels.data(), dy.data(), out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& d) const {
    const Tensor weights = softmax(saved.input(0));
    const Tensor dy = expand_dims(saved.input(2), -1);
    const Tensor along = sum(d * weights, {.axis = -1, .keepdims = true});
    const Tensor at_label = take_along_axis(d, expand_dims(saved.input(1), -1), {.axis = -1});
    return {weights * (d - along) * dy, Tensor(), squeeze(along - at_label, {-1})};
  }
  static std::vector<SampleOf<SparseCrossentropyGrad>> samples() {
    return {{{}, {{{3, 5}}, kLabelsOf5, {{3}}}},
            {{}, {{{4}}, {{}, 0, 3, DType::int32}, {{}}}},
            {{}, {{{0, 4}}, {{0}, 0, 3, DType::int64}, {{0}}}}};
  }
};

struct SparseCrossentropy : NoOptions {
  static constexpr std::string_view name = "sparse_crossentropy";
  static constexpr std::string_view doc =
      "The cross-entropy of logits along the last axis with class numbers.";
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const { return {check_labels(in[0], in[1]), in[0].dtype}; }
  void forward(Inputs<Tensor> in, Tensor& out) const {
    const Tensor x = in[0].contiguous();
    const std::int64_t n = x.shape().back();
    const Labels labels(in[1], n);
    kernels::sparse_crossentropy(
        x.dtype(), out.size(), n, x.data(), labels.data(), out.mutable_data());
  }
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    return {run_op(SparseCrossentropyGrad{}, {saved.input(0), saved.input(1), dy}), Tensor()};
  }
  static std::vector<SampleOf<SparseCrossentropy>> samples() {
    return {{{}, {{{3, 5}}, kLabelsOf5}},
            {{}, {{{2, 3, 4}}, {{2, 3}, 0, 3, DType::int32}}},
            {{}, {{{17}}, {{}, 0, 16, DType::int64}}},
            {{}, {{{0, 4}}, {{0}, 0, 3, DType::int64}}}};
  }
};

}  // namespace

Tensor sparse_crossentropy(const Tensor& logits, const Tensor& labels) {
  return run_op(SparseCrossentropy{}, {to_float(logits), labels});
}

}  // namespace ops

using namespace ops;
NYALA_OP(SparseCrossentropy)
NYALA_OP(SparseCrossentropyGrad)

}  // namespace nyala
