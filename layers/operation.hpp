#pragma once
/// Ops on symbols: `x + 1`, `ops::exp(x)`. Each call becomes a node of the graph, as Keras writes
/// it to JSON: class Add of keras.src.ops.numpy with its arguments. Functions take what their
/// namesakes on tensors take, and throw the same; all stand in keras_ops.def.
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nyala/core/ops.hpp>
#include <nyala/core/ops/attention.hpp>
#include <nyala/core/ops/conv.hpp>
#include <nyala/core/ops/pool.hpp>
#include <nyala/layers/argument.hpp>
#include <nyala/layers/layer.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct OperationDef;

/// One call of an op in a graph.
class Operation final : public BaseLayer {
 public:
  /// `options` are the op's own ("axis"); `call` holds the arguments. Throws ValueError for a
  /// parameter that the op does not have or that is missing.
  Operation(const OperationDef& def,
            Config options,
            const Arguments& call,
            const std::string& name);

  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& args) override;
  Config get_config() const override;
  bool is_operation() const override { return true; }
  bool casts_inputs() const override { return false; }
  std::string keras_module() const override;

 private:
  const OperationDef& def_;
  Config options_;
  // One for each parameter of the signature; nothing where it is not given.
  std::vector<std::optional<Argument>> values_;
};

/// Whether there is an op of this class ("Add").
bool is_operation_class(const std::string& class_name);

/// Adds a call of an op to the graph; `call` holds `Argument::symbol(i)` where the i-th symbol
/// stands. Throws ValueError for an unknown op, and what the op itself throws for arguments that do
/// not fit.
std::vector<Symbol> call_operation(const std::string& class_name,
                                   const std::vector<Symbol>& symbols,
                                   Arguments call,
                                   const Config& options = Config::dict(),
                                   const std::string& name = {});

/// What an op takes beside its first symbol: another one, or a constant.
class Operand {
 public:
  Operand(Symbol symbol);
  Operand(Tensor tensor);
  Operand(Scalar number);
  // In the source: a variant's copies and its destructor are costly to compile.
  Operand(const Operand& other);
  Operand(Operand&& other) noexcept;
  Operand& operator=(const Operand& other);
  Operand& operator=(Operand&& other) noexcept;
  ~Operand();
  /// A graph would keep the value of now: read the variable in a layer, or give `variable.value()`.
  Operand(const Variable& variable) = delete;
  template <class T>
  requires std::is_arithmetic_v<T> Operand(T number) : Operand(Scalar(number)) {}

  const std::variant<Symbol, Tensor, Scalar>& value() const { return value_; }

 private:
  std::variant<Symbol, Tensor, Scalar> value_;
};

/// What `top_k` and `moments` give on symbols.
struct TopKSymbols {
  Symbol values;
  Symbol indices;
};
struct MomentsSymbols {
  Symbol mean;
  Symbol variance;
};
struct AverageSymbolArgs {
  std::optional<int> axis = {};
  Symbol weights = {};
};
struct DotProductAttentionSymbolArgs {
  Operand bias = Symbol();
  Operand mask = Symbol();
  std::optional<double> scale = {};
  bool is_causal = false;
};

namespace ops {

#define OR(...) = __VA_ARGS__
#define OP(Class, module, signature, Result, function, parameters, arguments) \
  Result function parameters;
#define SYMBOL(Class, Result, function, parameters, arguments) Result function parameters;
#define BINARY(Class, function, on_tensors)                                         \
  Symbol function(const Symbol& x, const Symbol& y);                                \
  Symbol function(const Symbol& x, const Tensor& y);                                \
  Symbol function(const Tensor& x, const Symbol& y);                                \
  Symbol function(const Symbol& x, Scalar y);                                       \
  Symbol function(Scalar x, const Symbol& y);                                       \
  Symbol function(const Symbol& x, const Variable& y) = delete; /* as in Operand */ \
  Symbol function(const Variable& x, const Symbol& y) = delete;
#include <nyala/layers/keras_ops.def>
#undef OR

/// Ranges of the first axes: `slice(x, {{}, {.start = 1, .stop = 3}})` is Python's x[:, 1:3].
Symbol slice(const Symbol& x, const std::vector<Range1>& ranges);

}  // namespace ops

#define NYALA_SYMBOL_OPERATOR(symbol, function)                                                   \
  inline Symbol operator symbol(const Symbol& x, const Symbol& y) { return ops::function(x, y); } \
  inline Symbol operator symbol(const Symbol& x, const Tensor& y) { return ops::function(x, y); } \
  inline Symbol operator symbol(const Tensor& x, const Symbol& y) { return ops::function(x, y); } \
  inline Symbol operator symbol(const Symbol& x, Scalar y) { return ops::function(x, y); }        \
  inline Symbol operator symbol(Scalar x, const Symbol& y) { return ops::function(x, y); }        \
  Symbol operator symbol(const Symbol& x, const Variable& y) = delete; /* as in Operand */        \
  Symbol operator symbol(const Variable& x, const Symbol& y) = delete;
NYALA_SYMBOL_OPERATOR(+, add)
NYALA_SYMBOL_OPERATOR(-, subtract)
NYALA_SYMBOL_OPERATOR(*, multiply)
NYALA_SYMBOL_OPERATOR(/, true_divide)
NYALA_SYMBOL_OPERATOR(%, mod)
NYALA_SYMBOL_OPERATOR(>, greater)
NYALA_SYMBOL_OPERATOR(<, less)
NYALA_SYMBOL_OPERATOR(>=, greater_equal)
NYALA_SYMBOL_OPERATOR(<=, less_equal)
#undef NYALA_SYMBOL_OPERATOR
inline Symbol operator-(const Symbol& x) { return ops::negative(x); }

}  // namespace nyala

#pragma GCC visibility pop
