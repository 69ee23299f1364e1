#include <nyala/layers/recurrent/cell.hpp>

namespace nyala::layers {
namespace {

class GRUCellLayer final : public GatedCell<GRUCellArgs, 3, 1> {
 public:
  using GatedCell::GatedCell;

  std::optional<WholeSequence> whole_sequence(bool training) const override {
    if (!args().reset_after) return std::nullopt;
    auto whole = sequence_of(kernels::RecurrentCell::gru, args().recurrent_activation, training);
    if (whole && args().use_bias) {
      whole->recurrent_bias = whole->bias[1];
      whole->bias = whole->bias[0];
    }
    return whole;
  }

 private:
  Shape bias_shape() const override {
    const std::int64_t width = 3 * std::int64_t{args().units};
    return args().reset_after ? Shape{2, width} : Shape{width};
  }
  std::vector<Tensor> step(const Tensor& x,
                           const std::vector<Tensor>& states,
                           const DropoutMasks& masks) const override {
    const std::vector<Tensor> parts = ops::split(of_input(x, masks), 3, {.axis = -1});
    const std::vector<Tensor> kernels = ops::split(weight(recurrent_kernel_), 3, {.axis = -1});
    const auto& gate = args().recurrent_activation;
    const Tensor& h = states[0];
    const auto dropped = [&](std::size_t i) {
      return masks.of_state.empty() ? h : h * masks.of_state[i];
    };
    const auto product = [&](const Tensor& state, std::size_t i) {
      Tensor y = ops::matmul(state, kernels[i]);
      if (!args().use_bias || !args().reset_after) return y;
      return y + ops::split(bias()[1], 3, {.axis = 0})[i];
    };
    const Tensor z = gate(parts[0] + product(dropped(0), 0));
    const Tensor r = gate(parts[1] + product(dropped(1), 1));
    const Tensor inner =
        args().reset_after ? r * product(dropped(2), 2) : product(r * dropped(2), 2);
    const Tensor candidate = args().activation(parts[2] + inner);
    const Tensor next = z * h + (1 - z) * candidate;
    return {next, next};
  }
  Tensor of_input(const Tensor& x, const DropoutMasks& masks) const {
    Tensor y = project(x, masks.of_input, weight(kernel_));
    if (!args().use_bias) return y;
    return y + (args().reset_after ? bias()[0] : bias());
  }
};

using GRULayer = GatedLayer<GRUArgs, GRUCellArgs>;

}  // namespace

NYALA_LAYER(GRUCell)
NYALA_LAYER(GRU)

}  // namespace nyala::layers
