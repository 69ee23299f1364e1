#pragma once
/// Ops on symbols: `x + 1`, `ops::exp(x)`. Each call becomes a node of the graph, as Keras writes
/// it to JSON: class Add of keras.src.ops.numpy with its arguments.
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nyala/core/ops/contraction.hpp>
#include <nyala/layers/layer.hpp>

namespace nyala {

struct OperationDef;

/// One call of an op in a graph.
class Operation final : public BaseLayer {
 public:
  /// `options` are the op's own ("axis"); `args` are those of the call, with `symbol_at(i)` in the
  /// place of the i-th tensor.
  Operation(const OperationDef& def, Config options, Config args, const std::string& name);

  Tensor call(Inputs<Tensor> inputs, const CallArgs& args) override;
  Config get_config() const override;
  bool is_operation() const override { return true; }
  bool casts_inputs() const override { return false; }
  std::string keras_module() const override;
  /// The arguments with these in the place of the tensors.
  Config args_with(const std::vector<Config>& tensors) const;

  /// Stands for the i-th tensor among the arguments.
  static Config symbol_at(std::size_t i);

 private:
  const OperationDef& def_;
  Config options_;
  Config call_args_;
};

/// Whether there is an op of this class ("Add").
bool is_operation_class(const std::string& class_name);

/// Adds a call of an op to the graph. `args` holds `Operation::symbol_at(i)` where the i-th symbol
/// stands, `kwargs` further arguments by name. Throws ValueError for an unknown op, and what the op
/// itself throws for arguments that do not fit.
Symbol call_operation(const std::string& class_name,
                      const std::vector<Symbol>& symbols,
                      Config args,
                      const Config& options = Config::dict(),
                      const Config& kwargs = Config::dict(),
                      const std::string& name = {});

namespace detail {
Symbol binary_operation(const char* op, const Symbol& x, const Symbol& y);
Symbol binary_operation(const char* op, const Symbol& x, Scalar y);
Symbol binary_operation(const char* op, Scalar x, const Symbol& y);
Symbol unary_operation(const char* op, const Symbol& x);
Symbol reduce_operation(const char* op, const Symbol& x, const ReduceArgs& args, bool initial);
}  // namespace detail

namespace ops {

#define NYALA_SYMBOL_BINARY(name, Op)                                                          \
  inline Symbol name(const Symbol& x, const Symbol& y) {                                       \
    return detail::binary_operation(Op, x, y);                                                 \
  }                                                                                            \
  inline Symbol name(const Symbol& x, Scalar y) { return detail::binary_operation(Op, x, y); } \
  inline Symbol name(Scalar x, const Symbol& y) { return detail::binary_operation(Op, x, y); }
#define NYALA_SYMBOL_UNARY(name, Op) \
  inline Symbol name(const Symbol& x) { return detail::unary_operation(Op, x); }
#define NYALA_SYMBOL_REDUCE(name, Op, initial)                       \
  inline Symbol name(const Symbol& x, const ReduceArgs& args = {}) { \
    return detail::reduce_operation(Op, x, args, initial);           \
  }

NYALA_SYMBOL_BINARY(add, "Add")
NYALA_SYMBOL_BINARY(subtract, "Subtract")
NYALA_SYMBOL_BINARY(multiply, "Multiply")
NYALA_SYMBOL_BINARY(divide, "Divide")
NYALA_SYMBOL_BINARY(power, "Power")
NYALA_SYMBOL_BINARY(maximum, "Maximum")
NYALA_SYMBOL_BINARY(minimum, "Minimum")
NYALA_SYMBOL_BINARY(equal, "Equal")
NYALA_SYMBOL_BINARY(not_equal, "NotEqual")
NYALA_SYMBOL_BINARY(greater, "Greater")
NYALA_SYMBOL_BINARY(greater_equal, "GreaterEqual")
NYALA_SYMBOL_BINARY(less, "Less")
NYALA_SYMBOL_BINARY(less_equal, "LessEqual")
NYALA_SYMBOL_BINARY(logical_and, "LogicalAnd")
NYALA_SYMBOL_BINARY(logical_or, "LogicalOr")
NYALA_SYMBOL_UNARY(negative, "Negative")
NYALA_SYMBOL_UNARY(abs, "Absolute")
NYALA_SYMBOL_UNARY(square, "Square")
NYALA_SYMBOL_UNARY(sqrt, "Sqrt")
NYALA_SYMBOL_UNARY(rsqrt, "Rsqrt")
NYALA_SYMBOL_UNARY(exp, "Exp")
NYALA_SYMBOL_UNARY(log, "Log")
NYALA_SYMBOL_UNARY(log1p, "Log1p")
NYALA_SYMBOL_UNARY(sin, "Sin")
NYALA_SYMBOL_UNARY(cos, "Cos")
NYALA_SYMBOL_UNARY(tanh, "Tanh")
NYALA_SYMBOL_UNARY(sigmoid, "Sigmoid")
NYALA_SYMBOL_UNARY(softplus, "Softplus")
NYALA_SYMBOL_UNARY(relu, "Relu")
NYALA_SYMBOL_UNARY(silu, "Silu")
NYALA_SYMBOL_UNARY(erf, "Erf")
NYALA_SYMBOL_UNARY(logical_not, "LogicalNot")
NYALA_SYMBOL_UNARY(stop_gradient, "StopGradient")
NYALA_SYMBOL_REDUCE(sum, "Sum", false)
NYALA_SYMBOL_REDUCE(mean, "Mean", false)
NYALA_SYMBOL_REDUCE(max, "Max", true)
NYALA_SYMBOL_REDUCE(min, "Min", true)
NYALA_SYMBOL_REDUCE(std, "Std", false)
NYALA_SYMBOL_REDUCE(var, "Var", false)
NYALA_SYMBOL_REDUCE(logsumexp, "Logsumexp", false)
#undef NYALA_SYMBOL_BINARY
#undef NYALA_SYMBOL_UNARY
#undef NYALA_SYMBOL_REDUCE

Symbol matmul(const Symbol& x, const Symbol& y);
Symbol where(const Symbol& condition, const Symbol& x, const Symbol& y);
Symbol softmax(const Symbol& x, int axis = -1);
Symbol concatenate(const std::vector<Symbol>& symbols, const FirstAxis& args = {});
Symbol stack(const std::vector<Symbol>& symbols, const FirstAxis& args = {});
Symbol reshape(const Symbol& x, const Shape& shape);
Symbol transpose(const Symbol& x, const std::vector<int>& axes = {});
Symbol expand_dims(const Symbol& x, int axis);
Symbol squeeze(const Symbol& x, int axis);
Symbol clip(const Symbol& x, double low, double high);
Symbol cast(const Symbol& x, DTypeLike dtype);
/// Ranges of the first axes: `slice(x, {{}, {.start = 1, .stop = 3}})` is Python's x[:, 1:3].
Symbol slice(const Symbol& x, const std::vector<Range1>& ranges);

}  // namespace ops

#define NYALA_SYMBOL_OPERATOR(symbol, Op)                           \
  inline Symbol operator symbol(const Symbol& x, const Symbol& y) { \
    return detail::binary_operation(Op, x, y);                      \
  }                                                                 \
  inline Symbol operator symbol(const Symbol& x, Scalar y) {        \
    return detail::binary_operation(Op, x, y);                      \
  }                                                                 \
  inline Symbol operator symbol(Scalar x, const Symbol& y) {        \
    return detail::binary_operation(Op, x, y);                      \
  }
NYALA_SYMBOL_OPERATOR(+, "Add")
NYALA_SYMBOL_OPERATOR(-, "Subtract")
NYALA_SYMBOL_OPERATOR(*, "Multiply")
NYALA_SYMBOL_OPERATOR(/, "TrueDivide")
NYALA_SYMBOL_OPERATOR(>, "Greater")
NYALA_SYMBOL_OPERATOR(<, "Less")
NYALA_SYMBOL_OPERATOR(>=, "GreaterEqual")
NYALA_SYMBOL_OPERATOR(<=, "LessEqual")
#undef NYALA_SYMBOL_OPERATOR
inline Symbol operator-(const Symbol& x) { return detail::unary_operation("Negative", x); }

}  // namespace nyala
