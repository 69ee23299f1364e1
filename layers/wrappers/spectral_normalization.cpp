#include <algorithm>

#include <nyala/autograd/tape.hpp>
#include <nyala/layers/wrappers.hpp>

namespace nyala::layers {
namespace {

class SpectralNormalizationLayer final : public LayerBase<SpectralNormalizationArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 1);
    if (built()) expect_size(inputs[0], -1, build_shapes()[0].back());
  }
  void build(Inputs<Shape> inputs) override {
    layer()->build_for(inputs);
    kernel_ = kernel_of(*layer());
    add_variable(kernel_);  // Keras counts it among the wrapper's own, which comes first
    vector_u_ = add_weight({.shape = {1, kernel_.shape().back()},
                            .initializer = initializers::TruncatedNormal({.stddev = 0.02}),
                            .trainable = false,
                            .name = "vector_u"});
  }
  // A call in training leaves another kernel to the next one: around it, TimeDistributed goes step
  // by step, as Keras does.
  LayerTraits traits() const override {
    LayerTraits traits = LayerBase::traits();
    traits.couples_samples = true;
    return traits;
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    if (call.is_training()) normalize_kernel();
    const Tensor y = layer()(inputs[0], {.training = call.training});
    return ops::cast(y, inputs[0].dtype());
  }

 private:
  const Layer& layer() const { return args().layer.value; }
  void validate() override {
    if (!layer().defined()) throw ValueError(label() + " was given no layer");
    track("layer", layer());
  }
  // Of the layer itself: those of layers inside have a longer path.
  Variable kernel_of(const BaseLayer& layer) const {
    for (const char* name : {"kernel", "embeddings"}) {
      for (const Variable& weight : layer.weights()) {
        if (weight.path() == layer.name_scope() + "/" + name) return weight;
      }
    }
    throw ValueError(label() + ": " + layer.label() + " has neither a kernel nor embeddings");
  }
  // A kernel of zeros, which has no singular value to divide by, stays. Gradients are those by the
  // new kernel.
  void normalize_kernel() const {
    const GradientTape::Pause pause;
    const Tensor kernel = kernel_.value(), old_u = vector_u_.value();
    const Tensor matrix = ops::reshape(kernel, {-1, kernel.shape().back()});
    Tensor u = old_u, v;
    for (int i = 0; i < args().power_iterations; ++i) {
      v = unit(ops::matmul(u, ops::transpose(matrix)));
      u = unit(ops::matmul(v, matrix));
    }
    const Tensor sigma = ops::matmul(ops::matmul(v, matrix), ops::transpose(u));
    const Tensor zero = ops::all(kernel == 0);
    vector_u_.assign(ops::where(zero, old_u, u));
    kernel_.assign(ops::where(zero, kernel, kernel / ops::reshape(sigma, {})));
  }
  static Tensor unit(const Tensor& row) { return ops::l2_normalize(row, {.axis = -1}); }

  Variable kernel_;
  Variable vector_u_;
};

}  // namespace

NYALA_LAYER(SpectralNormalization)

}  // namespace nyala::layers
