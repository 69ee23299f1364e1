#pragma once
/// The ops that graphs know, as keras_ops.def lists them. Private to the files of operation.hpp.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nyala/layers/argument.hpp>

namespace nyala {

/// A parameter of an op: an argument of the call, or an option of the class.
struct Parameter {
  std::string name;   ///< Keras's
  std::string field;  ///< the member of an Args struct that stands for it
  bool is_option = false;
  bool is_keyword = false;   ///< given by name
  bool is_variadic = false;  ///< takes all positional arguments that are left
  bool is_ignored = false;   ///< any value means the same
  std::optional<Config> otherwise;
};
using Signature = std::vector<Parameter>;
/// The value of each parameter; nothing where it is not given.
using ParameterValues = std::vector<std::optional<Argument>>;

struct OperationDef {
  std::string name;
  std::string module;  ///< below keras.src.ops
  Signature signature;
  std::vector<Tensor> (*run)(const OperationDef& def,
                             const ParameterValues& values,
                             Inputs<Tensor> tensors);
};

const std::vector<OperationDef>& operation_defs();
/// Null for a class that is unknown.
const OperationDef* find_operation(std::string_view class_name);

/// Throws ValueError for a parameter that the op does not have, is given twice or is missing.
ParameterValues bind_parameters(const OperationDef& def,
                                const Config& options,
                                const Arguments& call);

}  // namespace nyala
