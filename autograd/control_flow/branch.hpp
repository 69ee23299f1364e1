#pragma once
/// The ops of branches and of loops with a condition. Not part of the public API.
#include <functional>
#include <optional>
#include <vector>

#include <nyala/autograd/control_flow.hpp>

namespace nyala::detail {

using Branch = std::function<std::vector<Tensor>()>;

/// One of the branches as one op: only that one runs. `index` is a scalar, int32, and is clamped.
std::vector<Tensor> branch_as_op(const Tensor& index, const std::vector<Branch>& branches);

/// A loop as one op, without a gradient. Throws UnsupportedError where a function assigns
/// variables.
std::vector<Tensor> while_as_op(const WhileCondition& condition,
                                const TensorsFunction& body,
                                const std::vector<Tensor>& values,
                                std::optional<std::int64_t> maximum_iterations);

}  // namespace nyala::detail
