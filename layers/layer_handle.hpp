#pragma once
/// Layer, and LayerOf<Args> that users name: shared handles to a layer.
#include <initializer_list>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/layers/base_layer.hpp>

#pragma GCC visibility push(default)

namespace nyala {

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

/// A braced list on its way to an option that is a vector.
template <class T>
struct FirstList {
  const T* begin;
  const T* end;
  template <class Item>
  operator std::vector<Item>() const {
    return std::vector<Item>(begin, end);
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

/// In the source of the class `Name##Layer`: defines how a layer is made from its Args.
#define NYALA_LAYER(Name)                                           \
  std::shared_ptr<::nyala::BaseLayer> make_layer(Name##Args args) { \
    auto layer = std::make_shared<Name##Layer>(std::move(args));    \
    layer->finish(#Name);                                           \
    return layer;                                                   \
  }                                                                 \
  std::string layer_class_name(std::type_identity<Name##Args>) { return #Name; }

}  // namespace nyala

#pragma GCC visibility pop
