#pragma once
/// Argument: what a call in a graph is given for one parameter. A file can hold no symbol of its
/// own making: the reader alone makes them, from the calls that it knows.
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <nyala/core/config.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class Argument {
 public:
  using List = std::vector<Argument>;

  /// null
  Argument() noexcept;
  /// A plain value.
  Argument(Config value);
  Argument(List items);
  // In the source: a variant's copies and its destructor are costly to compile.
  Argument(const Argument& other);
  Argument(Argument&& other) noexcept;
  Argument& operator=(const Argument& other);
  Argument& operator=(Argument&& other) noexcept;
  ~Argument();
  /// The i-th of the symbols that the call is made with.
  static Argument symbol(std::size_t index);
  /// A constant tensor, or a NumPy array: JSON tells one from the other.
  static Argument tensor(Tensor value, bool is_numpy = true);

  bool is_null() const { return is_plain() && plain().is_null(); }
  bool is_plain() const { return std::holds_alternative<Config>(value_); }
  bool is_symbol() const { return std::holds_alternative<SymbolIndex>(value_); }
  bool is_tensor() const { return std::holds_alternative<Constant>(value_); }
  /// A list of arguments or a plain list.
  bool is_list() const {
    return std::holds_alternative<List>(value_) || (is_plain() && plain().is_list());
  }

  const Config& plain() const { return std::get<Config>(value_); }
  std::size_t symbol_index() const { return std::get<SymbolIndex>(value_).index; }
  const Tensor& tensor() const { return std::get<Constant>(value_).value; }
  /// Throws TypeError when it is no list.
  List items() const;
  /// As a plain value: a constant tensor becomes nested lists of numbers. Throws TypeError where
  /// there is a symbol.
  Config config() const;
  /// As Keras writes it, `symbols[i]` standing for the i-th symbol.
  Config record(const std::vector<Config>& symbols) const;

 private:
  struct SymbolIndex {
    std::size_t index;
  };
  struct Constant {
    Tensor value;
    bool is_numpy;
  };
  using Value = std::variant<Config, SymbolIndex, Constant, List>;

  explicit Argument(Value value);

  Value value_;
};

/// The arguments of a call: by position, then by name.
struct Arguments {
  Argument::List positional;
  std::vector<std::pair<std::string, Argument>> named;

  /// Null when it is not given by name.
  const Argument* find(std::string_view name) const;
};

/// Numbers in nested lists as a tensor, of the dtype that Keras gives them: floatx where one is
/// fractional, else int32, or bool. Throws TypeError for anything else, ShapeError for uneven
/// lists.
Tensor tensor_from_config(const Config& value);

}  // namespace nyala

#pragma GCC visibility pop
