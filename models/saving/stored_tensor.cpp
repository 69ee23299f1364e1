#include <nyala/models/saving/stored_tensor.hpp>

#include <algorithm>
#include <bit>
#include <cstring>

namespace nyala::saving {

static_assert(std::endian::native == std::endian::little, "elements are read as they stand");

namespace {

void copy_part(const MappedPart& part, Tensor& to) {
  auto* at = static_cast<std::byte*>(to.mutable_data());
  part.file->read_in_pieces(part.bytes, [&](std::span<const std::byte> piece) {
    if (to.dtype() == DType::bool_) {
      for (const std::byte byte : piece) *at++ = byte == std::byte{0} ? byte : std::byte{1};
    } else {
      at = std::copy(piece.begin(), piece.end(), at);
    }
  });
}

}  // namespace

StoredTensor stored_tensor(const Tensor& tensor) {
  return {tensor.spec(), [tensor] { return tensor; }};
}

StoredTensor stored_part(const Spec& spec, const MappedPart& part) {
  const auto read = [spec, part] {
    Tensor tensor = Tensor::empty(spec.shape, spec.dtype);
    copy_part(part, tensor);
    return tensor;
  };
  return {spec, read, [part](Tensor& to) { copy_part(part, to); }};
}

}  // namespace nyala::saving
