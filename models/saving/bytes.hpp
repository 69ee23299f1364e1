#pragma once
/// Reading foreign bytes: nothing here trusts a number that comes from a file.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace nyala::saving {

/// Sum and product of sizes; throw FormatError that names `who` when they do not fit.
std::uint64_t checked_add(std::uint64_t a, std::uint64_t b, std::string_view who);
std::uint64_t checked_mul(std::uint64_t a, std::uint64_t b, std::string_view who);

/// Foreign text for a message: in quotes, control characters escaped, cut at 200 bytes.
std::string quote_text(std::string_view text);

/// Bytes that are read once, from the first to the last.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Bytes that are left.
  virtual std::uint64_t remaining() const = 0;
  /// The next `count` bytes; throws FormatError when there are fewer.
  void read(void* to, std::uint64_t count);
  /// Where the bytes come from, for messages: "data.npz: member 'x'".
  const std::string& who() const { return who_; }

 protected:
  explicit ByteSource(std::string who) : who_(std::move(who)) {}
  /// `count` is never more than remaining().
  virtual void read_some(void* to, std::uint64_t count) = 0;

 private:
  std::string who_;
};

/// Bytes in memory, which must outlive the source.
class MemorySource final : public ByteSource {
 public:
  MemorySource(std::span<const std::byte> bytes, std::string who)
      : ByteSource(std::move(who)), bytes_(bytes) {}
  std::uint64_t remaining() const override { return bytes_.size(); }

 private:
  void read_some(void* to, std::uint64_t count) override;

  std::span<const std::byte> bytes_;
};

/// A little-endian unsigned number of `size` bytes (1, 2, 4 or 8).
std::uint64_t read_little_endian(ByteSource& source, int size);

}  // namespace nyala::saving
