#include <nyala/models/saving/weight_store.hpp>

#include <algorithm>
#include <charconv>
#include <map>

#include <nyala/core/error.hpp>
#include <nyala/models/saving/bytes.hpp>

namespace nyala::saving {
namespace {

// "10" as 10; none for anything else.
std::optional<std::size_t> number_of(const std::string& text) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

class Hdf5Store final : public WeightStore {
 public:
  explicit Hdf5Store(hdf5::File file) : file_(std::move(file)), root_(file_.root()) {}

  bool contains(const std::string& path) const override { return root_.contains(path); }

  std::vector<StoredTensor> variables(const std::string& path) const override {
    const auto group = root_.find(path.empty() ? "vars" : path + "/vars");
    if (!group) return {};
    std::map<std::size_t, StoredTensor> found;  // "10" stands before "2" in the file
    for (const std::string& name : group->names()) {
      const auto number = number_of(name);
      if (!number)
        throw FormatError("HDF5: " + quote_text(group->path() + "/" + name) + " is no number");
      found.emplace(*number, stored_dataset(group->at(name), file_));
    }
    std::vector<StoredTensor> tensors;
    for (auto& [number, tensor] : found) {
      if (number != tensors.size())
        throw FormatError("HDF5: " + quote_text(group->path()) + " has no " +
                          std::to_string(tensors.size()));
      tensors.push_back(std::move(tensor));
    }
    return tensors;
  }

 private:
  hdf5::File file_;
  hdf5::Object root_;
};

class TensorStore final : public WeightStore {
 public:
  explicit TensorStore(NamedStored&& tensors) {
    for (auto& [name, tensor] : tensors) tensors_.emplace(name, std::move(tensor));
  }

  bool contains(const std::string& path) const override {
    const auto next = tensors_.lower_bound(path + "/");
    return next != tensors_.end() && next->first.compare(0, path.size() + 1, path + "/") == 0;
  }

  std::vector<StoredTensor> variables(const std::string& path) const override {
    const std::string prefix = path.empty() ? "vars/" : path + "/vars/";
    std::vector<StoredTensor> tensors;
    for (;;) {
      const auto found = tensors_.find(prefix + std::to_string(tensors.size()));
      if (found == tensors_.end()) return tensors;
      tensors.push_back(found->second);
    }
  }

 private:
  std::map<std::string, StoredTensor> tensors_;
};

}  // namespace

StoredTensor stored_dataset(const hdf5::Object& dataset, const hdf5::File& file) {
  if (dataset.bytes()) {
    return {dataset.spec(),
            [file, dataset] { return dataset.read(); },
            [file, dataset](Tensor& to) { dataset.read_into(to); }};
  }
  return stored_tensor(dataset.read());
}

std::unique_ptr<WeightStore> open_store(hdf5::File file) {
  return std::make_unique<Hdf5Store>(std::move(file));
}
std::unique_ptr<WeightStore> open_store(NamedStored tensors) {
  return std::make_unique<TensorStore>(std::move(tensors));
}

void Assignments::add(const Variable& variable, StoredTensor value, const std::string& who) {
  if (value.spec.shape != variable.shape()) {
    throw ShapeError(who + ": \"" + variable.name() + "\" has shape " + variable.shape().str() +
                     ", the file has " + value.spec.shape.str());
  }
  all_.emplace_back(variable, std::move(value));
}

void Assignments::commit() {
  for (auto& [variable, value] : all_) {
    // Over the old elements where nobody else sees them, so that there are never two copies.
    Tensor& old = nyala::detail::stored_value(variable);
    const bool is_private =
        nyala::detail::is_private(old) && nyala::detail::variable_listener() == nullptr;
    if (value.read_into && value.spec == old.spec() && is_private)
      value.read_into(old);
    else
      variable.assign(value.read());
    value = {};  // what it held is not needed beside the variable
  }
  all_.clear();
}

}  // namespace nyala::saving
