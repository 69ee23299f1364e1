#include <algorithm>

#include <nyala/core/checked.hpp>
#include <nyala/layers/reshaping.hpp>

namespace nyala::layers {
namespace {

class ReshapeLayer final : public LayerBase<ReshapeArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 1);
  }
  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    return ops::reshape(inputs[0], resolve(inputs[0].shape()));
  }

 private:
  void validate() override {
    const auto& target = args().target_shape.value;
    const bool known =
        std::all_of(target.begin(), target.end(), [](std::int64_t n) { return n >= -1; });
    if (!known || std::count(target.begin(), target.end(), -1) > 1) {
      throw ValueError(label() + ": received target_shape " + Shape(target).str() +
                       ", expected sizes of 0 or more and at most one -1");
    }
  }

  Shape resolve(const Shape& input) const {
    Shape to(args().target_shape.value);
    Shape sample = input;
    sample.erase(0);
    if (sample.is_known()) {
      std::int64_t product = 1;
      int open = -1;
      for (int i = 0; i < to.rank(); ++i) {
        if (to[i] == -1)
          open = i;
        else
          product = checked_multiply(product, to[i], label().c_str());
      }
      const std::int64_t size = sample.num_elements();
      if (open >= 0 ? product == 0 || size % product != 0 : product != size) {
        throw ShapeError(label() + " received shape " + input.str() +
                         ", whose samples do not fit target_shape " + to.str());
      }
      if (open >= 0) to[open] = size / product;
    }
    to.insert(0, input[0]);
    return to;
  }
};

}  // namespace

NYALA_LAYER(Reshape)

}  // namespace nyala::layers
