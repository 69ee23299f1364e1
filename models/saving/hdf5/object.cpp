// Links and attributes: in headers, in symbol tables, in fractal heaps.
#include <array>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/hdf5/btree.hpp>
#include <nyala/models/saving/hdf5/heap.hpp>
#include <nyala/models/saving/hdf5/object.hpp>

namespace nyala::saving::hdf5::detail {
namespace {

std::string read_name(Cursor& cursor, std::uint64_t length) {
  if (length > cursor.image().limits().name_bytes)
    throw LimitError(cursor.image().who() + ": HDF5: a name has " + std::to_string(length) +
                     " bytes");
  const auto bytes = cursor.bytes(length);
  std::string name(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return name.substr(0, name.find('\0'));
}

Link read_link(Cursor cursor) {
  cursor.expect_version(1);
  const int flags = cursor.byte();
  const int type = (flags & 8) != 0 ? cursor.byte() : 0;
  if ((flags & 4) != 0) cursor.skip(8);
  if ((flags & 16) != 0) cursor.skip(1);
  Link link;
  link.name = read_name(cursor, cursor.number(1 << (flags & 3)));
  link.hard = type == 0;
  if (link.hard) link.address = cursor.address();
  return link;
}

void read_symbol_node(const Image& image,
                      const LocalHeap& heap,
                      std::uint64_t address,
                      std::vector<Link>& links) {
  constexpr std::string_view kWhat = "symbol table node";
  Cursor head(image, address, 8, kWhat);
  head.expect("SNOD");
  head.expect_version(1);
  head.skip(1);
  const std::uint64_t count = head.number(2);
  const auto offset = static_cast<std::uint64_t>(image.offset_size);
  Cursor cursor(image, address, 8 + count * (2 * offset + 24), kWhat);
  cursor.skip(8);
  for (std::uint64_t i = 0; i < count; ++i) {
    image.visit();
    Link link;
    link.name = heap.text(cursor.address());
    link.address = cursor.address();
    link.hard = cursor.number(4) != 2;
    cursor.skip(20);
    links.push_back(std::move(link));
  }
}

void read_symbol_table(const Image& image, const Message& message, std::vector<Link>& links) {
  Cursor cursor(image, message.bytes, "symbol table message");
  const std::uint64_t tree = cursor.address();
  const LocalHeap heap(image, cursor.address());
  const auto key_size = static_cast<std::uint64_t>(image.length_size);
  for_each_child(image, tree, 0, key_size, [&](Cursor, std::uint64_t child) {
    read_symbol_node(image, heap, child, links);
  });
}

// Where many links or attributes are: a fractal heap, and the tree that lists what is in it.
struct Dense {
  std::uint64_t heap = kUndefined;
  std::uint64_t names = kUndefined;
};

Dense read_dense(const Image& image, const Message& message, std::uint64_t index_size) {
  Cursor cursor(image, message.bytes, "message of many links or attributes");
  cursor.expect_version(0);
  if ((cursor.byte() & 1) != 0) cursor.skip(index_size);
  Dense dense;
  dense.heap = cursor.address();
  dense.names = cursor.address();
  return dense;
}

template <class F>
void for_each_dense(const Image& image, const Dense& dense, int type, std::uint64_t skip, F&& f) {
  if (dense.heap == kUndefined) return;
  const FractalHeap heap(image, dense.heap);
  const std::array<int, 1> types = {type};
  for_each_record(image, dense.names, types, [&](Cursor record, int) {
    record.skip(skip);
    f(heap.object(record.bytes(static_cast<std::uint64_t>(heap.id_length()))));
  });
}

AttributeRecord read_record(const Image& image, std::span<const std::byte> message) {
  Cursor cursor(image, message, "attribute");
  const int version = cursor.byte();
  if (version < 1 || version > 3) cursor.fail("has an unknown version");
  cursor.skip(1);
  const std::uint64_t length = cursor.number(2);
  cursor.skip(version == 3 ? 5 : 4);
  return {read_name(cursor, length), message};
}

}  // namespace

std::vector<Link> read_links(const Image& image, const std::vector<Message>& messages) {
  std::vector<Link> links;
  for (const Message& message : messages) {
    switch (message.kind) {
      case MessageKind::link:
        links.push_back(read_link(Cursor(image, message.bytes, "link message")));
        break;
      case MessageKind::symbol_table: read_symbol_table(image, message, links); break;
      case MessageKind::link_info:
        for_each_dense(image, read_dense(image, message, 8), 5, 4, [&](auto bytes) {
          links.push_back(read_link(Cursor(image, bytes, "link")));
        });
        break;
      default: break;
    }
  }
  return links;
}

std::vector<AttributeRecord> read_attributes(const Image& image,
                                             const std::vector<Message>& messages) {
  std::vector<AttributeRecord> records;
  for (const Message& message : messages) {
    if (message.kind == MessageKind::attribute) {
      if (message.shared)
        throw UnsupportedError(image.who() + ": HDF5: a shared attribute is not read");
      records.push_back(read_record(image, message.bytes));
    } else if (message.kind == MessageKind::attribute_info) {
      for_each_dense(image, read_dense(image, message, 2), 8, 0, [&](auto bytes) {
        records.push_back(read_record(image, bytes));
      });
    }
  }
  return records;
}

Value read_attribute_value(const Image& image, const AttributeRecord& record) {
  Cursor cursor(image, record.message, "attribute");
  const int version = cursor.byte();
  const int shared = cursor.byte();
  if (version > 1 && (shared & 3) != 0)
    throw UnsupportedError(image.who() + ": HDF5: an attribute with a shared type is not read");
  const std::uint64_t name_size = cursor.number(2);
  const std::uint64_t type_size = cursor.number(2);
  const std::uint64_t space_size = cursor.number(2);
  if (version == 3) cursor.skip(1);
  const auto part = [&](std::uint64_t size) {
    const auto bytes = cursor.bytes(size);
    if (version == 1) cursor.skip((8 - size % 8) % 8);
    return Cursor(image, bytes, "attribute");
  };
  part(name_size);
  Cursor type = part(type_size);
  Cursor space = part(space_size);
  Value value{read_datatype(type), read_dataspace(space), {}};
  std::uint64_t bytes = 0;
  if (__builtin_mul_overflow(value.space.count(image), value.type.size, &bytes))
    cursor.fail("is too large");
  value.bytes = cursor.bytes(bytes);
  return value;
}

std::vector<std::string> read_texts(const Image& image,
                                    const Value& value,
                                    std::span<const std::byte> bytes) {
  const std::uint64_t count = value.space.count(image);
  std::vector<std::string> texts;
  std::uint64_t total = 0;
  const auto add = [&](std::span<const std::byte> text) {
    total += text.size();
    // Each text stands in the file once: more than the file has is one text read again and again.
    if (total > image.size()) image.fail("string", "is read again and again");
    const std::string_view view(reinterpret_cast<const char*>(text.data()), text.size());
    texts.emplace_back(view.substr(0, view.find('\0')));
  };
  Cursor cursor(image, bytes, "string");
  for (std::uint64_t i = 0; i < count; ++i) {
    image.visit();
    if (value.type.kind == Datatype::Kind::fixed_string) {
      add(cursor.bytes(value.type.size));
      continue;
    }
    const std::uint64_t length = cursor.number(4);
    const std::uint64_t address = cursor.address();
    const std::uint64_t index = cursor.number(4);
    if (length == 0 || address == 0 || address == kUndefined) {
      texts.emplace_back();
      continue;
    }
    const auto object = global_object(image, address, index);
    if (object.size() < length) cursor.fail("is longer than its place in the heap");
    add(object.first(length));
  }
  return texts;
}

}  // namespace nyala::saving::hdf5::detail
