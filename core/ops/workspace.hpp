#pragma once
/// Scratch memory of an eager call. Not part of the public API.
#include <nyala/core/tensor.hpp>

namespace nyala::ops {

inline Tensor workspace_tensor(std::int64_t bytes) { return Tensor::empty({bytes}, DType::uint8); }

}  // namespace nyala::ops
