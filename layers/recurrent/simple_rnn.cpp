#include <nyala/layers/recurrent/cell.hpp>

namespace nyala::layers {
namespace {

class SimpleRNNCellLayer final : public GatedCell<SimpleRNNCellArgs, 1, 1> {
 public:
  using GatedCell::GatedCell;

  std::optional<WholeSequence> whole_sequence(bool training) const override {
    return sequence_of(kernels::RecurrentCell::simple, "linear", training);
  }

 private:
  std::vector<Tensor> step(const Tensor& x,
                           const std::vector<Tensor>& states,
                           const DropoutMasks& masks) const override {
    Tensor z = project(x, masks.of_input, weight(kernel_));
    if (args().use_bias) z = z + bias();
    z = z + project(states[0], masks.of_state, weight(recurrent_kernel_));
    const Tensor h = args().activation(z);
    return {h, h};
  }
};

using SimpleRNNLayer = GatedLayer<SimpleRNNArgs, SimpleRNNCellArgs>;

}  // namespace

NYALA_LAYER(SimpleRNNCell)
NYALA_LAYER(SimpleRNN)

Config upgrade_recurrent(Config config) {
  const Config* time_major = config.find("time_major");
  if (time_major != nullptr && *time_major == Config(true))
    throw UnsupportedError(
        "time_major = true is not supported: sequences are "
        "(batch, steps, ...)");
  return config;
}

}  // namespace nyala::layers
