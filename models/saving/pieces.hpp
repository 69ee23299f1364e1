#pragma once
/// What is to be written, without a copy of what is large. Private to the writers.
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <nyala/core/tensor.hpp>

namespace nyala::saving {

/// Bytes of a file: those made for it, then the elements of tensors where they lie.
class Pieces {
 public:
  Pieces() = default;
  explicit Pieces(std::vector<std::byte> head) : head_(std::move(head)) {}

  /// Adds elements in row-major order; the tensor is held.
  void add(const Tensor& tensor) {
    tensors_.push_back(tensor.contiguous());
    const Tensor& rows = tensors_.back();
    add(std::span(static_cast<const std::byte*>(rows.data()), rows.nbytes()));
  }
  /// Adds bytes that outlive this.
  void add(std::span<const std::byte> bytes) {
    if (!bytes.empty()) rest_.push_back(bytes);
  }

  std::uint64_t size() const {
    std::uint64_t size = head_.size();
    for (const auto& part : rest_) size += part.size();
    return size;
  }
  /// Calls `f` with each part, in order.
  template <class F>
  void for_each(F&& f) const {
    if (!head_.empty()) f(std::span<const std::byte>(head_));
    for (const auto& part : rest_) f(part);
  }

 private:
  std::vector<std::byte> head_;
  std::vector<std::span<const std::byte>> rest_;
  std::vector<Tensor> tensors_;
};

}  // namespace nyala::saving
