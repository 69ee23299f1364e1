#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {
namespace {

PadWidth width_of(const Margin& margin) { return {margin.before, margin.after}; }

void expect_no_negative(const std::string& label, const Margin& margin) {
  if (margin.before < 0 || margin.after < 0)
    throw ValueError(label + ": received a negative padding, expected 0 or more");
}

class ZeroPadding1DLayer final : public LayerBase<ZeroPadding1DArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_rank(inputs[0], 3);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const PadWidth steps = width_of(args().padding);
    if (args().data_format.channels_first()) return ops::pad(inputs[0], {{}, {}, steps});
    return ops::pad(inputs[0], {{}, steps, {}});
  }

 private:
  void validate() override { expect_no_negative(label(), args().padding); }
};

class ZeroPadding2DLayer final : public LayerBase<ZeroPadding2DArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_rank(inputs[0], 4);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const PadWidth height = width_of(args().padding.height);
    const PadWidth width = width_of(args().padding.width);
    if (args().data_format.channels_first()) return ops::pad(inputs[0], {{}, {}, height, width});
    return ops::pad(inputs[0], {{}, height, width, {}});
  }

 private:
  void validate() override {
    expect_no_negative(label(), args().padding.height);
    expect_no_negative(label(), args().padding.width);
  }
};

}  // namespace

NYALA_LAYER(ZeroPadding1D)
NYALA_LAYER(ZeroPadding2D)

}  // namespace nyala::layers
