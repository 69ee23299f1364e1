#include <nyala/layers/core.hpp>

namespace nyala {
namespace layers {
namespace {

class InputLayerLayer final : public LayerBase<InputLayerArgs> {
 public:
  using LayerBase::LayerBase;

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override { return inputs[0]; }
  bool casts_inputs() const override { return false; }
  bool supports_masking() const override { return true; }
  Config get_config() const override {
    // Keras writes an input's dtype as a plain name, and no `trainable`.
    Config config = Config::dict();
    config["batch_shape"] = ConfigCodec<OptionalShape>::to(args().batch_shape);
    config["dtype"] = dtype_policy().name();
    config["sparse"] = args().sparse;
    config["ragged"] = args().ragged;
    config["name"] = name();
    config["optional"] = args().optional;
    return config;
  }

 private:
  void validate() override {
    if (!args().batch_shape.given()) throw ValueError(label() + " was given no shape");
    if (args().sparse || args().ragged)
      throw UnsupportedError(label() + ": sparse and ragged inputs are not supported");
    built_ = true;
    build_shapes_ = {args().batch_shape.value()};
  }
};

}  // namespace

std::shared_ptr<BaseLayer> make_layer(InputLayerArgs args) {
  auto layer = std::make_shared<InputLayerLayer>(std::move(args));
  layer->finish("InputLayer");
  return layer;
}
std::string layer_class_name(std::type_identity<InputLayerArgs>) { return "InputLayer"; }

Config InputLayerArgs::upgrade(Config config) {
  rename_option(config, "batch_input_shape", "batch_shape");
  return config;
}

}  // namespace layers

Symbol Input(const InputArgs& args) {
  if (args.shape.given() == args.batch_shape.given()) {
    throw ValueError("Input: expected one of shape and batch_shape, received " +
                     std::string(args.shape.given() ? "both" : "neither"));
  }
  Shape shape = args.batch_shape.value();
  if (args.shape.given()) {
    shape = args.shape.value();
    shape.insert(0, args.batch_size.value_or(None));
  }
  for (std::int64_t size : shape) {
    if (size < None)
      throw ValueError("Input: received shape " + shape.str() +
                       ", expected sizes of 0 or more, or None");
  }
  const DType dtype = args.dtype ? args.dtype->value : floatx();
  const auto layer = make_layer(layers::InputLayerArgs{.batch_shape = shape,
                                                       .sparse = args.sparse,
                                                       .optional = args.optional,
                                                       .name = args.name,
                                                       .dtype = dtype});
  auto node = std::make_shared<GraphNode>();
  node->layer = layer;
  node->outputs = {{shape, dtype}};
  node->masks = {std::nullopt};
  return {node, 0};
}

}  // namespace nyala
