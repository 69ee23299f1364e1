#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/mapped_file.hpp>

namespace nyala::saving {

MappedFile::MappedFile(const std::string& path) {
  FileSource source(path);
  const std::uint64_t size = source.remaining();
  if (size == 0) throw FormatError(path + ": is empty");
  const int file = source.release();
  void* bytes = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  ::close(file);
  if (bytes == MAP_FAILED) throw IoError(path + ": could not be mapped: " + std::strerror(error));
  bytes_ = {static_cast<const std::byte*>(bytes), size};
}

MappedFile::~MappedFile() { ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

void MappedFile::forget(std::span<const std::byte> part) const {
  // Whole pages only: their neighbours hold other things.
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = (reinterpret_cast<std::uintptr_t>(part.data()) + page - 1) / page * page;
  const auto end = reinterpret_cast<std::uintptr_t>(part.data() + part.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

}  // namespace nyala::saving
