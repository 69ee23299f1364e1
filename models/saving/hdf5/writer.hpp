#pragma once
/// HDF5 files as h5py writes them for Keras: superblock 0, old groups, contiguous datasets.
///
///   hdf5::Writer file;
///   file.add("layers/dense/vars/0", kernel);
///   file.set_attribute("layers/dense/vars", "name", "dense");
///   write_pieces(path, file.pieces());
#include <memory>
#include <string>
#include <vector>

#include <nyala/core/tensor.hpp>
#include <nyala/models/saving/pieces.hpp>

namespace nyala::saving::hdf5 {

class Writer {
 public:
  Writer();
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  /// Makes a group, and those that it stands in. Throws ValueError for a path below a dataset.
  void add_group(const std::string& path);
  /// Makes a dataset, and the groups that it stands in. bfloat16 becomes what Keras reads as such:
  /// opaque elements with an attribute "dtype". Throws ValueError for a path that is taken.
  void add(const std::string& path, const Tensor& tensor);
  /// A text of any length, as a string of variable length.
  void set_attribute(const std::string& path, const std::string& name, const std::string& text);
  /// Texts of fixed length; more than 64512 bytes are split over `name0`, `name1`, ... as Keras
  /// does. An empty list is an empty array of float64.
  void set_attribute(const std::string& path,
                     const std::string& name,
                     const std::vector<std::string>& texts);
  void set_attribute(const std::string& path, const std::string& name, const Tensor& value);
  /// The whole file: its metadata, and the elements where the tensors have them.
  Pieces pieces() const;

  struct Node;

 private:
  Node& node(const std::string& path);

  std::unique_ptr<Node> root_;
};

}  // namespace nyala::saving::hdf5
