#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/npy.hpp>

namespace nyala::saving {

static_assert(std::endian::native == std::endian::little, "elements are read as they stand");

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kMostHeader = 65536;

struct Descr {
  std::string_view text;
  DType dtype;
};
// NumPy has no bfloat16: with ml_dtypes it writes its bytes without a meaning.
constexpr Descr kDescrs[] = {{"|b1", DType::bool_},
                             {"|u1", DType::uint8},
                             {"|i1", DType::int8},
                             {"<u2", DType::uint16},
                             {"<i2", DType::int16},
                             {"<u4", DType::uint32},
                             {"<i4", DType::int32},
                             {"<u8", DType::uint64},
                             {"<i8", DType::int64},
                             {"<f2", DType::float16},
                             {"|V2", DType::bfloat16},
                             {"<V2", DType::bfloat16},
                             {"<f4", DType::float32},
                             {"<f8", DType::float64}};

// The header is a Python dict of three known keys: {'descr': '<f4', 'fortran_order': False,
// 'shape': (2, 3), }.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& who, const Limits& limits)
      : rest_(text), who_(who), limits_(limits) {}

  NpyHeader parse() {
    expect('{');
    while (!accept('}')) {
      parse_item();
      if (accept(',')) continue;
      expect('}');
      break;
    }
    skip_space();
    if (!rest_.empty()) fail("text after the closing brace");
    if (!dtype_ || !order_ || !shape_) fail("a key of descr, fortran_order, shape is missing");
    return {{std::move(*shape_), *dtype_}, *order_};
  }

 private:
  void parse_item() {
    const std::string_view key = parse_string();
    expect(':');
    if (key == "descr") {
      set(dtype_, parse_dtype());
    } else if (key == "fortran_order") {
      set(order_, parse_bool());
    } else if (key == "shape") {
      set(shape_, parse_shape());
    } else {
      fail("the unknown key " + quote_text(key));
    }
  }

  template <class T>
  void set(std::optional<T>& member, T value) {
    if (member) fail("a key that is there twice");
    member = std::move(value);
  }

  DType parse_dtype() {
    skip_space();
    if (rest_.starts_with('[')) {
      throw UnsupportedError(who_ + ": has records of several fields, expected one plain dtype");
    }
    const std::string_view text = parse_string();
    for (const Descr& descr : kDescrs) {
      if (descr.text == text) return descr.dtype;
    }
    throw UnsupportedError(who_ + ": has dtype " + quote_text(text) +
                           ", expected a bool, an integer or a float, little-endian");
  }

  bool parse_bool() {
    skip_space();
    for (const bool value : {true, false}) {
      const std::string_view word = value ? "True" : "False";
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(word.size());
        return value;
      }
    }
    fail("a fortran_order that is neither True nor False");
  }

  Shape parse_shape() {
    Shape shape;
    expect('(');
    while (!accept(')')) {
      if (shape.rank() == limits_.rank) {
        throw LimitError(who_ + ": has more than " + std::to_string(limits_.rank) + " axes");
      }
      shape.push_back(parse_size());
      if (accept(',')) continue;
      expect(')');
      break;
    }
    return shape;
  }

  std::int64_t parse_size() {
    skip_space();
    std::uint64_t size = 0;
    std::size_t digits = 0;
    while (digits < rest_.size() && rest_[digits] >= '0' && rest_[digits] <= '9') {
      const auto digit = static_cast<std::uint64_t>(rest_[digits] - '0');
      size = checked_add(checked_mul(size, 10, who_), digit, who_);
      ++digits;
    }
    if (digits == 0) fail("a size that is no number");
    if (size > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      fail("a size that does not fit 64 bits");
    }
    rest_.remove_prefix(digits);
    return static_cast<std::int64_t>(size);
  }

  std::string_view parse_string() {
    skip_space();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    if (quote != '\'' && quote != '"') fail("no string where one is expected");
    const std::size_t end = rest_.find(quote, 1);
    if (end == std::string_view::npos) fail("a string without an end");
    const std::string_view text = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return text;
  }

  void skip_space() {
    const std::size_t end = rest_.find_first_not_of(" \t\r\n");
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end);
  }

  bool accept(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }

  void expect(char c) {
    if (!accept(c)) fail(std::string("no '") + c + "' where one is expected");
  }

  [[noreturn]] void fail(const std::string& found) const {
    throw FormatError(who_ + ": has a broken npy header: " + found);
  }

  std::string_view rest_;
  const std::string& who_;
  const Limits& limits_;
  std::optional<DType> dtype_;
  std::optional<bool> order_;
  std::optional<Shape> shape_;
};

// Bytes of all elements. An axis of size 0 counts as 1 for the check: the strides of an array
// without elements must fit too.
std::uint64_t checked_bytes(const Spec& spec, const std::string& who) {
  std::uint64_t bytes = size_of(spec.dtype);
  bool empty = false;
  for (const std::int64_t size : spec.shape) {
    empty = empty || size == 0;
    bytes = checked_mul(bytes, static_cast<std::uint64_t>(size == 0 ? 1 : size), who);
  }
  if (bytes > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    throw FormatError(who + ": shape " + spec.shape.str() + " has more elements than can be");
  }
  return empty ? 0 : bytes;
}

// A byte other than 0 and 1 is no bool to C++.
void tidy_bools(Tensor& tensor) {
  auto* bytes = static_cast<unsigned char*>(tensor.mutable_data());
  for (std::size_t i = 0; i < tensor.nbytes(); ++i) bytes[i] = bytes[i] != 0 ? 1 : 0;
}

// Fortran order is the row-major order of the transposed array.
Tensor from_fortran(const Tensor& transposed, const Shape& shape) {
  Shape strides = shape;
  std::int64_t stride = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    strides[axis] = stride;
    stride *= shape[axis];
  }
  return Tensor::strided(transposed, shape, strides, 0).contiguous();
}

}  // namespace

NpyHeader read_npy_header(ByteSource& source, const Limits& limits) {
  char magic[6] = {};
  if (source.remaining() >= sizeof(magic)) source.read(magic, sizeof(magic));
  if (std::string_view(magic, sizeof(magic)) != kMagic) {
    throw FormatError(source.who() + ": is not an npy array");
  }
  const std::uint64_t version = read_little_endian(source, 1);
  const std::uint64_t minor = read_little_endian(source, 1);
  if (version < 1 || version > 3 || minor != 0) {
    throw UnsupportedError(source.who() + ": is npy version " + std::to_string(version) + "." +
                           std::to_string(minor) + ", expected 1.0, 2.0 or 3.0");
  }
  const std::uint64_t length = read_little_endian(source, version == 1 ? 2 : 4);
  if (length > kMostHeader) {
    throw LimitError(source.who() + ": has an npy header of " + std::to_string(length) + " bytes");
  }
  std::string text(length, '\0');
  source.read(text.data(), length);
  return HeaderParser(text, source.who(), limits).parse();
}

namespace {

// The header, if as many bytes follow it as it says.
NpyHeader read_checked_header(ByteSource& source, const Limits& limits) {
  NpyHeader header = read_npy_header(source, limits);
  const std::uint64_t bytes = checked_bytes(header.spec, source.who());
  if (bytes != source.remaining()) {
    throw FormatError(source.who() + ": shape " + header.spec.shape.str() + " takes " +
                      std::to_string(bytes) + " bytes, " + std::to_string(source.remaining()) +
                      " are there");
  }
  return header;
}

}  // namespace

Tensor read_npy(ByteSource& source, const Limits& limits) {
  const NpyHeader header = read_checked_header(source, limits);
  Tensor tensor = Tensor::empty(header.spec.shape, header.spec.dtype);
  source.read(tensor.mutable_data(), tensor.nbytes());
  if (header.spec.dtype == DType::bool_) tidy_bools(tensor);
  return header.fortran_order ? from_fortran(tensor, header.spec.shape) : tensor;
}

StoredTensor stored_npy(const MappedPart& part, const std::string& who, const Limits& limits) {
  MemorySource source(part.bytes, who);
  const NpyHeader header = read_checked_header(source, limits);
  const auto elements = part.bytes.last(source.remaining());
  StoredTensor stored = stored_part(header.spec, {part.file, elements});
  if (!header.fortran_order) return stored;
  return {header.spec, [read = std::move(stored.read), shape = header.spec.shape] {
            return from_fortran(read(), shape);
          }};
}

std::vector<std::byte> npy_header(const Spec& spec) {
  std::string_view descr;
  for (const Descr& known : kDescrs) {
    if (known.dtype == spec.dtype) descr = known.text;
  }
  if (descr.empty()) {
    throw UnsupportedError("npy: dtype " + std::string(name_of(spec.dtype)) + " cannot be written");
  }
  std::string text = "{'descr': '" + std::string(descr) + "', 'fortran_order': False, 'shape': (";
  for (int axis = 0; axis < spec.shape.rank(); ++axis) {
    text += (axis > 0 ? ", " : "") + std::to_string(spec.shape[axis]);
  }
  text += spec.shape.rank() == 1 ? ",), }" : "), }";
  // Magic, version and length take 10 bytes; elements start at a multiple of 64, after a newline.
  constexpr std::size_t kFixed = 10;
  const std::size_t total = (kFixed + text.size() + 1 + 63) / 64 * 64;
  text.resize(total - kFixed - 1, ' ');
  text += '\n';

  std::string header(kMagic);
  header += '\x01';
  header += '\0';
  header += static_cast<char>(text.size() & 0xff);
  header += static_cast<char>(text.size() >> 8);
  header += text;
  std::vector<std::byte> bytes(header.size());
  std::memcpy(bytes.data(), header.data(), header.size());
  return bytes;
}

}  // namespace nyala::saving
