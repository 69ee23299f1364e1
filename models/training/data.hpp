#pragma once
/// Data: what `fit`, `evaluate` and `predict` take, and how batches are made of it.
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/core/op.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// One tensor, a list of tensors, or tensors by input (or output) name: the keys of a model whose
/// inputs (outputs) are a dict, else the names of its layers. The first axis of each is that of the
/// samples. Tensors are shared; a vector of numbers is copied. A name that comes twice is a
/// ValueError.
class Data {
 public:
  /// No data.
  Data() = default;
  Data(const Tensor& tensor) {
    if (tensor.defined()) tensors_.push_back(tensor);
  }
  Data(std::initializer_list<Tensor> tensors) : tensors_(tensors), single_(false) {}
  Data(const std::vector<Tensor>& tensors) : single_(false) {
    for (const Tensor& tensor : tensors) tensors_.push_back(tensor);
  }
  /// Numbers, one for each sample.
  template <class T>
  requires std::is_arithmetic_v<T> Data(const std::vector<T>& values)
      : Data(Tensor::from(values)) {}
  explicit Data(Tensors tensors) : tensors_(std::move(tensors)), single_(false) {}
  Data(std::initializer_list<std::pair<std::string, Tensor>> named) : single_(false) {
    for (const auto& [name, tensor] : named) add(name, tensor);
  }
  Data(const std::map<std::string, Tensor>& named) : single_(false) {
    for (const auto& [name, tensor] : named) add(name, tensor);
  }

  bool empty() const { return tensors_.empty(); }
  std::size_t size() const { return tensors_.size(); }
  /// Whether it was given as one tensor rather than a list or by name.
  bool is_single() const { return single_; }
  bool is_named() const { return !names_.empty(); }
  const Tensors& tensors() const { return tensors_; }
  const std::vector<std::string>& names() const { return names_; }

  /// The tensors in the order of `names`, those given without names as they are. Throws ValueError
  /// for a name that is missing or that the model does not have. `what` says what the names are:
  /// "input".
  Tensors in_order(const std::vector<std::string>& names, const char* what) const;
  /// Rows [begin, end) of each tensor, as views. Throws IndexError for rows that are not there.
  Data rows(std::int64_t begin, std::int64_t end) const;

 private:
  void add(std::string name, Tensor tensor);

  Tensors tensors_;
  std::vector<std::string> names_;
  bool single_ = true;
};

/// What one step works on.
struct Batch {
  Data x = {};
  Data y = {};
  Data sample_weight = {};
};

namespace detail {
/// The parts of a batch, wherever they are kept.
struct BatchParts {
  const Data& x;
  const Data& y;
  const Data& sample_weight;

  BatchParts(const Data& inputs, const Data& targets, const Data& weights)
      : x(inputs), y(targets), sample_weight(weights) {}
  BatchParts(const Batch& batch) : BatchParts(batch.x, batch.y, batch.sample_weight) {}
};
}  // namespace detail

/// Gives batches, one after the other. Derive from it to feed a model from a file, a generator or
/// anything else: `fit(source, ...)`.
class DataSource {
 public:
  virtual ~DataSource() = default;
  /// Batches in one epoch; nothing when that is not known, or when it never ends.
  virtual std::optional<std::int64_t> num_batches() const { return {}; }
  /// Begins anew, at the first batch.
  virtual void start() {}
  /// The next batch; nothing at the end.
  virtual std::optional<Batch> next() = 0;
};

struct ArraySourceArgs {
  std::int64_t batch_size = 32;
  bool shuffle = false;
};

/// Cuts arrays into batches: views where the rows keep their order, copies of rows where they are
/// shuffled. Each `start` shuffles anew, from the program's generator (`set_random_seed`).
class ArraySource final : public DataSource {
 public:
  /// Throws ValueError when the arrays differ in their number of samples, or have none, and for a
  /// batch_size below 1; one above the number of samples makes one batch.
  ArraySource(const Batch& arrays, const ArraySourceArgs& args);

  std::optional<std::int64_t> num_batches() const override;
  void start() override;
  std::optional<Batch> next() override;
  std::int64_t num_samples() const { return samples_; }

 private:
  Batch arrays_;
  ArraySourceArgs args_;
  std::int64_t samples_ = 0;
  std::int64_t position_ = 0;
  Tensor order_;
};

namespace detail {

/// The number of samples; throws ValueError, in Keras's words, when the arrays differ in it.
std::int64_t count_samples(const BatchParts& arrays);
/// The last share of the arrays, and in `arrays` what comes before it.
Batch split_validation(Batch& arrays, double validation_split);
/// A weight for each label in y: class numbers, or one row of scores for each sample.
Tensor class_weight_to_sample_weight(const Tensor& y, const std::map<int, double>& class_weight);

/// Turns class weights into the batch's sample weights. Throws ValueError when it has some already
/// or has not one target.
void add_class_weight(Batch& batch, const std::map<int, double>& class_weight);
/// What was asked for, else what makes `steps` batches, else 32.
std::int64_t choose_batch_size(std::optional<std::int64_t> batch_size,
                               std::optional<std::int64_t> steps,
                               std::int64_t samples);

}  // namespace detail
}  // namespace nyala

#pragma GCC visibility pop
