#pragma once
/// The op of a loop. Not part of the public API.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include <nyala/autograd/control_flow.hpp>

namespace nyala::detail {

/// A body that is given tensors which stay the same behind those of a step.
using FixedBody = std::function<ScanResult(const std::vector<Tensor>& carry,
                                           const std::vector<Tensor>& x,
                                           const std::vector<Tensor>& fixed)>;

/// What a scan runs over.
struct ScanInputs {
  std::vector<Tensor> carry;
  std::vector<Tensor> xs;
  std::vector<Tensor> fixed = {};
  std::int64_t length = 0;
  bool reverse = false;
};

/// A scan as one op. Nothing where its body needs to run step by step: it has a gradient of its
/// own.
std::optional<ScanResult> scan_as_op(const FixedBody& f, const ScanInputs& inputs);
/// A scan step by step.
ScanResult scan_by_step(const ScanBody& f, const ScanInputs& inputs);
/// Throws unless the body's carry is like the one that it was given.
void check_carry(const std::string& who,
                 const std::vector<Tensor>& before,
                 const std::vector<Tensor>& after);

}  // namespace nyala::detail
