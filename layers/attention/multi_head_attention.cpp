#include <algorithm>
#include <cmath>

#include <nyala/layers/attention/multi_head.hpp>

namespace nyala::layers {
namespace {

// The n letters from the i-th on.
std::string letters(int from, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += static_cast<char>('a' + from + i);
  return text;
}

// The einsum of a projection: `free` axes stay, `bound` ones are summed over, `made` ones are new.
struct Projection {
  std::string equation;
  std::string bias_axes;
};
Projection projection_of(int free, int bound, int made) {
  const std::string kept = letters(0, free), summed = letters(free, bound),
                    fresh = letters(free + bound, made);
  return {kept + summed + "," + summed + fresh + "->" + kept + fresh, fresh};
}

// None for all axes of an output but the last ones and the batch.
std::vector<std::int64_t> open_sizes(int count, std::vector<std::int64_t> last) {
  last.insert(last.begin(), static_cast<std::size_t>(count), None);
  return last;
}

class MultiHeadAttentionLayer final : public HeadsLayer<MultiHeadAttentionArgs> {
 public:
  using HeadsLayer::HeadsLayer;

  void build(Inputs<Shape> inputs) override {
    const Shape &query = inputs[0], &value = inputs[1], &key = inputs[inputs.size() - 1];
    const std::int64_t heads = args().num_heads, key_dim = args().key_dim, value_dim = head_value();
    // Named as the properties of Keras's class, which come before its attributes in files.
    keep(query_dense_, "query_dense", heads_of("query", query, heads, key_dim), query);
    keep(key_dense_, "key_dense", heads_of("key", key, heads, key_dim), key);
    if (args().use_gate)
      keep(gate_dense_, "_gate_dense", heads_of("gate", query, heads, value_dim, "sigmoid"), query);
    keep(value_dense_, "value_dense", heads_of("value", value, heads, value_dim), value);
    args_.attention_axes = axes_of(value.rank());
    build_attention(equations_over(value.rank() + 1, args().attention_axes.axes()));

    std::vector<std::int64_t> made = {query.back()};
    if (args().output_shape.given()) made = args().output_shape.value().to_vector();
    const Projection to = projection_of(query.rank() - 1, 2, static_cast<int>(made.size()));
    Shape combined = query;
    combined[-1] = heads;
    combined.push_back(value_dim);
    keep(output_dense_,
         "output_dense",
         projection(
             "attention_output", to.equation, open_sizes(query.rank() - 2, made), to.bias_axes),
         combined);
  }
  // The query's own mask alone, as Keras has it: one given by name does not count.
  std::vector<Tensor> compute_mask(Inputs<Tensor> inputs, const std::vector<Tensor>&) override {
    return {inputs[0].mask()};
  }

 private:
  Tensor query_mask(Inputs<Tensor> inputs, const CallArgs&) const override {
    return inputs[0].mask();
  }
  double scale() const override { return 1 / std::sqrt(static_cast<double>(args().key_dim.value)); }
  int head_value() const { return args().value_dim.value_or(args().key_dim.value); }

  Layer heads_of(const std::string& name,
                 const Shape& input,
                 std::int64_t heads,
                 std::int64_t size,
                 const activations::Activation& activation = {}) const {
    const Projection to = projection_of(input.rank() - 1, 1, 2);
    return projection(
        name, to.equation, open_sizes(input.rank() - 2, {heads, size}), to.bias_axes, activation);
  }

  // The axes of the input from 0 on; all between the first and the last without any.
  std::vector<int> axes_of(int rank) const {
    std::vector<int> axes = args().attention_axes.axes();
    if (axes.empty()) {
      for (int axis = 1; axis < rank - 1; ++axis) axes.push_back(axis);
    }
    for (int& axis : axes) {
      if (axis < 0) axis += rank;
      if (axis >= 0 && axis < rank - 1) continue;
      throw IndexError(label() + ": attention_axes are out of bounds for rank " +
                       std::to_string(rank));
    }
    return axes;
  }

  // For a projected query of this rank, with the heads before the last axis.
  static Equations equations_over(int rank, const std::vector<int>& axes) {
    const std::string query = letters(0, rank);
    std::string key = query, batch, of_query, of_key;
    int next = rank;
    for (int i = 0; i < rank - 1; ++i) {
      if (std::find(axes.begin(), axes.end(), i) == axes.end())
        batch += query[static_cast<std::size_t>(i)];
      else
        key[static_cast<std::size_t>(i)] = static_cast<char>('a' + next++);
    }
    for (const int axis : axes) {
      of_query += query[static_cast<std::size_t>(axis)];
      of_key += key[static_cast<std::size_t>(axis)];
    }
    const std::string weights = batch + of_query + of_key;
    return {key + "," + query + "->" + weights,
            weights + "," + key + "->" + query,
            static_cast<int>(axes.size())};
  }

  void validate() override {
    const auto expect_positive = [&](const std::optional<int>& value, const char* option) {
      if (!value || *value >= 1) return;
      throw ValueError(label() + ": received " + option + " " + std::to_string(*value) +
                       ", expected 1 or more");
    };
    args_.value_dim = head_value();
    expect_positive(args().value_dim, "value_dim");
    expect_positive(args().sliding_window, "sliding_window");
  }
};

class GroupQueryAttentionLayer final : public HeadsLayer<GroupQueryAttentionArgs> {
 public:
  using HeadsLayer::HeadsLayer;

  void check(Inputs<Shape> inputs) const override {
    HeadsLayer::check(inputs);
    for (const Shape& shape : inputs) expect_rank(shape, 3);
  }
  void build(Inputs<Shape> inputs) override {
    const Shape &query = inputs[0], &value = inputs[1], &key = inputs[inputs.size() - 1];
    const std::int64_t heads = args().num_query_heads, own = args().num_key_value_heads,
                       size = args().head_dim;
    const auto heads_of = [&](const char* name, std::int64_t count, const char* activation) {
      return projection(name, "bqm,muh->bquh", {None, count, size}, "uh", activation);
    };
    keep(query_dense_, "_query_dense", heads_of("query", heads, "linear"), query);
    keep(key_dense_, "_key_dense", heads_of("key", own, "linear"), key);
    if (args().use_gate)
      keep(gate_dense_, "_gate_dense", heads_of("gate", heads, "sigmoid"), query);
    keep(value_dense_, "_value_dense", heads_of("value", own, "linear"), value);
    build_attention({"bkuh,bquh->buqk", "buqk,bkuh->bquh", 1});
    keep(output_dense_,
         "_output_dense",
         projection("attention_output", "bquh,uhm->bqm", {None, query.back()}, "m"),
         {None, None, heads, size});
  }

 private:
  Tensor query_mask(Inputs<Tensor>, const CallArgs& call) const override {
    return call.mask.empty() ? Tensor() : call.mask[0];
  }
  double scale() const override {
    return 1 / std::sqrt(static_cast<double>(args().head_dim.value));
  }
  Tensor for_query_heads(const Tensor& x) const override {
    return ops::repeat(x, args().num_query_heads / args().num_key_value_heads, {.axis = 2});
  }
  void validate() override {
    if (args().num_query_heads % args().num_key_value_heads != 0) {
      throw ValueError(label() + ": received num_query_heads " +
                       std::to_string(args().num_query_heads) + ", expected a multiple of " +
                       "num_key_value_heads " + std::to_string(args().num_key_value_heads));
    }
    if (args().sliding_window && *args().sliding_window < 1) {
      throw ValueError(label() + ": received sliding_window " +
                       std::to_string(*args().sliding_window) + ", expected 1 or more");
    }
  }
};

}  // namespace

NYALA_LAYER(MultiHeadAttention)

// Keras's class has another name than the one that it is saved under; layers are named after it.
std::shared_ptr<BaseLayer> make_layer(GroupQueryAttentionArgs args) {
  if (args.name.empty()) args.name = unique_name("GroupedQueryAttention");
  auto layer = std::make_shared<GroupQueryAttentionLayer>(std::move(args));
  layer->finish("GroupQueryAttention");
  return layer;
}
std::string layer_class_name(std::type_identity<GroupQueryAttentionArgs>) {
  return "GroupQueryAttention";
}

}  // namespace nyala::layers
