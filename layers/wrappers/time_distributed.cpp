#include <nyala/layers/wrappers.hpp>

namespace nyala::layers {
namespace {

// (batch, steps, ...) as (batch * steps, ...).
Tensor flatten_steps(const Tensor& x) {
  Shape shape = x.shape();
  shape.erase(1);
  shape[0] = x.shape()[0] * x.shape()[1];
  return ops::reshape(x, shape);
}

class TimeDistributedLayer final : public LayerBase<TimeDistributedArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 3);
  }
  void build(Inputs<Shape> inputs) override {
    const Shape step = without_steps(inputs[0]);
    layer()->build_for(Inputs<Shape>(&step, 1));
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    const Tensor& x = inputs[0];
    const Tensor mask = call.mask.empty() ? Tensor() : call.mask[0];
    expect_mask(x.shape(), mask);
    if (x.is_abstract() && !x.shape().is_known()) return of_shapes(x, call.training);
    if (holds_coupled_samples()) return step_by_step(x, mask, call.training);
    const Tensor y =
        run(flatten_steps(x), mask.defined() ? flatten_steps(mask) : mask, call.training);
    Shape shape = y.shape();
    shape.insert(1, x.shape()[1]);
    shape[0] = x.shape()[0];
    return ops::reshape(y, shape);
  }
  bool supports_masking() const override { return true; }

 private:
  const Layer& layer() const { return args().layer.value; }
  static Shape without_steps(Shape shape) {
    shape.erase(1);
    return shape;
  }
  void validate() override {
    if (!layer().defined()) throw ValueError(label() + " was given no layer");
    track("layer", layer());
  }
  void expect_mask(const Shape& shape, const Tensor& mask) const {
    if (!mask.defined()) return;
    const auto fits = [&](int axis) {
      const std::int64_t a = shape[axis], b = mask.shape()[axis];
      return a == b || a == None || b == None;
    };
    if (mask.rank() >= 2 && fits(0) && fits(1)) return;
    throw ValueError("received a mask of shape " + mask.shape().str() + " for an input of shape " +
                     shape.str() + ", expected the same batch and steps");
  }
  Tensor run(const Tensor& x, const Tensor& mask, std::optional<bool> training) const {
    CallArgs call{.training = training};
    if (layer()->traits().takes_mask) call.mask = {mask};
    std::vector<Tensor> outputs = layer()->apply({x}, call);
    if (outputs.size() == 1) return std::move(outputs[0]);
    throw ValueError(layer()->label() + " has " + std::to_string(outputs.size()) +
                     " outputs, expected one");
  }
  Tensor step_by_step(const Tensor& x, const Tensor& mask, std::optional<bool> training) const {
    std::vector<Tensor> outputs;
    for (std::int64_t t = 0; t < x.shape()[1]; ++t) {
      const auto step = [&](const Tensor& all) {
        return ops::squeeze(ops::slice(all, {{}, {t, t + 1}}), 1);
      };
      outputs.push_back(run(step(x), mask.defined() ? step(mask) : mask, training));
    }
    return ops::stack(outputs, 1);
  }
  // For symbols whose sizes are not all known.
  Tensor of_shapes(const Tensor& x, std::optional<bool> training) const {
    const Tensor y = run(Tensor::abstract(without_steps(x.shape()), x.dtype()), {}, training);
    Shape shape = y.shape();
    shape.insert(1, x.shape()[1]);
    return Tensor::abstract(shape, y.dtype());
  }
};

}  // namespace

NYALA_LAYER(TimeDistributed)

}  // namespace nyala::layers
