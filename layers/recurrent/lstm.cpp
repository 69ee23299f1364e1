#include <nyala/layers/recurrent/cell.hpp>

namespace nyala::layers {
namespace {

class LSTMCellLayer final : public GatedCell<LSTMCellArgs, 4, 2> {
 public:
  using GatedCell::GatedCell;

  std::optional<WholeSequence> whole_sequence(bool training) const override {
    return sequence_of(kernels::RecurrentCell::lstm, args().recurrent_activation, training);
  }

 private:
  initializers::Initializer bias_initializer() const override {
    return args().unit_forget_bias ? forget_bias(args().bias_initializer, args().units)
                                   : args().bias_initializer;
  }
  std::vector<Tensor> step(const Tensor& x,
                           const std::vector<Tensor>& states,
                           const DropoutMasks& masks) const override {
    Tensor z = project(x, masks.of_input, weight(kernel_)) +
               project(states[0], masks.of_state, weight(recurrent_kernel_));
    if (args().use_bias) z = z + bias();
    const std::vector<Tensor> parts = ops::split(z, 4, {.axis = -1});
    const auto& gate = args().recurrent_activation;
    const Tensor c = gate(parts[1]) * states[1] + gate(parts[0]) * args().activation(parts[2]);
    const Tensor h = gate(parts[3]) * args().activation(c);
    return {h, h, c};
  }
};

using LSTMLayer = GatedLayer<LSTMArgs, LSTMCellArgs>;

// Of the gates i, f, c, o: ones for the second.
class ForgetBias final : public initializers::InitializerBase {
 public:
  ForgetBias(initializers::Initializer rest, std::int64_t units)
      : rest_(std::move(rest)), units_(units) {}
  std::string class_name() const override { return rest_->class_name(); }
  Config get_config() const override { return rest_->get_config(); }
  Tensor operator()(const Shape&, DType dtype) const override {
    return ops::concatenate({(*rest_)({units_}, dtype),
                             ops::ones({units_}, {.dtype = dtype}),
                             (*rest_)({2 * units_}, dtype)},
                            {.axis = 0});
  }

 private:
  initializers::Initializer rest_;
  std::int64_t units_;
};

}  // namespace

initializers::Initializer forget_bias(const initializers::Initializer& rest, std::int64_t units) {
  const auto other = rest ? rest : initializers::Initializer("zeros");
  return initializers::Initializer(std::make_shared<ForgetBias>(other, units));
}

NYALA_LAYER(LSTMCell)
NYALA_LAYER(LSTM)

}  // namespace nyala::layers
