#include <nyala/models/saving/legacy_weights.hpp>

#include <algorithm>
#include <functional>
#include <iterator>
#include <numeric>

#include <nyala/core/error.hpp>
#include <nyala/core/ops.hpp>
#include <nyala/models/model_base.hpp>

namespace nyala::saving {
namespace {

using Weights = std::vector<StoredTensor>;

Tensor transposed(const Tensor& x, const std::vector<int>& axes) {
  return ops::transpose(x, axes).contiguous();
}

bool is_any_of(const std::string& name, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(), [&](const char* other) { return name == other; });
}

// `parts` blocks of equal width side by side, each changed by `f`.
Tensor for_each_block(const Tensor& x, std::int64_t parts, const std::function<Tensor(Tensor)>& f) {
  std::vector<Tensor> blocks;
  for (const Tensor& block : ops::split(x, static_cast<int>(parts), -1)) blocks.push_back(f(block));
  return ops::concatenate(blocks, -1);
}

// Keras 1 had a kernel, a recurrent kernel and a bias for each gate, in the order `gates`.
void join_gates(Weights& weights, const std::vector<std::size_t>& gates) {
  if (weights.size() != 3 * gates.size()) return;
  Weights joined;
  for (std::size_t part = 0; part < 3; ++part) {
    std::vector<Tensor> parts;
    for (const std::size_t gate : gates) parts.push_back(weights[3 * gate + part].read());
    joined.push_back(stored_tensor(ops::concatenate(parts, -1)));
  }
  weights = std::move(joined);
}

// (filters, inputs, rows, columns) and the like, as Keras 1 kept channels_first kernels.
void turn_keras1_kernel(const BaseLayer& layer, Weights& weights) {
  if (weights.empty()) return;
  const std::string& name = layer.class_name();
  const Shape& shape = weights[0].spec.shape;
  const Config config = layer.get_config();
  const Config* format = config.find("data_format");
  const bool first = format != nullptr && *format == Config("channels_first");
  if (name == "Conv1D" && shape.rank() == 4) {
    Tensor kernel = weights[0].read();
    const std::int64_t filters = layer.variables().at(0).shape()[2];
    if (shape[0] == filters && shape[3] == 1) kernel = transposed(kernel, {2, 3, 1, 0});
    weights[0] = stored_tensor(ops::squeeze(kernel, 1));
  } else if (name == "Conv2D" && first && shape.rank() == 4) {
    weights[0] = stored_tensor(transposed(weights[0].read(), {2, 3, 1, 0}));
  } else if (name == "Conv2DTranspose" && shape.rank() == 4) {
    weights[0] = stored_tensor(transposed(
        weights[0].read(), first ? std::vector<int>{2, 3, 0, 1} : std::vector<int>{0, 1, 3, 2}));
  } else if (name == "Conv3D" && first && shape.rank() == 5) {
    weights[0] = stored_tensor(transposed(weights[0].read(), {2, 3, 4, 1, 0}));
  }
}

// Theano convolves, TensorFlow cross-correlates: the kernel is flipped along its spatial axes.
void flip_kernel(StoredTensor& weight) {
  std::vector<int> axes(static_cast<std::size_t>(std::max(weight.spec.shape.rank() - 2, 0)));
  std::iota(axes.begin(), axes.end(), 0);
  if (!axes.empty()) weight = stored_tensor(ops::flip(weight.read(), axes));
}

// A kernel of CuDNN's: for each gate the elements of the transposed one.
Tensor from_cudnn(const Tensor& kernel) {
  const std::int64_t rows = kernel.shape()[0];
  const std::int64_t columns = kernel.shape()[1];
  return ops::transpose(ops::reshape(kernel.contiguous(), {columns, rows}));
}

// CuDNN layers keep two biases, one behind the other.
void convert_cudnn(const std::string& name, Weights& weights) {
  if (weights.size() != 3 || weights[2].spec.shape.rank() != 1) return;
  const std::int64_t gates = name == "LSTM" ? 4 : name == "GRU" ? 3 : 0;
  const Shape& recurrent = weights[1].spec.shape;
  if (gates == 0 || recurrent.rank() != 2 || weights[0].spec.shape.rank() != 2) return;
  const std::int64_t units = recurrent[0];
  if (weights[2].spec.shape[0] != 2 * gates * units || recurrent[1] != gates * units) return;
  if (weights[0].spec.shape[1] != gates * units) return;
  weights[0] = stored_tensor(for_each_block(weights[0].read(), gates, from_cudnn));
  weights[1] = stored_tensor(
      for_each_block(weights[1].read(), gates, [](const Tensor& x) { return ops::transpose(x); }));
  const Tensor biases = ops::reshape(weights[2].read(), {2, gates * units});
  weights[2] = stored_tensor(name == "GRU" ? biases : ops::sum(biases, {.axis = 0}));
}

void convert_plain(const BaseLayer& layer, Weights& weights, const LegacyOrigin& origin) {
  const std::string& name = layer.class_name();
  if (origin.is_keras1()) {
    turn_keras1_kernel(layer, weights);
    if (name == "GRU") join_gates(weights, {0, 1, 2});
    if (is_any_of(name, {"LSTM", "ConvLSTM2D"})) join_gates(weights, {0, 2, 1, 3});
  }
  const bool convolves = is_any_of(name, {"Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose"});
  if (origin.is_theano() && !weights.empty() && (convolves || name == "ConvLSTM2D")) {
    flip_kernel(weights[0]);
    if (name == "ConvLSTM2D" && weights.size() > 1) flip_kernel(weights[1]);
  }
  convert_cudnn(name, weights);
  // tf.keras 2.x counted the samples too.
  if (name == "Normalization" && weights.size() == 3) weights.pop_back();
}

// The layers that share the weights of this one, in order: trainable parts, then the others.
std::vector<const BaseLayer*> parts_of(const BaseLayer& layer) {
  std::vector<const BaseLayer*> parts;
  if (const auto* model = dynamic_cast<const ModelBase*>(&layer)) {
    for (const auto& inside : model->layers()) parts.push_back(inside.get());
  } else if (is_any_of(layer.class_name(), {"Bidirectional", "TimeDistributed"})) {
    for (const auto& child : layer.children()) {
      if (const auto* inside = dynamic_cast<const BaseLayer*>(child.get())) parts.push_back(inside);
    }
  }
  return parts;
}

// How many tensors the file has for a layer inside another one.
std::size_t old_count(const BaseLayer& layer, const LegacyOrigin& origin) {
  const std::vector<const BaseLayer*> parts = parts_of(layer);
  if (!parts.empty()) {
    std::size_t sum = 0;
    for (const BaseLayer* part : parts) sum += old_count(*part, origin);
    return sum;
  }
  if (origin.is_keras1() && layer.class_name() == "LSTM") return 12;
  if (origin.is_keras1() && layer.class_name() == "GRU") return 9;
  return layer.trainable_variables().size();
}

}  // namespace

std::vector<Variable> legacy_variables(const Module& layer) {
  std::vector<Variable> all = layer.trainable_variables();
  const std::vector<Variable> rest = layer.non_trainable_variables();
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

std::vector<StoredTensor> modern_weights(const BaseLayer& layer,
                                         std::vector<StoredTensor> weights,
                                         const LegacyOrigin& origin) {
  const std::vector<const BaseLayer*> parts = parts_of(layer);
  if (parts.empty()) {
    convert_plain(layer, weights, origin);
    return weights;
  }
  // Only what is trained was ever laid out in another way.
  auto at = weights.begin();
  Weights result;
  for (const BaseLayer* part : parts) {
    const auto count = static_cast<std::ptrdiff_t>(old_count(*part, origin));
    if (weights.end() - at < count) break;
    Weights own = modern_weights(*part, Weights(at, at + count), origin);
    result.insert(result.end(), own.begin(), own.end());
    at += count;
  }
  result.insert(result.end(), at, weights.end());
  return result;
}

}  // namespace nyala::saving
