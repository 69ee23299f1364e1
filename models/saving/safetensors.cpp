#include <nyala/models/saving/safetensors.hpp>

#include <algorithm>
#include <set>

#include <nyala/core/error.hpp>
#include <nyala/core/fields.hpp>
#include <nyala/core/memory.hpp>
#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/file.hpp>
#include <nyala/models/saving/json_text.hpp>
#include <nyala/models/saving/stored_tensor.hpp>

namespace nyala::saving {
namespace {

constexpr const char* kMetadata = "__metadata__";
// The format's own limit of the header.
constexpr std::uint64_t kMostHeader = 100'000'000;

struct NamedType {
  const char* name;
  DType dtype;
};

constexpr NamedType kTypes[] = {{"BOOL", DType::bool_},
                                {"U8", DType::uint8},
                                {"I8", DType::int8},
                                {"U16", DType::uint16},
                                {"I16", DType::int16},
                                {"U32", DType::uint32},
                                {"I32", DType::int32},
                                {"U64", DType::uint64},
                                {"I64", DType::int64},
                                {"F16", DType::float16},
                                {"BF16", DType::bfloat16},
                                {"F32", DType::float32},
                                {"F64", DType::float64}};

const char* type_name(DType dtype) {
  const auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const NamedType& known) {
    return known.dtype == dtype;
  });
  return type->name;  // each dtype has a name
}

struct Entry {
  std::string name;
  Spec spec;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

std::uint64_t unsigned_of(const Config& value, const std::string& who) {
  if (!value.is_int() || value.as_int() < 0)
    throw FormatError(who + " has " + value.str().substr(0, 80) + " where a size was expected");
  return static_cast<std::uint64_t>(value.as_int());
}

const Config& list_of(const Config& record, const char* key, const std::string& who) {
  const Config* list = record.find(key);
  if (list == nullptr || !list->is_list()) throw FormatError(who + " has no list \"" + key + "\"");
  return *list;
}

Entry read_entry(const std::string& name,
                 const Config& record,
                 const std::string& path,
                 const Limits& limits) {
  const std::string who = path + ": tensor " + quote_text(name);
  if (name.empty() || name.size() > limits.name_bytes)
    throw LimitError(who + ": a name has 1 to " + std::to_string(limits.name_bytes) + " bytes");
  const Config* dtype = record.is_dict() ? record.find("dtype") : nullptr;
  if (dtype == nullptr || !dtype->is_string()) throw FormatError(who + " has no dtype");
  const auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const NamedType& known) {
    return dtype->as_string() == known.name;
  });
  if (type == std::end(kTypes))
    throw UnsupportedError(who + " has dtype " + quote_text(dtype->as_string()) +
                           ", which is not read");
  Entry entry{name, {{}, type->dtype}};
  std::uint64_t bytes = size_of(type->dtype);
  std::vector<std::int64_t> sizes;
  for (const Config& size : list_of(record, "shape", who).as_list()) {
    bytes = checked_mul(bytes, unsigned_of(size, who), who);
    sizes.push_back(size.as_int());
  }
  if (sizes.size() > static_cast<std::size_t>(limits.rank))
    throw LimitError(who + " has rank " + std::to_string(sizes.size()));
  entry.spec.shape = Shape(sizes);
  const Config& offsets = list_of(record, "data_offsets", who);
  if (offsets.size() != 2) throw FormatError(who + " has no two data_offsets");
  entry.begin = unsigned_of(offsets.as_list()[0], who);
  entry.end = unsigned_of(offsets.as_list()[1], who);
  if (entry.end < entry.begin || entry.end - entry.begin != bytes)
    throw FormatError(who + " takes " + std::to_string(bytes) + " bytes, its data_offsets " +
                      offsets.str());
  return entry;
}

std::vector<Entry> read_header(ByteSource& source, const std::string& path, const Limits& limits) {
  const std::uint64_t size = read_little_endian(source, 8);
  if (size > kMostHeader || size > source.remaining())
    throw FormatError(path + ": claims a header of " + std::to_string(size) + " bytes, there are " +
                      std::to_string(source.remaining()) + " (at most " +
                      std::to_string(kMostHeader) + " are read)");
  std::string text(size, '\0');
  source.read(text.data(), size);
  Limits of_header = limits;
  of_header.json_bytes = kMostHeader;
  const Config config = naming(path, [&] { return parse_json(text, of_header); });
  if (!config.is_dict()) throw FormatError(path + ": the header is no dict");
  std::vector<Entry> entries;
  for (const auto& [name, record] : config.as_dict()) {
    if (name != kMetadata) entries.push_back(read_entry(name, record, path, limits));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t at = 0;
  for (const Entry& entry : entries) {
    if (entry.begin != at)
      throw FormatError(path + ": tensor " + quote_text(entry.name) + " begins at " +
                        std::to_string(entry.begin) + ", the one before ends at " +
                        std::to_string(at));
    at = entry.end;
  }
  if (at != source.remaining())
    throw FormatError(path + ": the tensors take " + std::to_string(at) + " bytes, there are " +
                      std::to_string(source.remaining()));
  return entries;
}

}  // namespace

NamedTensors load_safetensors(const std::string& path, const Limits& limits) {
  NamedTensors tensors;
  for (auto& [name, stored] : stored_safetensors(path, limits))
    tensors.emplace_back(std::move(name), stored.read());
  return tensors;
}

NamedStored stored_safetensors(const std::string& path, const Limits& limits) {
  const auto file = std::make_shared<MappedFile>(path);
  MemorySource source(file->bytes(), path);
  const nyala::detail::MemoryBudget budget(checked_add(limits.memory, source.remaining(), path));
  NamedStored tensors;
  for (Entry& entry : read_header(source, path, limits)) {
    const auto elements =
        file->bytes().last(source.remaining()).subspan(entry.begin, entry.end - entry.begin);
    tensors.emplace_back(std::move(entry.name), stored_part(entry.spec, {file, elements}));
  }
  return tensors;
}

void save_safetensors(const std::string& path, const NamedTensors& tensors) {
  // Wide elements first: all of them are aligned then.
  std::vector<const NamedTensors::value_type*> order;
  std::set<std::string> names;
  for (const auto& entry : tensors) {
    const std::string who = path + ": " + quote_text(entry.first);
    if (!entry.second.defined()) throw ValueError(who + " is no tensor");
    if (entry.first.empty() || entry.first == kMetadata || !names.insert(entry.first).second)
      throw ValueError(who + " is no name of its own");
    order.push_back(&entry);
  }
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return size_of(a->second.dtype()) > size_of(b->second.dtype());
  });
  Config header = Config::dict();
  std::int64_t at = 0;
  for (const auto* entry : order) {
    Config record = Config::dict();
    record["dtype"] = type_name(entry->second.dtype());
    record["shape"] = ConfigCodec<Shape>::to(entry->second.shape());
    Config offsets = Config::list();
    offsets.push_back(at);
    at += static_cast<std::int64_t>(entry->second.nbytes());
    offsets.push_back(at);
    record["data_offsets"] = offsets;
    header[entry->first] = std::move(record);
  }
  std::string text = to_json_text(header);
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMostHeader)
    throw LimitError(path + ": the names and shapes take " + std::to_string(text.size()) +
                     " bytes, at most " + std::to_string(kMostHeader) + " fit");
  std::vector<std::byte> head;
  for (int i = 0; i < 8; ++i) head.push_back(static_cast<std::byte>(text.size() >> (8 * i) & 0xff));
  const auto bytes = std::as_bytes(std::span(text));
  head.insert(head.end(), bytes.begin(), bytes.end());
  Pieces pieces(std::move(head));
  for (const auto* entry : order) pieces.add(entry->second);
  write_pieces(path, pieces);
}

}  // namespace nyala::saving
