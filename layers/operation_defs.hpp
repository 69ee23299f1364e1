#pragma once
/// The ops that graphs know: how each is called with what JSON holds. Private to operation.cpp.
#include <string>
#include <vector>

#include <nyala/core/ops.hpp>

namespace nyala {

/// A call: the op's options, and its arguments, each a tensor, a list of them, or a constant.
class OperationCall {
 public:
  OperationCall(const Config& options, const Config& args, Inputs<Tensor> tensors)
      : options_(options), args_(args.as_list()), tensors_(tensors) {}

  std::size_t size() const { return args_.size(); }
  bool is_tensor(std::size_t i) const;
  /// Throws TypeError when the argument is none.
  Tensor tensor(std::size_t i) const;
  std::vector<Tensor> tensors(std::size_t i) const;
  /// A number as one.
  Scalar scalar(std::size_t i) const;
  const Config& arg(std::size_t i) const;
  /// Null when it is not set.
  Config option(const char* name) const;
  int int_option(const char* name, int otherwise) const;
  double real_option(const char* name, double otherwise) const;
  bool flag(const char* name) const;
  Axes axes() const;
  std::vector<std::int64_t> sizes(const char* name) const;
  Inputs<Tensor> all() const { return tensors_; }

 private:
  Tensor at(const Config& placeholder) const;

  const Config& options_;
  const Config::List& args_;
  Inputs<Tensor> tensors_;
};

struct OperationDef {
  const char* name;
  const char* module;  // below keras.src.ops
  Tensor (*run)(const OperationCall& call);
  /// Names of the arguments, for those given by name.
  std::vector<const char*> parameters;
};

const std::vector<OperationDef>& operation_defs();

/// What Python's x[key] gives, for a key of slices, integers, None and an ellipsis.
Tensor get_item(const Tensor& x, const Config& key);

}  // namespace nyala
