#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/core/log.hpp>
#include <nyala/models/saving/file.hpp>

namespace nyala::saving {

int (*write_fault)(const char* call) = nullptr;

namespace {

// Whether a call is made to fail; errno then says how.
bool faulty(const char* call) {
  if (write_fault == nullptr) return false;
  const int error = write_fault(call);
  if (error != 0) errno = error;
  return error != 0;
}

[[noreturn]] void throw_io(const std::string& path, const char* what, int error = errno) {
  throw IoError(path + ": " + what + ": " + std::strerror(error));
}

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// A rename is on the disk only when its folder is. The new file stands by now, so that a failure is
// no reason to call the writing failed.
void sync_folder(const std::string& path) {
  const int folder = ::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;  // a folder that may be written but not read
  const int result = faulty("fsync folder") ? -1 : ::fsync(folder);
  const int error = errno;
  ::close(folder);
  // Some file systems do not sync folders and say so with EINVAL.
  if (result != 0 && error != EINVAL)
    log_warning(path + ": its folder could not be synced: " + std::strerror(error));
}

// A name that no other thread or process uses: O_EXCL says so, the number makes it quick.
int create_beside(const std::string& path, std::string& name) {
  static std::atomic<unsigned> count{0};
  for (int attempt = 0; attempt < 100; ++attempt) {
    name = path + ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(count++);
    const int file =
        faulty("open") ? -1 : ::open(name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (file >= 0) return file;
    if (errno != EEXIST) break;
  }
  throw_io(path, "could not be written");
}

}  // namespace

FileSource::FileSource(const std::string& path) : ByteSource(path) {
  // O_NONBLOCK: opening a pipe that nobody writes to must not wait.
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file_ < 0) throw_io(path, "could not be opened");
  struct stat status {};
  const bool known = ::fstat(file_, &status) == 0;
  if (!known || !S_ISREG(status.st_mode)) {
    const int error = errno;
    ::close(file_);
    if (!known) throw_io(path, "could not be examined", error);
    throw IoError(path + ": is not a regular file");
  }
  remaining_ = static_cast<std::uint64_t>(status.st_size);
}

FileSource::~FileSource() {
  if (file_ >= 0) ::close(file_);
}

int FileSource::release() { return std::exchange(file_, -1); }

void FileSource::read_some(void* to, std::uint64_t count) {
  auto* at = static_cast<std::byte*>(to);
  while (count > 0) {
    const ssize_t got = ::read(file_, at, count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io(who(), "could not be read");
    if (got == 0) throw IoError(who() + ": became shorter while it was read");
    at += got;
    count -= static_cast<std::uint64_t>(got);
    remaining_ -= static_cast<std::uint64_t>(got);
  }
}

std::string read_text(const std::string& path, std::uint64_t most) {
  FileSource source(path);
  if (source.remaining() > most) {
    throw LimitError(path + ": has " + std::to_string(source.remaining()) + " bytes, at most " +
                     std::to_string(most) + " are read");
  }
  std::string text(source.remaining(), '\0');
  source.read(text.data(), text.size());
  return text;
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  file_ = create_beside(path_, temporary_);
}

AtomicFile::~AtomicFile() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = faulty("write") ? -1 : ::write(file_, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) throw_io(path_, "could not be written");
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
}

void AtomicFile::close() {
  const int result = ::close(std::exchange(file_, -1));
  if (faulty("close") || result != 0) throw_io(path_, "could not be written");
}

void AtomicFile::commit() {
  close();
  // Opened again by name: a writer by name may have put another file there.
  file_ = ::open(temporary_.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0 || faulty("fsync") || ::fsync(file_) != 0) throw_io(path_, "could not be synced");
  close();
  if (faulty("rename") || ::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw_io(path_, "could not be replaced");
  temporary_.clear();
  sync_folder(path_);
}

void write_text(const std::string& path, std::string_view text) {
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(text)));
  file.commit();
}

void write_pieces(const std::string& path, const Pieces& pieces) {
  AtomicFile file(path);
  pieces.for_each([&](std::span<const std::byte> part) { file.write(part); });
  file.commit();
}

}  // namespace nyala::saving
