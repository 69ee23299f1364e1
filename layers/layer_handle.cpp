// The handle that users hold.
#include <nyala/layers/layer.hpp>

#include <nyala/core/error.hpp>

namespace nyala {

namespace detail {

Tensor only(std::vector<Tensor> outputs, const BaseLayer& layer) {
  if (outputs.size() == 1) return std::move(outputs[0]);
  throw StateError(layer.label() + " has " + std::to_string(outputs.size()) +
                   " outputs; use call_all");
}
Symbol only(std::vector<Symbol> outputs, const BaseLayer& layer) {
  if (outputs.size() == 1) return std::move(outputs[0]);
  throw StateError(layer.label() + " has " + std::to_string(outputs.size()) +
                   " outputs; use call_all");
}

}  // namespace detail

using detail::only;

Layer::Layer(const Symbol& symbol) {
  if (!symbol.defined())
    throw StateError("Layer: received an undefined Symbol, expected an output of a layer");
  layer_ = symbol.node()->layer;
}

void Layer::throw_empty(const char* call) {
  throw StateError(std::string(call) +
                   "() was called on an empty Layer or Model: none was assigned, or it was moved");
}

Tensor Layer::operator()(const Tensor& input, const CallArgs& args) const {
  if (input.defined()) get().expect_no_list(input.shape());
  return only(get().apply(Inputs<Tensor>(&input, 1), args), get());
}
Tensor Layer::operator()(std::initializer_list<Tensor> inputs, const CallArgs& args) const {
  return only(get().apply(Inputs<Tensor>(inputs), args), get());
}
Tensor Layer::operator()(const std::vector<Tensor>& inputs, const CallArgs& args) const {
  return only(get().apply(Inputs<Tensor>(inputs), args), get());
}
Symbol Layer::operator()(const Symbol& input, const CallArgs& args) const {
  return only(get().apply(std::vector<Symbol>{input}, CallForm::single, args), get());
}
Symbol Layer::operator()(std::initializer_list<Symbol> inputs, const CallArgs& args) const {
  return only(get().apply(std::vector<Symbol>(inputs), CallForm::list, args), get());
}
Symbol Layer::operator()(const std::vector<Symbol>& inputs, const CallArgs& args) const {
  return only(get().apply(inputs, CallForm::list, args), get());
}
std::vector<Tensor> Layer::call_all(const std::vector<Tensor>& inputs, const CallArgs& args) const {
  return get().apply(Inputs<Tensor>(inputs), args);
}
std::vector<Symbol> Layer::call_all(const std::vector<Symbol>& inputs, const CallArgs& args) const {
  const bool single = inputs.size() == 1 && !get().traits().takes_list;
  return call_all(inputs, single ? CallForm::single : CallForm::list, args);
}
std::vector<Tensor> Layer::call_all(const std::vector<Tensor>& inputs,
                                    CallForm,
                                    const CallArgs& args) const {
  return get().apply(Inputs<Tensor>(inputs), args);
}
std::vector<Symbol> Layer::call_all(const std::vector<Symbol>& inputs,
                                    CallForm form,
                                    const CallArgs& args) const {
  return get().apply(inputs, form, args);
}

}  // namespace nyala
