#pragma once
/// An op in a program of its own, as compiled code runs it.
#include <vector>

#include <nyala/autograd/graph/program.hpp>
#include <nyala/core/op.hpp>

namespace nyala::testing {

inline Tensors run_in_program(const AnyOp& op, const std::vector<Tensor>& inputs) {
  const auto body = [&](const std::vector<Tensor>& at) {
    const Tensors all = run_any(op, at);
    return std::vector<Tensor>(all.begin(), all.end());
  };
  std::vector<Spec> specs;
  for (const Tensor& input : inputs) specs.push_back(input.spec());
  const graph::Program program(body, specs);
  Tensors outputs;
  program.run(inputs, outputs);
  return outputs;
}

}  // namespace nyala::testing
