#include <algorithm>
#include <cstring>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/hdf5/object.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>

namespace nyala::saving::hdf5 {
namespace detail {

namespace {

std::shared_ptr<FileState> map_file(const std::string& path, const Limits& limits) {
  const auto file = std::make_shared<MappedFile>(path);
  return std::make_shared<FileState>(MappedPart{file, file->bytes()}, path, limits);
}

std::shared_ptr<ObjectState> open_object(FileState& file,
                                         std::uint64_t address,
                                         const std::string& path) {
  std::shared_ptr<ObjectState>& object = file.objects[address];
  if (object == nullptr) {
    file.image.visit();
    file.count_read(kReadAround);
    auto fresh = std::make_shared<ObjectState>();
    fresh->file = &file;
    fresh->path = path;
    fresh->messages = read_header(file.image, address);
    object = std::move(fresh);
  }
  return object;
}

void load_links(ObjectState& object) {
  if (object.links) return;
  const Image& image = object.file->image;
  object.file->count_read(3 * kReadAround);  // a tree, a heap and a table
  std::vector<Link> links = read_links(image, object.messages);
  for (std::size_t i = 0; i < links.size(); ++i) {
    // Such a name would stand for the group itself, or for another one.
    if (links[i].name.empty() || links[i].name.find('/') != std::string::npos)
      image.fail("group", "has a member of the name " + quote_text(links[i].name));
    if (!object.by_name.emplace(links[i].name, i).second) {
      object.by_name.clear();
      throw FormatError(image.who() + ": HDF5: " + quote_text(object.path) + " has " +
                        quote_text(links[i].name) + " twice");
    }
  }
  object.links = std::move(links);
}

const std::vector<AttributeRecord>& attributes_of(ObjectState& object) {
  if (!object.attributes) object.attributes = read_attributes(object.file->image, object.messages);
  return *object.attributes;
}

const AttributeRecord* find_attribute(ObjectState& object, const std::string& name) {
  for (const AttributeRecord& record : attributes_of(object)) {
    if (record.name == name) return &record;
  }
  return nullptr;
}

Value attribute_value(ObjectState& object, const std::string& name) {
  const Image& image = object.file->image;
  const AttributeRecord* record = find_attribute(object, name);
  if (record == nullptr)
    throw FormatError(image.who() + ": HDF5: " + quote_text(object.path) + " has no attribute " +
                      quote_text(name));
  return read_attribute_value(image, *record);
}

std::vector<std::string> attribute_texts(ObjectState& object, const std::string& name) {
  const Image& image = object.file->image;
  const Value value = attribute_value(object, name);
  // An empty list of strings is written as one of floats.
  if (value.space.count(image) == 0) return {};
  if (!value.type.is_string())
    throw UnsupportedError(image.who() + ": HDF5: attribute " + quote_text(name) + " of " +
                           quote_text(object.path) + " is no string");
  return read_texts(image, value, value.bytes);
}

Tensor decode_value(const Image& image, const Value& value, std::span<const std::byte> bytes) {
  if (value.type.is_string()) throw UnsupportedError(image.who() + ": HDF5: strings are no tensor");
  const std::uint64_t count = value.space.count(image);
  Spec spec = value.spec();
  if (value.space.null) spec.shape = {0};
  Tensor tensor = Tensor::empty(spec.shape, spec.dtype);
  decode(image, value.type, bytes, count, tensor.mutable_data());
  return tensor;
}

void copy_in_parts(FileState& file, std::span<const std::byte> bytes, Tensor& to) {
  if (bytes.size() != to.nbytes())
    throw ShapeError("HDF5: " + std::to_string(bytes.size()) + " bytes were to be read into " +
                     std::to_string(to.nbytes()));
  auto* at = static_cast<std::byte*>(to.mutable_data());
  while (!bytes.empty()) {
    const auto part = bytes.first(std::min<std::uint64_t>(bytes.size(), kPagesKept));
    at = std::copy(part.begin(), part.end(), at);
    file.count_read(part.size());
    bytes = bytes.subspan(part.size());
  }
}

// Says of which object a message is.
template <class F>
auto at_object(const ObjectState& object, F&& f) {
  const auto text = [&](const Error& error) {
    return std::string(error.what()) + " (" + quote_text(object.path) + ")";
  };
  try {
    return f();
  } catch (const FormatError& error) {
    throw FormatError(text(error));
  } catch (const UnsupportedError& error) {
    throw UnsupportedError(text(error));
  } catch (const LimitError& error) {
    throw LimitError(text(error));
  }
}

}  // namespace
}  // namespace detail

using namespace detail;

const std::string& Object::path() const { return state_->path; }

bool Object::is_dataset() const {
  return std::any_of(state_->messages.begin(), state_->messages.end(), [](const Message& message) {
    return message.kind == MessageKind::layout;
  });
}

std::vector<std::string> Object::names() const {
  at_object(*state_, [&] { load_links(*state_); });
  std::vector<std::string> names;
  for (const Link& link : *state_->links) names.push_back(link.name);
  return names;
}

bool Object::contains(const std::string& path) const { return find(path).has_value(); }

std::optional<Object> Object::find(const std::string& path) const {
  Object object = *this;
  std::size_t at = 0;
  while (at < path.size()) {
    const std::size_t end = std::min(path.find('/', at), path.size());
    const std::string name = path.substr(at, end - at);
    at = end + 1;
    if (name.empty()) continue;
    ObjectState& state = *object.state_;
    const Image& image = state.file->image;
    image.visit();
    at_object(state, [&] { load_links(state); });
    const auto found = state.by_name.find(name);
    if (found == state.by_name.end()) return std::nullopt;
    const Link& link = (*state.links)[found->second];
    const std::string below = (state.path == "/" ? "" : state.path) + "/" + name;
    if (!link.hard)
      throw UnsupportedError(image.who() + ": HDF5: " + quote_text(below) +
                             " is a soft or an external link, which is not followed");
    if (std::count(below.begin(), below.end(), '/') > image.limits().hdf5_depth)
      throw LimitError(image.who() + ": HDF5: groups nest deeper than " +
                       std::to_string(image.limits().hdf5_depth));
    object =
        Object(at_object(state, [&] { return open_object(*state.file, link.address, below); }));
    // An object with several names is asked for by this one.
    if (object.state_->path != below) {
      auto copy = std::make_shared<ObjectState>(*object.state_);
      copy->path = below;
      object = Object(std::move(copy));
    }
  }
  return object;
}

Object Object::at(const std::string& path) const {
  auto object = find(path);
  if (!object)
    throw FormatError(state_->file->image.who() + ": HDF5: there is no " +
                      quote_text((state_->path == "/" ? "" : state_->path) + "/" + path));
  return *object;
}

Spec Object::spec() const {
  return at_object(*state_, [&] {
    const Value value = read_dataset_value(state_->file->image, state_->messages);
    value.space.count(state_->file->image);
    return value.spec();
  });
}

bool Object::holds_strings() const {
  return at_object(*state_, [&] {
    return read_dataset_value(state_->file->image, state_->messages).type.is_string();
  });
}

Tensor Object::read() const {
  return at_object(*state_, [&] {
    const Image& image = state_->file->image;
    const Value value = read_dataset_value(image, state_->messages);
    std::vector<std::byte> own;
    const auto bytes = read_dataset_bytes(image, state_->messages, value, own);
    Tensor tensor = decode_value(image, value, bytes);
    state_->file->count_read(bytes.size());
    return tensor;
  });
}

void Object::read_into(Tensor& to) const {
  const auto elements = bytes();
  if (!elements || spec() != to.spec()) throw StateError("HDF5: read_into needs another tensor");
  copy_in_parts(*state_->file, *elements, to);
}

std::vector<std::string> Object::read_strings() const {
  return at_object(*state_, [&] {
    const Image& image = state_->file->image;
    const Value value = read_dataset_value(image, state_->messages);
    if (!value.type.is_string()) throw UnsupportedError(image.who() + ": HDF5: is no string");
    std::vector<std::byte> own;
    return read_texts(image, value, read_dataset_bytes(image, state_->messages, value, own));
  });
}

std::optional<std::span<const std::byte>> Object::bytes() const {
  return at_object(*state_, [&]() -> std::optional<std::span<const std::byte>> {
    const Image& image = state_->file->image;
    const Value value = read_dataset_value(image, state_->messages);
    const Layout layout = read_dataset_layout(image, state_->messages);
    if (value.type.is_string() || !value.type.is_native() ||
        layout.kind != Layout::Kind::contiguous || layout.address == kUndefined)
      return std::nullopt;
    std::vector<std::byte> own;
    return read_dataset_bytes(image, state_->messages, value, own);
  });
}

std::vector<std::string> Object::attribute_names() const {
  std::vector<std::string> names;
  at_object(*state_, [&] {
    for (const AttributeRecord& record : attributes_of(*state_)) names.push_back(record.name);
  });
  return names;
}

bool Object::has_attribute(const std::string& name) const {
  return at_object(*state_, [&] { return find_attribute(*state_, name) != nullptr; });
}

std::string Object::text_attribute(const std::string& name) const {
  return at_object(*state_, [&] {
    std::vector<std::string> texts = attribute_texts(*state_, name);
    if (texts.size() != 1)
      throw UnsupportedError(state_->file->image.who() + ": HDF5: attribute " + quote_text(name) +
                             " is not one string");
    return texts[0];
  });
}

std::vector<std::string> Object::texts_attribute(const std::string& name) const {
  return at_object(*state_, [&] { return attribute_texts(*state_, name); });
}

Tensor Object::attribute(const std::string& name) const {
  return at_object(*state_, [&] {
    const Value value = attribute_value(*state_, name);
    return decode_value(state_->file->image, value, value.bytes);
  });
}

File::File(const std::string& path, const Limits& limits) : state_(map_file(path, limits)) {
  state_->root = read_superblock(state_->image, state_->bytes);
}

File::File(std::vector<std::byte> bytes, std::string who, const Limits& limits)
    : state_(std::make_shared<FileState>(std::move(bytes), std::move(who), limits)) {
  state_->root = read_superblock(state_->image, state_->bytes);
}

File::File(const MappedPart& part, std::string who, const Limits& limits)
    : state_(std::make_shared<FileState>(part, std::move(who), limits)) {
  state_->root = read_superblock(state_->image, state_->bytes);
}

Object File::root() const { return Object(open_object(*state_, state_->root, "/")); }

bool is_hdf5(std::span<const std::byte> bytes) {
  constexpr std::string_view kSignature("\x89HDF\r\n\x1a\n", 8);
  for (std::size_t at = 0; at + kSignature.size() <= bytes.size(); at = at == 0 ? 512 : 2 * at) {
    if (std::memcmp(bytes.data() + at, kSignature.data(), kSignature.size()) == 0) return true;
  }
  return false;
}

}  // namespace nyala::saving::hdf5
