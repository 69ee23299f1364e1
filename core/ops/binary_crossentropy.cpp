// Cross-entropy of one probability or logit and one target each.
#include <nyala/core/ops/crossentropy.hpp>

#include <nyala/core/kernels/crossentropy.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {

Tensor bounded(const Tensor& p) {
  return clip(p, kernels::kLeastProbability, 1 - kernels::kLeastProbability);
}
Tensor is_within(const Tensor& p) {
  const Tensor high_enough = p >= kernels::kLeastProbability;
  return cast(logical_and(high_enough, p <= 1 - kernels::kLeastProbability), p.dtype());
}

namespace {

template <class Self>
struct OfPairs : NoOptions {
  static constexpr Saves saves = Saves::inputs;

  Spec infer(Inputs<Spec> in) const {
    if (in[0].dtype != in[1].dtype || in[0].shape.rank() != in[1].shape.rank())
      throw ShapeError(std::string(Self::name) + ": received shapes " + in[0].shape.str() +
                       " and " + in[1].shape.str() + ", expected the same");
    return {broadcast_shapes(in[0].shape, in[1].shape, Self::name.data()), in[0].dtype};
  }
  void forward(Inputs<Tensor> in, Tensor& out) const { broadcast_binary(Self::kernel, in, out); }
  static std::vector<SampleOf<Self>> samples() {
    return {{{}, {{{3, 5}, 0.1, 0.9}, {{3, 5}, 0, 1}}},
            {{}, {{{}, 0.1, 0.9}, {{}, 0, 1}}},
            {{}, {{{0, 4}, 0.1, 0.9}, {{0, 4}, 0, 1}}}};
  }
};

struct BinaryCrossentropySlope : OfPairs<BinaryCrossentropySlope> {
  static constexpr std::string_view name = "binary_crossentropy_slope";
  static constexpr std::string_view doc = "(1 - t) / (1 - p) - t / p";
  static constexpr kernels::Binary kernel = kernels::Binary::crossentropy_slope;
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor &p = saved.input(0), &t = saved.input(1);
    const Tensor q = bounded(p), within = is_within(p) * dy;
    Tensor dp, dt;
    if (saved.wants(0)) dp = within * (t / square(q) + (1 - t) / square(1 - q));
    if (saved.wants(1)) dt = -within / (q * (1 - q));
    return {dp, dt};
  }
};

struct BinaryCrossentropy : OfPairs<BinaryCrossentropy> {
  static constexpr std::string_view name = "binary_crossentropy";
  static constexpr std::string_view doc = "-t log(p) - (1 - t) log(1 - p)";
  static constexpr kernels::Binary kernel = kernels::Binary::crossentropy;
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor &p = saved.input(0), &t = saved.input(1);
    Tensor dp, dt;
    if (saved.wants(0)) dp = dy * run_op(BinaryCrossentropySlope{}, {p, t});
    if (saved.wants(1)) dt = dy * (log(1 - bounded(p)) - log(bounded(p)));
    return {dp, dt};
  }
};

struct LogitCrossentropy : OfPairs<LogitCrossentropy> {
  static constexpr std::string_view name = "binary_crossentropy_of_logits";
  static constexpr std::string_view doc = "max(x, 0) - x t + log(1 + exp(-|x|))";
  static constexpr kernels::Binary kernel = kernels::Binary::logit_crossentropy;
  Grads vjp(const Saved& saved, const Tensor& dy) const {
    const Tensor &x = saved.input(0), &t = saved.input(1);
    Tensor dx, dt;
    if (saved.wants(0)) dx = dy * (sigmoid(x) - t);
    if (saved.wants(1)) dt = -dy * x;
    return {dx, dt};
  }
};

}  // namespace

Tensor binary_crossentropy(const Tensor& target, const Tensor& output, bool from_logits) {
  const Tensor x = to_float(output), t = cast(target, x.dtype());
  if (x.shape() != t.shape())
    throw ShapeError("binary_crossentropy: received a target of shape " + t.shape().str() +
                     " for an output of shape " + x.shape().str() + ", expected the same");
  return from_logits ? run_op(LogitCrossentropy{}, {x, t}) : run_op(BinaryCrossentropy{}, {x, t});
}

}  // namespace ops

using namespace ops;
NYALA_OP(BinaryCrossentropy)
NYALA_OP(BinaryCrossentropySlope)
NYALA_OP(LogitCrossentropy)

}  // namespace nyala
