// Calls on symbols: what a layer gives for their shapes, and the node that keeps the call.
#include <algorithm>
#include <ostream>

#include <nyala/autograd/tape.hpp>
#include <nyala/core/error.hpp>
#include <nyala/core/op.hpp>
#include <nyala/layers/layer.hpp>

namespace nyala {
namespace {

// On symbols a layer runs for its shapes: nothing is recorded or traced, and variables have shapes
// only, so that no assignment (a moving mean, a generator's state) takes place.
class SymbolicScope final : public detail::VariableListener {
 public:
  SymbolicScope()
      : variables_(std::exchange(detail::variable_listener(), this)),
        tracer_(std::exchange(detail::listeners().tracer, nullptr)) {}
  ~SymbolicScope() {
    detail::variable_listener() = variables_;
    detail::listeners().tracer = tracer_;
  }
  SymbolicScope(const SymbolicScope&) = delete;
  SymbolicScope& operator=(const SymbolicScope&) = delete;

  Tensor on_read(const Variable& variable) override {
    return Tensor::abstract(variable.shape(), variable.dtype());
  }
  void on_assign(const Variable&, const Tensor&) override {}

 private:
  GradientTape::Pause pause_;
  detail::VariableListener* variables_;
  Listener* tracer_;
};

// What a layer is run on for the shape, dtype and mask of a symbol.
Tensor abstract_of(const Symbol& symbol) {
  Tensor tensor = Tensor::abstract(symbol.shape(), symbol.dtype());
  if (const auto& mask = symbol.node()->masks[symbol.index()])
    tensor.set_mask(Tensor::abstract(mask->shape, mask->dtype));
  return tensor;
}

}  // namespace

const Spec& Symbol::spec() const {
  if (node_ == nullptr)
    throw StateError("an undefined Symbol was used: it was never the output of a layer or Input");
  return node_->outputs[index_];
}
bool Symbol::has_mask() const { return node_ != nullptr && node_->masks[index_].has_value(); }

// Nodes that die with this one are linked through their first input, so that nothing is allocated.
GraphNode::~GraphNode() {
  std::shared_ptr<GraphNode> pending;
  const auto take = [&pending](std::vector<Symbol>& symbols) {
    for (Symbol& symbol : symbols) {
      const Symbol last = std::exchange(symbol, Symbol());
      if (last.node() == nullptr || last.node().use_count() != 1) continue;
      last.node()->next_dying = std::exchange(pending, last.node());
    }
  };
  take(inputs);
  while (pending != nullptr) {
    const std::shared_ptr<GraphNode> node = std::exchange(pending, std::move(pending->next_dying));
    take(node->inputs);
  }
}

std::ostream& operator<<(std::ostream& out, const Symbol& symbol) {
  if (!symbol.defined()) return out << "<Symbol without a value>";
  return out << "<Symbol shape=" << symbol.shape() << ", dtype=" << symbol.dtype()
             << ", layer=" << symbol.node()->layer->name() << '>';
}

std::vector<Symbol> BaseLayer::apply(std::vector<Symbol> inputs,
                                     CallForm form,
                                     const CallArgs& args) {
  Arguments arguments = arguments_of(form, args, inputs);
  return apply(std::move(arguments), std::move(inputs));
}

std::vector<Symbol> BaseLayer::apply(Arguments arguments, std::vector<Symbol> symbols) {
  const SymbolicScope scope;
  const LossCollector ignored;
  std::vector<Tensor> tensors;
  for (const Symbol& symbol : symbols) {
    if (!symbol.defined())
      throw ValueError(label() + " received an undefined Symbol, expected an output of a layer");
    tensors.push_back(abstract_of(symbol));
  }
  if (arguments.positional.size() == 1 && arguments.positional[0].is_symbol())
    expect_no_list(tensors[0].shape());
  const std::vector<Tensor> outputs = apply(arguments, Inputs<Tensor>(tensors));
  auto node = std::make_shared<GraphNode>();
  node->layer = shared_from_this();
  node->inputs = std::move(symbols);
  node->arguments = std::move(arguments);
  node->index = symbolic_calls_++;
  std::vector<Symbol> results;
  for (const Tensor& output : outputs) {
    node->outputs.push_back(output.spec());
    const Tensor mask = output.mask();
    node->masks.push_back(mask.defined() ? std::optional(mask.spec()) : std::nullopt);
    results.emplace_back(node, results.size());
  }
  return results;
}

std::vector<Shape> BaseLayer::compute_output_shapes(const std::vector<Shape>& inputs) {
  const SymbolicScope scope;
  const LossCollector ignored;
  std::vector<Tensor> tensors;
  for (const Shape& shape : inputs) tensors.push_back(Tensor::abstract(shape, compute_dtype()));
  const std::vector<Tensor> outputs = apply(Inputs<Tensor>(tensors), {});
  std::vector<Shape> shapes;
  for (const Tensor& output : outputs) shapes.push_back(output.shape());
  return shapes;
}

}  // namespace nyala
