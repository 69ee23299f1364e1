#pragma once
/// What ops share whose kernels read contiguous arrays and need a workspace. Not part of the public
/// API.
#include <cstdlib>
#include <memory>
#include <vector>

#include <nyala/core/memory.hpp>
#include <nyala/core/op.hpp>

namespace nyala::ops {

/// Memory that a bound kernel keeps for as long as it lives.
inline std::shared_ptr<void> own_workspace(std::int64_t bytes) {
  void* block = detail::system_block(static_cast<std::size_t>(bytes));
  if (block == nullptr && bytes > 0) detail::throw_out_of_memory();
  return {block, [](void* p) { std::free(p); }};
}
inline Tensor workspace_tensor(std::int64_t bytes) { return Tensor::empty({bytes}, DType::uint8); }

inline bool all_contiguous(Inputs<Tensor> in) {
  for (const Tensor& tensor : in) {
    if (!tensor.is_contiguous()) return false;
  }
  return true;
}
inline std::vector<Tensor> contiguous(Inputs<Tensor> in) {
  std::vector<Tensor> all;
  for (const Tensor& tensor : in) all.push_back(tensor.contiguous());
  return all;
}
inline std::vector<const void*> pointers(const std::vector<Tensor>& tensors) {
  std::vector<const void*> all;
  for (const Tensor& tensor : tensors) all.push_back(tensor.data());
  return all;
}
inline std::vector<void*> pointers(std::span<Tensor> tensors) {
  std::vector<void*> all;
  for (Tensor& tensor : tensors) all.push_back(tensor.mutable_data());
  return all;
}

}  // namespace nyala::ops
