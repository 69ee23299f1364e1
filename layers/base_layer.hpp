#pragma once
/// BaseLayer and LayerBase<Args>: what a layer is written on.
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/core/mutex.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/layers/call.hpp>
#include <nyala/layers/constraints.hpp>
#include <nyala/layers/initializers.hpp>
#include <nyala/layers/module.hpp>
#include <nyala/layers/naming.hpp>
#include <nyala/layers/policy.hpp>
#include <nyala/layers/regularizers.hpp>
#include <nyala/layers/symbol.hpp>
#include <nyala/layers/traits.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct WeightArgs {
  Shape shape = {};
  initializers::Initializer initializer =
      {};  ///< glorot_uniform (zeros for one named "bias") when none
  std::optional<DTypeLike> dtype = {};
  bool trainable = true;
  regularizers::Regularizer regularizer = {};
  constraints::Constraint constraint = {};
  std::string name = {};
  bool autocast = true;  ///< whether a mixed policy reads it cast to the compute dtype
};

/// The options that every layer takes, last in its Args.
#define NYALA_LAYER_ARGS           \
  std::string name = {};           \
  ::nyala::DTypePolicy dtype = {}; \
  bool trainable = true

/// The fields of an Args struct (those of NYALA_LAYER_ARGS come by themselves).
template <class... Fields>
constexpr auto layer_fields(Fields... fields) {
  return std::tuple{fields...};
}

/// The base of all layers.
class BaseLayer : public Module, public std::enable_shared_from_this<BaseLayer> {
 public:
  /// "Dense"
  const std::string& class_name() const { return class_name_; }
  const DTypePolicy& dtype_policy() const { return policy_; }
  DType compute_dtype() const { return policy_.compute_dtype(); }
  DType variable_dtype() const { return policy_.variable_dtype(); }
  bool built() const { return built_; }
  /// The shapes it was built with; empty before.
  const std::vector<Shape>& build_shapes() const { return build_shapes_; }

  /// Keras's configuration: name, trainable, dtype, then the layer's own options.
  virtual Config get_config() const = 0;

  /// Calls the layer: builds it on first use, casts floating inputs to its compute dtype, passes
  /// masks on. Throws ShapeError or ValueError, naming the layer, for inputs that do not fit.
  std::vector<Tensor> apply(Inputs<Tensor> inputs, const CallArgs& args = {});
  /// The same for a call as a graph keeps it, with a tensor for each symbol. `training` wins over
  /// what the call was given.
  std::vector<Tensor> apply(const Arguments& arguments,
                            Inputs<Tensor> tensors,
                            std::optional<bool> training = {});
  /// Adds a call to the graph.
  std::vector<Symbol> apply(std::vector<Symbol> inputs, CallForm form, const CallArgs& args = {});
  /// The same with `Argument::symbol(i)` where the i-th symbol stands.
  std::vector<Symbol> apply(Arguments arguments, std::vector<Symbol> symbols);
  /// Makes the weights for inputs of these shapes; does nothing the second time.
  void build_for(Inputs<Shape> shapes);
  /// The shapes that the outputs have for inputs of these shapes (and of the compute dtype).
  virtual std::vector<Shape> compute_output_shapes(const std::vector<Shape>& inputs);

  /// Keras's order: trainable ones, then the others, then those of layers inside.
  std::vector<Variable> weights() const { return variables(); }
  std::int64_t count_params() const;
  std::vector<Tensor> get_weights() const;
  /// Throws ValueError when counts or shapes differ, and then changes nothing.
  void set_weights(const std::vector<Tensor>& weights);

  /// Penalties: of the regularizers (over trainable weights), of layers inside, and what `call`
  /// added last.
  std::vector<Tensor> losses() const;
  /// The regularizers' part of them.
  std::vector<Tensor> regularization_losses() const;

  // For those who write layers.

  /// What Keras says of the class; LayerBase reads it from `Args::kTraits`.
  virtual LayerTraits traits() const { return {}; }
  /// Whether a layer inside this one couples samples.
  bool holds_coupled_samples() const;
  /// For a call with a tensor of `shape` that is in no list: throws ValueError where the layer
  /// takes one.
  void expect_no_list(const Shape& shape) const;
  /// The parameters of `call`; LayerBase reads them from `Args::Call`.
  virtual CallSignature call_signature() const { return {kOneInput}; }
  /// Throws for inputs that the layer does not take, before it is built and before each call.
  virtual void check(Inputs<Shape>) const {}
  /// Makes the weights with add_weight.
  virtual void build(Inputs<Shape>) {}
  virtual Tensor call(Inputs<Tensor> inputs, const CallArgs& args);
  /// For layers with more than one output.
  virtual std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& args) {
    return {call(inputs, args)};
  }
  /// Whether masks are understood; if not, none leaves the layer.
  virtual bool supports_masking() const { return false; }
  /// A mask for each output (undefined: none). At first the first input's. Not asked where `call`
  /// has set masks on its outputs itself.
  virtual std::vector<Tensor> compute_mask(Inputs<Tensor> inputs, const std::vector<Tensor>& masks);
  /// Whether floating inputs are cast to the compute dtype first.
  virtual bool casts_inputs() const { return true; }
  /// What it penalises in its outputs; null for nothing.
  virtual const regularizers::Regularizer* activity_regularizer() const { return nullptr; }
  /// Names the layer in messages: Dense "dense_1".
  std::string label() const { return class_name_ + " \"" + name_ + "\""; }
  /// Whether Keras counts it as an operation (`x + 1`), not as a layer.
  virtual bool is_operation() const { return false; }
  /// Whether it runs layers whose errors name themselves: a model.
  virtual bool is_container() const { return false; }
  /// Module in Keras's JSON.
  virtual std::string keras_module() const { return "keras.layers"; }
  /// Changes the record that `saving::serialize_layer` has made of it.
  virtual void finish_record(Config&) const {}

  /// Sets the states that a stateful layer keeps between batches to zero. Throws StateError for a
  /// layer that keeps none.
  virtual void reset_state();

  /// Adds a penalty to the training loss of this call.
  void add_loss(const Tensor& loss);

 protected:
  Variable add_weight(const WeightArgs& args);
  /// A layer inside this one: its weights and penalties count as this one's. `attribute` is the
  /// name that Keras's class has it under, which is its path in files: track("cell", cell_).
  template <class L>
  const L& track(const std::string& attribute, const L& layer) {
    add_child({layer.shared(), attribute});
    return layer;
  }
  template <class L>
  const L& track(const L& layer) {
    return track({}, layer);
  }
  /// Layers that Keras's class holds in a list.
  template <class L>
  void track(const std::string& attribute, const std::vector<L>& layers) {
    for (const L& layer : layers) add_child({layer.shared(), attribute, true});
  }
  // What `check` is made of; each throws with one sentence that names the layer.
  /// Throws ValueError when the number of inputs is another.
  void expect_inputs(std::size_t received, std::size_t count) const;
  void expect_inputs(Inputs<Tensor> inputs, std::size_t count) const {
    expect_inputs(inputs.size(), count);
  }
  /// Throws ShapeError unless the rank is this (at least this).
  void expect_rank(const Shape& shape, int rank) const;
  void expect_min_rank(const Shape& shape, int rank) const;
  /// Throws ShapeError when the axis is known and of another size.
  void expect_size(const Shape& shape, int axis, std::int64_t size) const;
  /// The axis from 0 on; throws IndexError for one out of range.
  int expect_axis(const Shape& shape, int axis) const;
  virtual void validate() {}
  void start(std::string class_name,
             const std::string& name,
             const DTypePolicy& policy,
             bool trainable);

  bool built_ = false;
  std::vector<Shape> build_shapes_;

 private:
  /// A weight and its penalty.
  struct Weight {
    Variable variable;
    regularizers::Regularizer regularizer;
  };
  Tensor cast_input(const Tensor& input) const;
  void cast_inputs(BoundCall& call) const;
  void expect_defined(Inputs<Tensor> inputs) const;
  std::vector<Tensor> run(BoundCall call);
  void keep_masks(Inputs<Tensor> inputs,
                  const std::vector<Tensor>& masks,
                  std::vector<Tensor>& outputs);
  void clear_call_losses();
  void append_call_losses(std::vector<Tensor>& to) const;

  std::string class_name_;
  DTypePolicy policy_;
  std::vector<Weight> weights_;
  // What the last call added; calls on several threads add to one list.
  mutable detail::Mutex call_losses_mutex_;
  std::vector<Tensor> call_losses_;
  std::atomic<bool> has_call_losses_{false};
  std::int64_t symbolic_calls_ = 0;
};

/// Collects what layers add to the loss on this thread while it lives (a training step's own list).
class LossCollector {
 public:
  LossCollector();
  ~LossCollector();
  LossCollector(const LossCollector&) = delete;
  LossCollector& operator=(const LossCollector&) = delete;
  const std::vector<Tensor>& losses() const { return losses_; }

 private:
  friend class BaseLayer;
  std::vector<Tensor> losses_;
  LossCollector* outer_;
};

/// A layer with the options Args.
template <class Args>
class LayerBase : public BaseLayer {
 public:
  using args_type = Args;

  explicit LayerBase(Args args) : args_(std::move(args)) {}

  const Args& args() const { return args_; }
  LayerTraits traits() const override {
    if constexpr (requires { Args::kTraits; })
      return Args::kTraits;
    else
      return {};
  }
  CallSignature call_signature() const override {
    if constexpr (requires { typename Args::Call; })
      return call_signature_of<typename Args::Call>();
    else
      return {kOneInput};
  }
  Config get_config() const override {
    Config config = Config::dict();
    config["name"] = name();
    config["trainable"] = trainable();
    config["dtype"] = ConfigCodec<DTypePolicy>::to(dtype_policy());
    fields_to_config(args_, config);
    return config;
  }
  /// Called once by make_layer.
  void finish(std::string class_name) {
    start(std::move(class_name), args_.name, args_.dtype, args_.trainable);
    check_fields(label(), args_);
    validate();
  }

 protected:
  Args args_;
};

}  // namespace nyala

#pragma GCC visibility pop
