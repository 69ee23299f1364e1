#pragma once
/// Layers: the handle that users hold, and the bases that a layer is written on.
///
/// A layer is an Args struct with `fields()` (the options, in Keras's order) and a class on
/// LayerBase<Args> that writes `build` (its weights) and `call`. `using Dense = LayerOf<DenseArgs>`
/// is what users name. There is no shape rule to write: on symbols, `call` runs on abstract
/// tensors.
#include <atomic>
#include <functional>
#include <initializer_list>
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

/// A shared handle to a layer: copying it shares the weights.
class Layer {
 public:
  Layer() = default;
  Layer(std::shared_ptr<BaseLayer> layer) : layer_(std::move(layer)) {}
  /// The layer that made a symbol: lets `Sequential({Input(...), ...})` read as in Python. Throws
  /// StateError for an undefined one.
  Layer(const Symbol& symbol);

  bool defined() const { return layer_ != nullptr; }
  /// Throws StateError for an empty handle, as every call on one does.
  BaseLayer* operator->() const { return &get(); }
  BaseLayer& operator*() const { return get(); }
  const std::shared_ptr<BaseLayer>& shared() const { return layer_; }

  Tensor operator()(const Tensor& input, const CallArgs& args = {}) const;
  Tensor operator()(std::initializer_list<Tensor> inputs, const CallArgs& args = {}) const;
  Tensor operator()(const std::vector<Tensor>& inputs, const CallArgs& args = {}) const;
  Symbol operator()(const Symbol& input, const CallArgs& args = {}) const;
  Symbol operator()(std::initializer_list<Symbol> inputs, const CallArgs& args = {}) const;
  Symbol operator()(const std::vector<Symbol>& inputs, const CallArgs& args = {}) const;
  /// All outputs of a layer that has several.
  std::vector<Tensor> call_all(const std::vector<Tensor>& inputs, const CallArgs& args = {}) const;
  std::vector<Symbol> call_all(const std::vector<Symbol>& inputs, const CallArgs& args = {}) const;
  std::vector<Tensor> call_all(const std::vector<Tensor>& inputs,
                               CallForm form,
                               const CallArgs& args) const;
  std::vector<Symbol> call_all(const std::vector<Symbol>& inputs,
                               CallForm form,
                               const CallArgs& args) const;

  const std::string& name() const { return get().name(); }
  std::vector<Variable> variables() const { return get().variables(); }
  std::vector<Variable> weights() const { return get().weights(); }
  std::vector<Variable> trainable_variables() const { return get().trainable_variables(); }
  std::vector<Variable> non_trainable_variables() const { return get().non_trainable_variables(); }
  std::vector<Tensor> get_weights() const { return get().get_weights(); }
  void set_weights(const std::vector<Tensor>& weights) const { get().set_weights(weights); }
  std::vector<Tensor> losses() const { return get().losses(); }
  Config get_config() const { return get().get_config(); }
  bool trainable() const { return get().trainable(); }
  void set_trainable(bool trainable) const { get().set_trainable(trainable); }
  bool built() const { return get().built(); }
  std::int64_t count_params() const { return get().count_params(); }
  Shape compute_output_shape(const Shape& input) const {
    return get().compute_output_shapes({input})[0];
  }
  Shape compute_output_shape(const std::vector<Shape>& inputs) const {
    return get().compute_output_shapes(inputs)[0];
  }

  // What a Keras user calls with a dot.
  const std::string& class_name() const { return get().class_name(); }
  DType compute_dtype() const { return get().compute_dtype(); }
  DType variable_dtype() const { return get().variable_dtype(); }
  bool supports_masking() const { return get().supports_masking(); }
  void build(const Shape& input) const { get().build_for(Inputs<Shape>(&input, 1)); }
  void build(const std::vector<Shape>& inputs) const { get().build_for(inputs); }
  void add_loss(const Tensor& loss) const { get().add_loss(loss); }
  void reset_state() const { get().reset_state(); }

 protected:
  // `call` is the name of the function that asks.
  BaseLayer& get(const char* call = __builtin_FUNCTION()) const {
    if (layer_ == nullptr) [[unlikely]]
      throw_empty(call);
    return *layer_;
  }
  std::shared_ptr<BaseLayer> layer_;

 private:
  [[noreturn]] static void throw_empty(const char* call);
};

template <class Args>
class LayerOf;

namespace detail {

/// A braced list on its way to an option that has a `List` type.
template <class T>
struct FirstList {
  const T* begin;
  const T* end;
  template <class Option>
  operator Option() const {
    return Option(typename Option::List(begin, end));
  }
};

template <class Args>
concept TakesListFirst = requires {
  requires Args::kListFirst;
};

/// Whether Args can be given by its first option alone, as Keras takes it by position.
template <class Args, class First>
concept Positional = !std::is_convertible_v<First, Args> &&
                     !std::is_same_v<std::remove_cvref_t<First>, LayerOf<Args>> &&
                     !std::is_same_v<std::remove_cvref_t<First>, Symbol> && requires(First first) {
  Args{std::forward<First>(first)};
};

template <class T>
concept TensorOrSymbol = std::is_same_v<T, Tensor> || std::is_same_v<T, Symbol>;
/// Whether tensors go by several positions.
template <class Call>
concept SeveralInputs = requires {
  requires Call::inputs.size() > 1;
};

Tensor only(std::vector<Tensor> outputs, const BaseLayer& layer);
Symbol only(std::vector<Symbol> outputs, const BaseLayer& layer);

}  // namespace detail

/// A handle to a layer whose `call` takes more than `training` and masks; Call holds all that it
/// takes: `lstm(x, {.initial_state = {h, c}})`, `attention(query, value, {.attention_mask = m})`.
template <class Call>
class CallableLayer : public Layer {
 public:
  using Layer::Layer;

  template <detail::TensorOrSymbol T>
  T operator()(const T& x, const Call& call = {}) const {
    return detail::only(call_all(x, call), get());
  }
  template <detail::TensorOrSymbol T>
  T operator()(const std::vector<T>& x, const Call& call = {}) const {
    return detail::only(call_all(x, call), get());
  }
  template <detail::TensorOrSymbol T>
  T operator()(std::initializer_list<T> x, const Call& call = {}) const {
    return detail::only(call_all(std::vector<T>(x), call), get());
  }
  template <detail::TensorOrSymbol T>
  requires detail::SeveralInputs<Call> T operator()(const T& x,
                                                    const T& y,
                                                    const Call& call = {}) const {
    return detail::only(call_all(x, y, call), get());
  }
  template <detail::TensorOrSymbol T>
  requires detail::SeveralInputs<Call> T operator()(const T& x,
                                                    const T& y,
                                                    const T& z,
                                                    const Call& call = {}) const {
    return detail::only(call_all(x, y, z, call), get());
  }

  /// All outputs of a layer that has several.
  template <detail::TensorOrSymbol T>
  std::vector<T> call_all(const T& x, const Call& call = {}) const {
    return Layer::call_all(std::vector<T>{x}, CallForm::single, to_call_args(call));
  }
  template <detail::TensorOrSymbol T>
  std::vector<T> call_all(const std::vector<T>& x, const Call& call = {}) const {
    return Layer::call_all(x, CallForm::list, to_call_args(call));
  }
  template <detail::TensorOrSymbol T>
  requires detail::SeveralInputs<Call> std::vector<T> call_all(const T& x,
                                                               const T& y,
                                                               const Call& call = {})
  const { return Layer::call_all(std::vector<T>{x, y}, CallForm::positional, to_call_args(call)); }
  template <detail::TensorOrSymbol T>
  requires detail::SeveralInputs<Call> std::vector<T> call_all(const T& x,
                                                               const T& y,
                                                               const T& z,
                                                               const Call& call = {})
  const {
    return Layer::call_all(std::vector<T>{x, y, z}, CallForm::positional, to_call_args(call));
  }
};

namespace detail {

template <class Args>
struct HandleBase {
  using type = Layer;
};
template <class Args>
requires requires { typename Args::Call; }
struct HandleBase<Args> {
  using type = CallableLayer<typename Args::Call>;
};

}  // namespace detail

/// The class that users name. `make_layer(Args)` is found beside the Args.
template <class Args>
class LayerOf : public detail::HandleBase<Args>::type {
  using Handle = typename detail::HandleBase<Args>::type;

 public:
  using args_type = Args;

  LayerOf(Args args) : Handle(make_layer(std::move(args))) {}
  /// The first option alone, as Keras takes it by position: `Dense(32)`, `Dropout(0.5)`.
  template <class First>
  requires detail::Positional<Args, First>
  explicit LayerOf(First first) : LayerOf(Args{std::move(first)}) {}
  /// A first option that is a list: `Reshape({2, 3})`, for layers that have `kListFirst`. (With
  /// others g++ 12 takes `{.scale = 2, .offset = 1}` for such a list.)
  template <class T, std::size_t N>
  requires(N >= 2 && detail::TakesListFirst<Args>) explicit LayerOf(const T (&first)[N])
      : LayerOf(Args{detail::FirstList<T>{first, first + N}}) {}
#if defined(__GNUC__) && !defined(__clang__)
  // g++ takes a braced list for `...`: what no other constructor takes is then one line of error.
  explicit LayerOf(...) requires(!std::is_default_constructible_v<Args>) =
      delete;  // an option that this layer lacks, or a required one left out
#endif
  LayerOf() requires std::is_default_constructible_v<Args> : Handle(make_layer(Args{})) {}

  const Args& args() const { return static_cast<const LayerBase<Args>&>(this->get()).args(); }
};

/// In a header: names the handle of an Args struct.
#define NYALA_DECLARE_LAYER(Name)                                  \
  std::shared_ptr<::nyala::BaseLayer> make_layer(Name##Args args); \
  std::string layer_class_name(std::type_identity<Name##Args>);    \
  using Name = ::nyala::LayerOf<Name##Args>

/// Beside the class `Name##Layer`: how a layer is made from its Args.
#define NYALA_LAYER(Name)                                           \
  std::shared_ptr<::nyala::BaseLayer> make_layer(Name##Args args) { \
    auto layer = std::make_shared<Name##Layer>(std::move(args));    \
    layer->finish(#Name);                                           \
    return layer;                                                   \
  }                                                                 \
  std::string layer_class_name(std::type_identity<Name##Args>) { return #Name; }

/// How a layer comes back from its configuration.
using LayerFactory = std::function<std::shared_ptr<BaseLayer>(const Config& config)>;

namespace detail {
template <class Args>
std::shared_ptr<BaseLayer> layer_from_current_config(const std::string& who, const Config& config);
}

/// Reads name, trainable and dtype, then the options; throws ValueError for an unknown key. An Args
/// may have `static std::array<const char*, N> ignored_keys()`, and `static Config
/// upgrade(Config)`, which turns an older configuration into today's.
template <class Args>
std::shared_ptr<BaseLayer> layer_from_config(const Config& config) {
  const std::string who = layer_class_name(std::type_identity<Args>());
  if constexpr (requires { Args::upgrade(config); }) {
    return detail::layer_from_current_config<Args>(who, Args::upgrade(config));
  } else {
    return detail::layer_from_current_config<Args>(who, config);
  }
}

namespace detail {

template <class Args>
std::shared_ptr<BaseLayer> layer_from_current_config(const std::string& who, const Config& config) {
  std::vector<std::string> known = field_names<Args>();
  // The last ones are what tf.keras 2.x writes, or takes, in any layer.
  known.insert(known.end(),
               {"name",
                "trainable",
                "dtype",
                "batch_input_shape",
                "input_shape",
                "input_dtype",
                "autocast"});
  if constexpr (requires { Args::ignored_keys(); }) {
    for (const char* key : Args::ignored_keys()) known.emplace_back(key);
  }
  check_keys(who, config, known);
  Args args = unset_args<Args>();
  fields_from_config(who, config, args);
  if (const Config* name = config.find("name"))
    args.name = name->is_null() ? "" : name->as_string();
  if (const Config* trainable = config.find("trainable")) args.trainable = trainable->as_bool();
  if (const Config* dtype = config.find("dtype"))
    args.dtype = ConfigCodec<DTypePolicy>::from(*dtype);
  return make_layer(std::move(args));
}

}  // namespace detail

struct RegisterArgs {
  std::string package = "Custom";
};

namespace detail {
void register_layer_class(const std::string& package,
                          const std::string& class_name,
                          const LayerFactory& factory);
}

/// Makes a layer of the user's own known to `model_from_json`; its JSON name is package>Name.
template <class L>
void register_layer(const RegisterArgs& args = {}) {
  using Args = typename L::args_type;
  detail::register_layer_class(
      args.package, layer_class_name(std::type_identity<Args>()), layer_from_config<Args>);
}

/// The factory of a class, by its registered name or its class name; null when unknown.
const LayerFactory* find_layer_class(const std::string& name);
/// "package>Name" of a registered class, empty for Keras's own.
std::string registered_layer_name(const std::string& class_name);
/// Every class name known, Keras's first.
std::vector<std::string> layer_class_names();

}  // namespace nyala

#pragma GCC visibility pop
