#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {
namespace {

class Cropping1DLayer final : public LayerBase<Cropping1DArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_rank(inputs[0], 3);
    const std::int64_t steps = inputs[0][1];
    if (steps != None && std::int64_t{args().cropping.before} + args().cropping.after >= steps) {
      throw ShapeError(label() + " received shape " + inputs[0].str() + ", from which " +
                       std::to_string(args().cropping.before) + " and " +
                       std::to_string(args().cropping.after) + " steps cannot be cut");
    }
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Margin& cut = args().cropping;
    ops::Range1 kept{.start = cut.before};
    if (cut.after > 0) kept.stop = -cut.after;
    return ops::slice(inputs[0], {{}, kept});
  }

 private:
  void validate() override {
    if (args().cropping.before < 0 || args().cropping.after < 0)
      throw ValueError(label() + ": received a negative cropping, expected 0 or more");
  }
};

}  // namespace

NYALA_LAYER(Cropping1D)

}  // namespace nyala::layers
