#pragma once
/// HDF5 files as Keras and h5py write them, read without the HDF5 library.
///
///   const hdf5::File file(path);
///   const Tensor kernel = file.root().at("layers/dense/vars/0").read();
///
/// Read: superblocks 0 to 3; old and new groups; contiguous, compact and chunked datasets (every
/// index) with deflate, shuffle and fletcher32; integers, floats of 16 to 64 bits, h5py's bool,
/// strings of fixed and variable length; attributes wherever they stand. Anything else (links that
/// are not hard, external files, virtual datasets, other filters and datatypes) throws
/// UnsupportedError when it is asked for; bytes that contradict the format throw FormatError.
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/limits.hpp>

namespace nyala::saving {
struct MappedPart;
}

namespace nyala::saving::hdf5 {

namespace detail {
struct FileState;
struct ObjectState;
}  // namespace detail

/// A group or a dataset; lives as long as its file does. Not for several threads at once.
class Object {
 public:
  /// Its way from the root: "/layers/dense".
  const std::string& path() const;
  bool is_dataset() const;

  // ---- of a group ----
  /// The names of its members, in the order of the file (old groups: sorted as bytes).
  std::vector<std::string> names() const;
  /// Whether there is an object at a path below this one.
  bool contains(const std::string& path) const;
  /// The object at a path below this one; throws FormatError when there is none.
  Object at(const std::string& path) const;
  std::optional<Object> find(const std::string& path) const;

  // ---- of a dataset ----
  /// Shape and dtype of `read()`. Opaque elements of two bytes are h5py's form of bfloat16.
  Spec spec() const;
  /// Whether its elements are strings.
  bool holds_strings() const;
  /// Its elements; throws UnsupportedError for strings.
  Tensor read() const;
  /// Copies the elements over those of a contiguous tensor of this spec; only where there are
  /// `bytes()`.
  void read_into(Tensor& to) const;
  std::vector<std::string> read_strings() const;
  /// The elements where they stand in the file, when nothing has to be done to them.
  std::optional<std::span<const std::byte>> bytes() const;

  // ---- attributes, of both ----
  std::vector<std::string> attribute_names() const;
  bool has_attribute(const std::string& name) const;
  /// Each throws FormatError when there is none, UnsupportedError when it is of another kind.
  std::string text_attribute(const std::string& name) const;
  std::vector<std::string> texts_attribute(const std::string& name) const;
  Tensor attribute(const std::string& name) const;

 private:
  friend class File;
  explicit Object(std::shared_ptr<detail::ObjectState> state) : state_(std::move(state)) {}

  std::shared_ptr<detail::ObjectState> state_;
};

class File {
 public:
  /// Maps the file into memory. Throws IoError, FormatError.
  explicit File(const std::string& path, const Limits& limits = {});
  /// Over bytes in memory; `who` names them in messages.
  File(std::vector<std::byte> bytes, std::string who, const Limits& limits = {});
  /// Over a part of a file that is mapped already.
  File(const MappedPart& part, std::string who, const Limits& limits = {});

  Object root() const;

 private:
  std::shared_ptr<detail::FileState> state_;
};

/// Whether a file begins as HDF5 files do (at 0, 512, 1024, ...).
bool is_hdf5(std::span<const std::byte> bytes);

}  // namespace nyala::saving::hdf5
