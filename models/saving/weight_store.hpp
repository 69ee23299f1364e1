#pragma once
/// Weights in a file, by the paths of Keras's `.weights.h5`. Private to the readers.
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/models/saving/hdf5/reader.hpp>
#include <nyala/models/saving/stored_tensor.hpp>

namespace nyala::saving {

/// A dataset of `file` as a stored tensor. What reading could find wrong is found now: elements
/// that stand in the file as they are in memory stay there, all others are read.
StoredTensor stored_dataset(const hdf5::Object& dataset, const hdf5::File& file);

class WeightStore {
 public:
  virtual ~WeightStore() = default;
  /// Whether there is anything at "layers/dense" or below.
  virtual bool contains(const std::string& path) const = 0;
  /// The variables at a path, by number; empty when there are none.
  virtual std::vector<StoredTensor> variables(const std::string& path) const = 0;
};

/// Of `.weights.h5`, and of the model.weights.h5 in a .keras file.
std::unique_ptr<WeightStore> open_store(hdf5::File file);
/// Of tensors with names as "layers/dense/vars/0".
std::unique_ptr<WeightStore> open_store(NamedStored tensors);

/// New values for variables, checked one by one and assigned together: until `commit` nothing has
/// changed.
class Assignments {
 public:
  /// Throws ShapeError where the shapes differ; `who` names the variable's owner.
  void add(const Variable& variable, StoredTensor value, const std::string& who);
  /// Takes back what was added since there were `size` of them.
  void cut(std::size_t size) { all_.resize(size); }
  std::size_t size() const { return all_.size(); }
  void commit();

 private:
  std::vector<std::pair<Variable, StoredTensor>> all_;
};

}  // namespace nyala::saving
