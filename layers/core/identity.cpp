#include <nyala/layers/core.hpp>

namespace nyala::layers {
namespace {

class IdentityLayer final : public LayerBase<IdentityArgs> {
 public:
  using LayerBase::LayerBase;

  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs&) override {
    return {inputs.begin(), inputs.end()};
  }
  bool supports_masking() const override { return true; }
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>& masks) override {
    return masks;
  }
};

}  // namespace

NYALA_LAYER(Identity)

}  // namespace nyala::layers
