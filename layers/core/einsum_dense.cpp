#include <algorithm>
#include <map>
#include <set>

#include <nyala/layers/core.hpp>
#include <nyala/layers/streaming.hpp>

namespace nyala::layers {
namespace {

// "...ab,bc->...ac" taken apart: the labels of the input, the kernel and the output.
struct Equation {
  std::string input;
  std::string kernel;
  std::string output;
  bool dots_left = false;
  bool dots_right = false;
};

bool all_letters(const std::string& text) {
  for (char c : text) {
    if ((c < 'a' || c > 'z') && (c < 'A' || c > 'Z')) return false;
  }
  return !text.empty();
}

bool take_dots(std::string& text, bool left) {
  if (text.size() < 3) return false;
  const std::size_t at = left ? 0 : text.size() - 3;
  if (text.compare(at, 3, "...") != 0) return false;
  text.erase(at, 3);
  return true;
}

std::optional<Equation> parse(const std::string& text) {
  const std::size_t comma = text.find(',');
  const std::size_t arrow = text.find("->");
  if (comma == std::string::npos || arrow == std::string::npos || arrow < comma) return {};
  Equation e{text.substr(0, comma),
             text.substr(comma + 1, arrow - comma - 1),
             text.substr(arrow + 2),
             false,
             false};
  e.dots_left = take_dots(e.input, true);
  if (e.dots_left != take_dots(e.output, true)) return {};
  e.dots_right = !e.dots_left && take_dots(e.input, false);
  if (e.dots_right != take_dots(e.output, false)) return {};
  if (!all_letters(e.input) || !all_letters(e.kernel) || !all_letters(e.output)) return {};
  return e;
}

class EinsumDenseLayer final : public LayerBase<EinsumDenseArgs>, public PointwiseLayer {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 1);
    expect_min_rank(inputs[0], 1);
    if (built()) expect_rank(inputs[0], rank_);
  }

  void build(Inputs<Shape> inputs) override {
    const Shape& input = inputs[0];
    const Shape output = output_shape(input);
    std::map<char, std::int64_t> sizes = label_sizes(output, equation_.output);
    for (const auto& [label, size] : label_sizes(input, equation_.input)) {
      const auto known = sizes.find(label);
      if (known != sizes.end() && known->second != None && known->second != size) {
        throw ShapeError(this->label() + " received shape " + input.str() + ", whose size for \"" +
                         label + "\" is not that of the output, " + output.str());
      }
      sizes[label] = size;
    }
    kernel_ = add_weight({.shape = shape_of(equation_.kernel, sizes),
                          .initializer = with_axes(args().kernel_initializer),
                          .regularizer = args().kernel_regularizer,
                          .constraint = args().kernel_constraint,
                          .name = "kernel"});
    if (args().bias_axes && !args().bias_axes->empty()) {
      bias_ = add_weight({.shape = bias_shape(sizes, input.rank()),
                          .initializer = args().bias_initializer,
                          .regularizer = args().bias_regularizer,
                          .constraint = args().bias_constraint,
                          .name = "bias"});
      num_made_ = count_made();
    }
    rank_ = input.rank();
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const DType dtype = compute_dtype();
    const Tensor x = ops::cast(inputs[0], dtype), kernel = ops::cast(kernel_, dtype);
    const Tensor bias = bias_.defined() ? ops::cast(bias_, dtype) : Tensor();
    if (num_made_ > 0 && x.shape().is_known())
      return args().activation(product_of_matrices(x, kernel, bias));
    const Tensor sums = ops::einsum(args().equation.value, {x, kernel});
    return args().activation(bias.defined() ? sums + bias : sums);
  }

  // Keras's rule: sizes left open stay open, even where the input has them.
  std::vector<Shape> compute_output_shapes(const std::vector<Shape>& inputs) override {
    check(inputs);
    return {output_shape(inputs[0])};
  }

  const regularizers::Regularizer* activity_regularizer() const override {
    return &args().activity_regularizer;
  }
  // Where axis 1 of the input is axis 1 of the output and no other one is summed or taken with it.
  bool is_pointwise(int rank) const override {
    const std::string in = labels_of(equation_.input, rank);
    const int made =
        static_cast<int>(equation_.output.size()) + rank - static_cast<int>(equation_.input.size());
    const std::string out = labels_of(equation_.output, made);
    if (in.size() < 2 || out.size() < 2 || in[1] != out[1]) return false;
    const auto bias = args().bias_axes.value_or("");
    return in[1] == '.' ||
           (equation_.kernel.find(in[1]) == std::string::npos &&
            bias.find(in[1]) == std::string::npos && std::count(in.begin(), in.end(), in[1]) == 1);
  }

 private:
  // How many axes of the kernel are made, where a product of matrices and a row for a bias, all of
  // them views, do as well as einsum: compiled programs add the row within the product. Else 0.
  std::size_t count_made() const {
    if (equation_.dots_left || equation_.dots_right) return 0;
    const std::string &in = equation_.input, &out = equation_.output, &kernel = equation_.kernel;
    std::size_t kept = 0;
    while (kept < in.size() && kept < out.size() && in[kept] == out[kept]) ++kept;
    const std::string last = out.substr(kept), all = in + last;
    if (std::set<char>(all.begin(), all.end()).size() != all.size()) return 0;
    return kernel == in.substr(kept) + last && *args().bias_axes == last ? last.size() : 0;
  }
  Tensor product_of_matrices(const Tensor& x, const Tensor& kernel, const Tensor& bias) const {
    const int num_summed = kernel.rank() - static_cast<int>(num_made_);
    Shape rows = x.shape(), result;
    for (int i = 0; i < num_summed; ++i) rows.erase(rows.rank() - 1);
    result = rows;
    for (int i = num_summed; i < kernel.rank(); ++i) result.push_back(kernel.shape()[i]);
    const std::int64_t width = bias.shape().num_elements();
    rows.push_back(width == 0 ? 0 : kernel.shape().num_elements() / width);
    const Tensor sums = ops::matmul(ops::reshape(x, rows), ops::reshape(kernel, {rows[-1], width}));
    return ops::reshape(sums + ops::reshape(bias, {width}), result);
  }

  void validate() override {
    const auto parsed = parse(args().equation.value);
    if (!parsed) {
      throw ValueError(label() + ": received equation \"" + args().equation.value.substr(0, 200) +
                       "\", expected [X],[Y]->[Z], ...[X],[Y]->...[Z] or [X]...,[Y]->[Z]...");
    }
    equation_ = *parsed;
  }

  // An initializer that scales by numbers of inputs and outputs is told which axes of the kernel
  // are which.
  initializers::Initializer with_axes(const initializers::Initializer& initializer) const {
    if (!initializer) return initializer;
    Config config = initializer->get_config();
    const Config* given_inputs = config.find("input_axes");
    const Config* given_outputs = config.find("output_axes");
    if (given_inputs == nullptr || given_outputs == nullptr ||
        (!given_inputs->is_null() && !given_outputs->is_null()))
      return initializer;
    Config::List inputs, outputs;
    for (std::size_t i = 0; i < equation_.kernel.size(); ++i) {
      const bool is_output = equation_.output.find(equation_.kernel[i]) != std::string::npos;
      (is_output ? outputs : inputs).emplace_back(static_cast<std::int64_t>(i));
    }
    config["input_axes"] = inputs;
    config["output_axes"] = outputs;
    Config record = serialize_object(initializer.get());
    record["config"] = config;
    return initializers::Initializer(initializers::InitializerBase::registry().from_config(record));
  }

  // A label for each axis, dots for those that the ellipsis stands for.
  std::string labels_of(const std::string& labels, int rank) const {
    const std::string dots(static_cast<std::size_t>(std::max(0, rank)) -
                               std::min(labels.size(), static_cast<std::size_t>(std::max(0, rank))),
                           '.');
    return equation_.dots_left ? dots + labels : labels + dots;
  }

  // The output's shape: the batch and what the ellipsis stands for come from the input.
  Shape output_shape(const Shape& input) const {
    const int elided = input.rank() - static_cast<int>(equation_.input.size());
    Shape output = args().output_shape;
    output.insert(0, input[0]);
    for (int i = 1; i < elided && equation_.dots_left; ++i) output.insert(i, input[i]);
    for (int i = input.rank() - elided; i < input.rank() && equation_.dots_right; ++i)
      output.push_back(input[i]);
    const bool dots = equation_.dots_left || equation_.dots_right;
    if (elided < 0 || (!dots && elided != 0) ||
        output.rank() != static_cast<int>(equation_.output.size()) + (dots ? elided : 0)) {
      throw ShapeError(label() + ": equation \"" + args().equation.value +
                       "\" does not fit input " + input.str() + " and output " + output.str());
    }
    return output;
  }

  std::map<char, std::int64_t> label_sizes(const Shape& shape, const std::string& labels) const {
    const int skipped = equation_.dots_left ? shape.rank() - static_cast<int>(labels.size()) : 0;
    std::map<char, std::int64_t> sizes;
    for (std::size_t i = 0; i < labels.size(); ++i)
      sizes[labels[i]] = shape[static_cast<int>(i) + skipped];
    return sizes;
  }

  Shape shape_of(const std::string& labels, const std::map<char, std::int64_t>& sizes) const {
    Shape shape;
    for (char c : labels) {
      const auto size = sizes.find(c);
      if (size == sizes.end()) {
        throw ValueError(label() + ": \"" + c + "\" of equation \"" + args().equation.value +
                         "\" is in neither the input nor the output");
      }
      shape.push_back(size->second);
    }
    return shape;
  }

  Shape bias_shape(const std::map<char, std::int64_t>& sizes, int input_rank) const {
    const std::string& axes = *args().bias_axes;
    for (char c : axes) {
      if (equation_.output.find(c) == std::string::npos) {
        throw ValueError(label() + ": bias axis \"" + c + "\" is not in the output of equation \"" +
                         args().equation.value + "\"");
      }
    }
    // Axes of size 1 behind the first one that the bias has.
    Shape shape;
    for (char c : equation_.output) {
      if (axes.find(c) != std::string::npos)
        shape.push_back(sizes.at(c));
      else if (shape.rank() > 0)
        shape.push_back(1);
    }
    const int elided = input_rank - static_cast<int>(equation_.input.size());
    for (int i = 0; i < elided && equation_.dots_right; ++i) shape.push_back(1);
    return shape;
  }

  Equation equation_;
  Variable kernel_;
  Variable bias_;
  int rank_ = 0;
  std::size_t num_made_ = 0;
};

}  // namespace

Config EinsumDenseArgs::upgrade(Config config) {
  if (const Config* size = config.find("output_shape"); size != nullptr && size->is_int())
    config["output_shape"] = ConfigCodec<Shape>::to({size->as_int()});
  return config;
}

NYALA_LAYER(EinsumDense)

}  // namespace nyala::layers
