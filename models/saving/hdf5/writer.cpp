#include <nyala/models/saving/hdf5/writer.hpp>

#include <algorithm>
#include <map>
#include <optional>
#include <variant>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/bytes.hpp>
#include <nyala/models/saving/hdf5/cursor.hpp>
#include <nyala/models/saving/hdf5/encode.hpp>

namespace nyala::saving::hdf5 {

struct Writer::Node {
  using Value = std::variant<std::string, std::vector<std::string>, Tensor>;
  std::map<std::string, Node> members = {};  // sorted as bytes, as symbol tables are
  std::optional<Tensor> tensor = {};
  std::map<std::string, Value> attributes = {};
};

namespace {

constexpr std::size_t kLeafEntries = 8;   // twice the leaf k of the superblock
constexpr std::size_t kTreeEntries = 32;  // twice its internal k
constexpr std::size_t kMostAttribute = 64512;
constexpr std::uint64_t kSuperblock = 96;

std::uint64_t rounded(std::uint64_t size) { return (size + 7) / 8 * 8; }

Bytes elements_of(const Tensor& tensor) {
  const auto* from = static_cast<const std::byte*>(tensor.data());
  return {from, from + tensor.nbytes()};
}

std::size_t width_of(const std::vector<std::string>& texts) {
  std::size_t width = 1;
  for (const std::string& text : texts) width = std::max(width, text.size());
  return width;
}

Bytes superblock(std::uint64_t root, std::uint64_t end) {
  Bytes block;
  put_text(block, std::string_view("\x89HDF\r\n\x1a\n", 8));
  put(block, 0, 5);
  put(block, 8, 1);  // bytes of an address
  put(block, 8, 1);  // and of a length
  put(block, 0, 1);
  put(block, kLeafEntries / 2, 2);
  put(block, kTreeEntries / 2, 2);
  put(block, 0, 4);
  put(block, 0, 8);
  put(block, kUndefined, 8);
  put(block, end, 8);
  put(block, kUndefined, 8);
  put(block, 0, 8);
  put(block, root, 8);
  block.resize(kSuperblock);
  return block;
}

// Lays the metadata out from the leaves to the root, then the elements behind it.
class Builder {
 public:
  Pieces build(const Writer::Node& root) {
    image_.resize(kSuperblock);
    const std::uint64_t address = write(root);
    write_texts();
    pad(image_);
    std::uint64_t end = image_.size();
    for (const Elements& elements : elements_) {
      patch(image_, elements.field, end);
      end += rounded(elements.tensor.nbytes());
    }
    const Bytes block = superblock(address, end);
    std::copy(block.begin(), block.end(), image_.begin());
    Pieces pieces(std::move(image_));
    for (const Elements& elements : elements_) {
      static constexpr std::byte kZeros[8] = {};
      pieces.add(elements.tensor);
      const std::uint64_t bytes = elements.tensor.nbytes();
      pieces.add(std::span(kZeros).first(rounded(bytes) - bytes));
    }
    return pieces;
  }

 private:
  // Elements by the field of their address in the image.
  struct Elements {
    std::uint64_t field;
    Tensor tensor;
  };
  // A text by its reference, in a header that is being made or in the image.
  struct Text {
    std::uint64_t field;
    const std::string* text;
  };
  struct Child {
    std::uint64_t address;
    std::uint64_t last_name;  // where in the heap
  };

  std::uint64_t place(const Bytes& bytes) {
    pad(image_);
    const std::uint64_t at = image_.size();
    append(image_, bytes);
    return at;
  }

  std::uint64_t write(const Writer::Node& node) {
    Messages messages;
    std::optional<std::uint64_t> layout;
    if (node.tensor) {
      const Tensor& tensor = *node.tensor;
      messages.add(MessageKind::dataspace, dataspace(tensor.shape()));
      messages.add(MessageKind::datatype, datatype(tensor.dtype()));
      messages.add(MessageKind::fill_value, fill_value());
      layout = messages.add(MessageKind::layout, contiguous_layout(tensor.nbytes()));
    } else {
      messages.add(MessageKind::symbol_table, write_members(node));
    }
    std::vector<Text> texts;
    for (const auto& [name, value] : node.attributes) add_attribute(name, value, messages, texts);
    const std::uint64_t at = place(messages.header());
    if (node.tensor && node.tensor->nbytes() > 0)
      elements_.push_back({at + *layout + kAddressInLayout, *node.tensor});
    for (const Text& text : texts) texts_.push_back({at + text.field, text.text});
    return at;
  }

  static void add_attribute(const std::string& name,
                            const Writer::Node::Value& value,
                            Messages& messages,
                            std::vector<Text>& texts) {
    Bytes data;
    if (const auto* text = std::get_if<std::string>(&value)) {
      data = attribute_head(name, variable_string_type(), dataspace({}));
      const std::uint64_t reference = data.size() + 4;
      put(data, text->size(), 4);
      put(data, 0, 12);
      texts.push_back({messages.add(MessageKind::attribute, std::move(data)) + reference, text});
      return;
    }
    if (const auto* tensor = std::get_if<Tensor>(&value)) {
      data = attribute_head(name, datatype(tensor->dtype()), dataspace(tensor->shape()));
      append(data, elements_of(*tensor));
    } else {
      const auto& list = std::get<std::vector<std::string>>(value);
      const std::size_t width = width_of(list);
      const auto count = static_cast<std::int64_t>(list.size());
      const Bytes type = list.empty() ? datatype(DType::float64) : fixed_string_type(width);
      data = attribute_head(name, type, dataspace(std::span(&count, 1)));
      for (const std::string& item : list) {
        const std::size_t end = data.size() + width;
        put_text(data, item);
        data.resize(end);
      }
    }
    messages.add(MessageKind::attribute, std::move(data));
  }

  // The texts of attributes, in collections of the global heap: 65535 of them at most in each.
  void write_texts() {
    constexpr std::size_t kMost = 60000;
    for (std::size_t first = 0; first < texts_.size(); first += kMost) {
      const std::size_t count = std::min(kMost, texts_.size() - first);
      const std::span<const Text> texts = std::span(texts_).subspan(first, count);
      const std::uint64_t at = place(collection(texts));
      for (std::size_t i = 0; i < count; ++i) {
        patch(image_, texts[i].field, at);
        for (std::size_t k = 0; k < 4; ++k)
          image_[texts[i].field + 8 + k] = static_cast<std::byte>((i + 1) >> (8 * k) & 0xff);
      }
    }
  }

  static Bytes collection(std::span<const Text> texts) {
    Bytes heap;
    put_text(heap, "GCOL");
    put(heap, 1, 4);
    put(heap, 0, 8);  // its size, below
    for (std::size_t i = 0; i < texts.size(); ++i) {
      put(heap, i + 1, 2);
      put(heap, 1, 2);
      put(heap, 0, 4);
      put(heap, texts[i].text->size(), 8);
      put_text(heap, *texts[i].text);
      pad(heap);
    }
    constexpr std::size_t kLeast = 4096;
    const std::size_t size = std::max(kLeast, heap.size() + 16);
    const std::size_t rest = size - heap.size();
    put(heap, 0, 8);  // the object of free space
    put(heap, rest, 8);
    heap.resize(size);
    patch(heap, 8, size);
    return heap;
  }

  // A symbol table: the names in a local heap, the members in leaves, a B-tree over these.
  Bytes write_members(const Writer::Node& node) {
    Bytes names(8);
    std::vector<Child> children;
    for (const auto& [name, member] : node.members) {
      children.push_back({write(member), names.size()});
      put_text(names, name);
      put(names, 0, 1);
      pad(names);
    }
    std::vector<Child> leaves;
    for (std::size_t first = 0; first < children.size(); first += kLeafEntries)
      leaves.push_back(write_leaf(children, first));
    const std::uint64_t tree = write_tree(std::move(leaves));
    const std::uint64_t data = place(names);
    Bytes heap;
    put_text(heap, "HEAP");
    put(heap, 0, 4);
    put(heap, names.size(), 8);
    put(heap, 1, 8);  // nothing is free
    put(heap, data, 8);
    Bytes table;
    put(table, tree, 8);
    put(table, place(heap), 8);
    return table;
  }

  Child write_leaf(const std::vector<Child>& children, std::size_t first) {
    const std::size_t last = std::min(children.size(), first + kLeafEntries);
    Bytes leaf;
    put_text(leaf, "SNOD");
    put(leaf, 1, 2);
    put(leaf, last - first, 2);
    for (std::size_t i = first; i < last; ++i) {
      put(leaf, children[i].last_name, 8);
      put(leaf, children[i].address, 8);
      leaf.resize(leaf.size() + 24);
    }
    leaf.resize(8 + kLeafEntries * 40);
    return {place(leaf), children[last - 1].last_name};
  }

  // Levels of nodes until one is left.
  std::uint64_t write_tree(std::vector<Child> nodes) {
    for (std::uint64_t level = 0;; ++level) {
      std::vector<Child> parents;
      const std::size_t count =
          std::max<std::size_t>(1, (nodes.size() + kTreeEntries - 1) / kTreeEntries);
      pad(image_);
      const std::uint64_t start = image_.size();
      std::uint64_t before = 0;  // the last name of the node to the left
      for (std::size_t n = 0; n < count; ++n) {
        const std::size_t first = n * kTreeEntries;
        const std::size_t size = std::min(nodes.size() - first, kTreeEntries);
        const auto members = std::span(nodes).subspan(first, size);
        const Bytes node = tree_node(members, level, n, count, start, before);
        if (!members.empty()) before = members.back().last_name;
        parents.push_back({place(node), before});
      }
      if (count == 1) return parents[0].address;
      nodes = std::move(parents);
    }
  }

  // Node `n` of `count` that stand side by side from `start` on.
  static Bytes tree_node(std::span<const Child> members,
                         std::uint64_t level,
                         std::size_t n,
                         std::size_t count,
                         std::uint64_t start,
                         std::uint64_t before) {
    constexpr std::size_t kSize = 24 + 8 * (2 * kTreeEntries + 1);
    Bytes node;
    put_text(node, "TREE");
    put(node, 0, 1);
    put(node, level, 1);
    put(node, members.size(), 2);
    put(node, n == 0 ? kUndefined : start + (n - 1) * kSize, 8);
    put(node, n + 1 == count ? kUndefined : start + (n + 1) * kSize, 8);
    put(node, before, 8);
    for (const Child& child : members) {
      put(node, child.address, 8);
      put(node, child.last_name, 8);
    }
    node.resize(kSize);
    return node;
  }

  Bytes image_;
  std::vector<Elements> elements_;
  std::vector<Text> texts_;
};

}  // namespace

Writer::Writer() : root_(std::make_unique<Node>()) {}
Writer::~Writer() = default;

Writer::Node& Writer::node(const std::string& path) {
  if (path.find('\0') != std::string::npos)
    throw ValueError("HDF5: a name must not hold a zero byte, received " + quote_text(path));
  Node* at = root_.get();
  std::size_t from = 0;
  while (from < path.size()) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    if (at->tensor) throw ValueError("HDF5: " + quote_text(path) + " stands below a dataset");
    if (end > from) at = &at->members[path.substr(from, end - from)];
    from = end + 1;
  }
  return *at;
}

void Writer::add_group(const std::string& path) {
  if (node(path).tensor) throw ValueError("HDF5: " + quote_text(path) + " is a dataset already");
}

void Writer::add(const std::string& path, const Tensor& tensor) {
  Node& target = node(path);
  if (target.tensor || !target.members.empty() || &target == root_.get())
    throw ValueError("HDF5: " + quote_text(path) + " is there already");
  target.tensor = tensor.contiguous();
  // Keras reads the opaque bytes by this.
  if (tensor.dtype() == DType::bfloat16) set_attribute(path, "dtype", std::string("bfloat16"));
}

void Writer::set_attribute(const std::string& path,
                           const std::string& name,
                           const std::string& text) {
  node(path).attributes[name] = text;
}

void Writer::set_attribute(const std::string& path, const std::string& name, const Tensor& value) {
  if (value.nbytes() > kMostAttribute)
    throw LimitError("HDF5: attribute " + quote_text(name) + " has " +
                     std::to_string(value.nbytes()) + " bytes");
  node(path).attributes[name] = value.contiguous();
}

void Writer::set_attribute(const std::string& path,
                           const std::string& name,
                           const std::vector<std::string>& texts) {
  const std::size_t width = width_of(texts);
  if (width > kMostAttribute)
    throw LimitError("HDF5: attribute " + quote_text(name) + " has a text of " +
                     std::to_string(width) + " bytes");
  // numpy.array_split: the first parts are longer by one.
  std::size_t parts = 1;
  while ((texts.size() + parts - 1) / parts * width > kMostAttribute) ++parts;
  auto at = texts.begin();
  for (std::size_t part = 0; part < parts; ++part) {
    const std::size_t count = texts.size() / parts + (part < texts.size() % parts ? 1 : 0);
    const auto end = at + static_cast<std::ptrdiff_t>(count);
    node(path).attributes[parts == 1 ? name : name + std::to_string(part)] =
        std::vector<std::string>(at, end);
    at = end;
  }
}

Pieces Writer::pieces() const { return Builder().build(*root_); }

}  // namespace nyala::saving::hdf5
