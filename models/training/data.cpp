#include <nyala/models/training/data.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

#include <nyala/autograd/random.hpp>
#include <nyala/core/kernels/gather.hpp>
#include <nyala/core/ops.hpp>

namespace nyala {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text = "[";
  for (const std::string& name : names) text += (text.size() > 1 ? ", '" : "'") + name + "'";
  return text + "]";
}

Tensor view_rows(const Tensor& tensor, std::int64_t begin, std::int64_t end) {
  if (tensor.rank() == 0 || begin < 0 || begin > end || end > tensor.shape()[0]) {
    throw IndexError("rows " + std::to_string(begin) + " to " + std::to_string(end) +
                     " were asked of data of shape " + tensor.shape().str());
  }
  Shape shape = tensor.shape();
  shape[0] = end - begin;
  return Tensor::strided(
      tensor, shape, tensor.strides(), begin == end ? 0 : begin * tensor.strides()[0]);
}

// a / b, rounded up, without a sum that could overflow.
std::int64_t div_up(std::int64_t a, std::int64_t b) { return a / b + (a % b != 0 ? 1 : 0); }

// The rows that `order` names.
Tensor copy_rows(const Tensor& tensor, const std::int64_t* order, std::int64_t count) {
  Shape shape = tensor.shape();
  shape[0] = count;
  Tensor result = Tensor::empty(shape, tensor.dtype());
  if (result.size() == 0) return result;
  const kernels::IndexedAxis rows = {
      tensor.dtype(), 1, tensor.shape()[0], result.size() / count, count};
  kernels::gather(rows, tensor.data(), order, result.mutable_data());
  return result;
}

template <class F>
Data each(const Data& data, F&& f) {
  Tensors tensors;
  for (const Tensor& tensor : data.tensors()) {
    tensors.push_back(tensor.defined() ? f(tensor) : Tensor());
  }
  if (data.is_named()) {
    std::map<std::string, Tensor> named;
    for (std::size_t i = 0; i < tensors.size(); ++i) named[data.names()[i]] = tensors[i];
    return named;
  }
  if (data.is_single()) return tensors.empty() ? Data() : Data(tensors[0]);
  return Data(std::move(tensors));
}

template <class F>
Batch each_part(const Batch& batch, F&& f) {
  return {each(batch.x, f), each(batch.y, f), each(batch.sample_weight, f)};
}

void list_sizes(const char* what, const Data& data, std::string& text) {
  text += std::string(" '") + what + "' sizes: ";
  const char* comma = "";
  for (const Tensor& tensor : data.tensors()) {
    if (!tensor.defined()) continue;
    text += std::exchange(comma, ", ") + std::to_string(tensor.shape()[0]);
  }
}

}  // namespace

void Data::add(std::string name, Tensor tensor) {
  if (std::find(names_.begin(), names_.end(), name) != names_.end())
    throw ValueError("the name \"" + name.substr(0, 200) + "\" comes twice in the data");
  names_.push_back(std::move(name));
  tensors_.push_back(std::move(tensor));
}

Tensors Data::in_order(const std::vector<std::string>& names, const char* what) const {
  if (!is_named()) return tensors_;
  Tensors ordered;
  for (const std::string& name : names) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
      throw ValueError(std::string("no data was given for ") + what + " '" + name +
                       "'; there is some for " + joined(names_));
    }
    ordered.push_back(tensors_[static_cast<std::size_t>(found - names_.begin())]);
  }
  for (const std::string& name : names_) {
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      throw ValueError(std::string("data was given for '") + name + "', which is no " + what +
                       " of the model; they are " + joined(names));
    }
  }
  return ordered;
}

Data Data::rows(std::int64_t begin, std::int64_t end) const {
  return each(*this, [&](const Tensor& tensor) { return view_rows(tensor, begin, end); });
}

namespace detail {

std::int64_t count_samples(const BatchParts& arrays) {
  std::int64_t samples = -1;
  bool differ = false;
  const auto count = [&](const Tensors& tensors) {
    for (const Tensor& tensor : tensors) {
      if (!tensor.defined()) continue;
      if (tensor.rank() == 0) {
        throw ValueError("data must have an axis of samples; received a tensor of shape ()");
      }
      const std::int64_t size = tensor.shape().front();
      differ |= samples >= 0 && samples != size;
      samples = samples < 0 ? size : samples;
    }
  };
  count(arrays.x.tensors());
  count(arrays.y.tensors());
  count(arrays.sample_weight.tensors());
  if (samples < 0) throw ValueError("there is no data: `x` holds no tensor");
  if (!differ) return samples;
  std::string text =
      "Data cardinality is ambiguous. Make sure all arrays contain the same number of samples.";
  list_sizes("x", arrays.x, text);
  if (!arrays.y.empty()) list_sizes("y", arrays.y, text);
  if (!arrays.sample_weight.empty()) list_sizes("sample_weight", arrays.sample_weight, text);
  throw ValueError(text);
}

Batch split_validation(Batch& arrays, double validation_split) {
  const std::int64_t samples = count_samples(arrays);
  const auto at =
      static_cast<std::int64_t>(std::floor(static_cast<double>(samples) * (1 - validation_split)));
  if (at <= 0 || at >= samples) {
    throw ValueError(
        "Training data contains " + std::to_string(samples) +
        " samples, which is not sufficient to split it into a validation and training set as "
        "specified by `validation_split=" +
        Config(validation_split).str() +
        "`. Either provide more data, or a different value for the `validation_split` argument.");
  }
  const auto cut = [](const Batch& batch, std::int64_t begin, std::int64_t end) {
    return each_part(batch, [&](const Tensor& tensor) { return view_rows(tensor, begin, end); });
  };
  Batch held_out = cut(arrays, at, samples);
  arrays = cut(arrays, 0, at);
  return held_out;
}

Tensor class_weight_to_sample_weight(const Tensor& y, const std::map<int, double>& class_weight) {
  Tensor labels = y;
  if (y.rank() > 1) {
    labels = y.shape().back() == 1 ? ops::squeeze(y, {-1}) : ops::argmax(y, {.axis = -1});
  }
  if (labels.rank() != 1) {
    throw ValueError("`class_weight` needs one label for each sample; received targets of shape " +
                     y.shape().str());
  }
  std::vector<double> weights;
  for (const double label : ops::cast(labels, DType::float64).to_vector<double>()) {
    if (std::isnan(label))
      throw ValueError("`class_weight` needs class numbers; one of the targets is nan");
    const double number = std::nearbyint(label);
    const bool is_int =
        number >= std::numeric_limits<int>::min() && number <= std::numeric_limits<int>::max();
    const auto found = is_int ? class_weight.find(static_cast<int>(number)) : class_weight.end();
    weights.push_back(found == class_weight.end() ? 1.0 : found->second);
  }
  return ops::cast(Tensor::from(weights), floatx());
}

void add_class_weight(Batch& batch, const std::map<int, double>& class_weight) {
  if (class_weight.empty()) return;
  if (!batch.sample_weight.empty())
    throw ValueError("You cannot `class_weight` and `sample_weight` at the same time.");
  if (batch.y.size() != 1)
    throw ValueError("`class_weight` is only supported for Models with a single output.");
  batch.sample_weight = class_weight_to_sample_weight(batch.y.tensors()[0], class_weight);
}

std::int64_t choose_batch_size(std::optional<std::int64_t> batch_size,
                               std::optional<std::int64_t> steps,
                               std::int64_t samples) {
  if (batch_size) return *batch_size;
  if (steps && *steps > 0) return std::max<std::int64_t>(1, div_up(samples, *steps));
  return 32;
}

}  // namespace detail

ArraySource::ArraySource(const Batch& arrays, const ArraySourceArgs& args) : args_(args) {
  samples_ = detail::count_samples(arrays);
  if (samples_ == 0) throw ValueError("there is no data: the arrays hold no samples");
  if (args.batch_size <= 0) {
    throw ValueError("batch_size is " + std::to_string(args.batch_size) +
                     ", expected a number above 0");
  }
  arrays_ = each_part(arrays, [](const Tensor& tensor) { return tensor.contiguous(); });
  start();
}

std::optional<std::int64_t> ArraySource::num_batches() const {
  return div_up(samples_, args_.batch_size);
}

void ArraySource::start() {
  position_ = 0;
  order_ = Tensor();
}

std::optional<Batch> ArraySource::next() {
  if (position_ >= samples_) return {};
  if (args_.shuffle && !order_.defined()) order_ = random::permutation(samples_);
  const std::int64_t begin = position_;
  const std::int64_t end = begin + std::min(args_.batch_size, samples_ - begin);
  position_ = end;
  return each_part(arrays_, [&](const Tensor& tensor) {
    return order_.defined() ? copy_rows(tensor, order_.data<std::int64_t>() + begin, end - begin)
                            : view_rows(tensor, begin, end);
  });
}

}  // namespace nyala
