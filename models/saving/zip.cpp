#include <unistd.h>
#include <zip.h>

#include <algorithm>
#include <unordered_map>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/zip.hpp>
#include <nyala/models/saving/zip_layout.hpp>

namespace nyala::saving {
namespace {

struct Discard {
  void operator()(zip_t* archive) const { zip_discard(archive); }
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Archive = std::unique_ptr<zip_t, Discard>;
using OpenMember = std::unique_ptr<zip_file_t, Discard>;

std::string text_of(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

class MemberSource final : public ByteSource {
 public:
  MemberSource(OpenMember file, std::uint64_t size, std::string who)
      : ByteSource(std::move(who)), file_(std::move(file)), remaining_(size) {
    if (remaining_ == 0) check_end();
  }
  std::uint64_t remaining() const override { return remaining_; }

 private:
  void read_some(void* to, std::uint64_t count) override {
    auto* at = static_cast<std::byte*>(to);
    while (count > 0) {
      const zip_int64_t got = zip_fread(file_.get(), at, count);
      if (got <= 0) throw_bad();
      at += got;
      count -= static_cast<std::uint64_t>(got);
      remaining_ -= static_cast<std::uint64_t>(got);
    }
    if (remaining_ == 0) check_end();
  }

  // The checksum is compared when the reader runs into the end.
  void check_end() {
    std::byte extra{};
    const zip_int64_t got = zip_fread(file_.get(), &extra, 1);
    if (got < 0) throw_bad();
    if (got > 0) throw FormatError(who() + ": holds more bytes than the archive's directory says");
  }

  [[noreturn]] void throw_bad() {
    zip_error_t* error = zip_file_get_error(file_.get());
    if (zip_error_code_zip(error) == ZIP_ER_OK) {
      throw FormatError(who() + ": ends before the size in the archive's directory");
    }
    throw FormatError(who() + ": is damaged: " + zip_error_strerror(error));
  }

  OpenMember file_;
  std::uint64_t remaining_;
};

Archive open_archive(const std::string& path, std::uint64_t& file_size) {
  FileSource file(path);
  file_size = file.remaining();
  const int descriptor = file.release();
  int code = 0;
  Archive archive(zip_fdopen(descriptor, ZIP_CHECKCONS, &code));
  if (!archive) {
    ::close(descriptor);
    throw FormatError(path + ": is not a sound zip archive: " + text_of(code));
  }
  return archive;
}

}  // namespace

struct ZipReader::Impl {
  struct Entry {
    zip_uint64_t index;
    std::uint64_t size;
    bool is_stored;
    std::optional<std::uint32_t> checksum;
  };

  std::string path;
  std::uint64_t text_bytes = 0;  // at most, of a member read as text
  Archive archive;
  std::vector<std::string> names;
  std::unordered_map<std::string, Entry> entries;
  std::shared_ptr<const MappedFile> file;  // both none before the first stored member
  std::optional<ZipLayout> layout;

  void add(zip_uint64_t index, std::uint64_t file_size, const Limits& limits);
};

void ZipReader::Impl::add(zip_uint64_t index, std::uint64_t file_size, const Limits& limits) {
  zip_stat_t status;
  constexpr zip_uint64_t kNeeded =
      ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD;
  if (zip_stat_index(archive.get(), index, 0, &status) != 0 ||
      (status.valid & kNeeded) != kNeeded) {
    throw FormatError(path + ": member " + std::to_string(index) + " has no sound header");
  }
  const std::string name = status.name;
  const std::string who = path + ": member " + quote_text(name);
  if (name.empty() || name.size() > limits.name_bytes) {
    throw LimitError(who + ": a name has 1 to " + std::to_string(limits.name_bytes) + " bytes");
  }
  if ((status.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && status.encryption_method != ZIP_EM_NONE) {
    throw UnsupportedError(who + ": is encrypted");
  }
  if (status.comp_method != ZIP_CM_STORE && status.comp_method != ZIP_CM_DEFLATE) {
    throw UnsupportedError(who + ": is compressed by a method that is neither stored nor deflated");
  }
  const bool stored = status.comp_method == ZIP_CM_STORE;
  if (status.comp_size > file_size || (stored && status.size != status.comp_size)) {
    throw FormatError(who + ": claims " + std::to_string(status.size) +
                      " bytes, which the archive does not hold");
  }
  if (status.size > limits.inflate_free && status.size / limits.inflate_ratio > status.comp_size) {
    throw LimitError(who + ": would inflate from " + std::to_string(status.comp_size) + " to " +
                     std::to_string(status.size) + " bytes");
  }
  Entry entry{index, status.size, stored, std::nullopt};
  if ((status.valid & ZIP_STAT_CRC) != 0) entry.checksum = status.crc;
  if (!entries.emplace(name, entry).second) {
    throw FormatError(who + ": is there twice");
  }
  names.push_back(name);
}

ZipReader::ZipReader(const std::string& path, const Limits& limits)
    : impl_(std::make_unique<Impl>()) {
  std::uint64_t file_size = 0;
  impl_->path = path;
  impl_->text_bytes = limits.json_bytes;
  impl_->archive = open_archive(path, file_size);
  const auto count = static_cast<zip_uint64_t>(zip_get_num_entries(impl_->archive.get(), 0));
  if (count > limits.zip_members) {
    throw LimitError(path + ": has " + std::to_string(count) + " members, at most " +
                     std::to_string(limits.zip_members) + " are read");
  }
  for (zip_uint64_t i = 0; i < count; ++i) impl_->add(i, file_size, limits);

  std::uint64_t total = 0;
  for (const auto& [name, entry] : impl_->entries) total = checked_add(total, entry.size, path);
  if (total > checked_add(file_size, limits.memory, path)) {
    throw LimitError(path + ": inflates to " + std::to_string(total) +
                     " bytes, over the budget of " + std::to_string(limits.memory) +
                     " beyond its size");
  }
}

ZipReader::~ZipReader() = default;
ZipReader::ZipReader(ZipReader&&) noexcept = default;
ZipReader& ZipReader::operator=(ZipReader&&) noexcept = default;

const std::vector<std::string>& ZipReader::names() const { return impl_->names; }

bool ZipReader::contains(const std::string& name) const { return impl_->entries.contains(name); }

std::unique_ptr<ByteSource> ZipReader::open(const std::string& name) const {
  const std::string who = impl_->path + ": member " + quote_text(name);
  const auto found = impl_->entries.find(name);
  if (found == impl_->entries.end()) throw IndexError(who + ": is not in the archive");
  OpenMember file(zip_fopen_index(impl_->archive.get(), found->second.index, 0));
  if (!file) {
    throw FormatError(who + ": cannot be opened: " + zip_strerror(impl_->archive.get()));
  }
  return std::make_unique<MemberSource>(std::move(file), found->second.size, who);
}

std::optional<MappedPart> ZipReader::stored(const std::string& name) const {
  const auto found = impl_->entries.find(name);
  if (found == impl_->entries.end() || !found->second.is_stored || !found->second.checksum)
    return std::nullopt;
  if (!impl_->layout) {
    impl_->file = std::make_shared<MappedFile>(impl_->path);
    impl_->layout.emplace(impl_->file->bytes());
  }
  const auto bytes = impl_->layout->member(name, found->second.size);
  // That the checksum fits says that the member was found, and found whole.
  if (!bytes || checksum_of(*impl_->file, *bytes) != *found->second.checksum) return std::nullopt;
  return MappedPart{impl_->file, *bytes};
}

std::string ZipReader::text(const std::string& name) const {
  const auto source = open(name);
  if (source->remaining() > impl_->text_bytes) {
    throw LimitError(source->who() + ": has " + std::to_string(source->remaining()) +
                     " bytes, at most " + std::to_string(impl_->text_bytes) + " are read");
  }
  std::string text(source->remaining(), '\0');
  source->read(text.data(), text.size());
  return text;
}

void ZipWriter::add(Member member) {
  const std::string who = path_ + ": member " + quote_text(member.name);
  if (member.name.empty() || member.name.size() > Limits().name_bytes) {
    throw ValueError(who + ": a name has 1 to " + std::to_string(Limits().name_bytes) + " bytes");
  }
  if (member.name.find('\0') != std::string::npos)
    throw ValueError(who + ": a name must not hold a zero byte");
  const auto same = [&](const Member& other) { return other.name == member.name; };
  if (std::any_of(members_.begin(), members_.end(), same)) {
    throw ValueError(who + ": is there already");
  }
  members_.push_back(std::move(member));
}

void ZipWriter::commit() {
  AtomicFile file(path_);
  int code = 0;
  Archive archive(zip_open(file.temporary().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code));
  if (!archive) throw IoError(path_ + ": could not be written: " + text_of(code));
  const auto check = [&](bool ok) {
    if (!ok) throw IoError(path_ + ": could not be written: " + zip_strerror(archive.get()));
  };
  for (const Member& member : members_) {
    // libzip copies the list, and only reads what it points to.
    std::vector<zip_buffer_fragment_t> parts;
    member.bytes.for_each([&](std::span<const std::byte> part) {
      auto* bytes = const_cast<zip_uint8_t*>(reinterpret_cast<const zip_uint8_t*>(part.data()));
      parts.push_back({bytes, part.size()});
    });
    zip_source_t* source = zip_source_buffer_fragment(archive.get(), parts.data(), parts.size(), 0);
    check(source != nullptr);
    const zip_int64_t index =
        zip_file_add(archive.get(), member.name.c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) zip_source_free(source);
    check(index >= 0);
    const auto at = static_cast<zip_uint64_t>(index);
    check(zip_set_file_compression(archive.get(), at, ZIP_CM_STORE, 0) == 0);
    constexpr zip_uint16_t kFirstDay = 0x21;  // 1 January 1980, where zip's calendar starts
    check(zip_file_set_dostime(archive.get(), at, 0, kFirstDay, 0) == 0);
  }
  // An archive without members is no file at all to libzip.
  if (members_.empty()) throw ValueError(path_ + ": an archive needs a member");
  check(zip_close(archive.get()) == 0);
  static_cast<void>(archive.release());
  file.commit();
}

}  // namespace nyala::saving
