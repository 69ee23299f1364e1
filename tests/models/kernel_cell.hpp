#pragma once
/// What cells of the tests' own share: a kernel, and one state of `units` elements.
#include <cstdint>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/layers/layers.hpp>

namespace nyala::testing {

template <class Args>
class KernelCell : public LayerBase<Args>, public RecurrentCell {
 public:
  using LayerBase<Args>::LayerBase;

  std::vector<Shape> state_shapes() const override { return {{std::int64_t{this->args().units}}}; }
  void build(Inputs<Shape> inputs) override {
    kernel_ = this->add_weight(
        {.shape = {inputs[0].back(), std::int64_t{this->args().units}}, .name = "kernel"});
  }

 protected:
  Variable kernel_;
};

}  // namespace nyala::testing
