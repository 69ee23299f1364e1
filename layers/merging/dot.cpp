#include <nyala/core/ops/fused.hpp>
#include <nyala/layers/merging.hpp>

namespace nyala::layers {
namespace {

class DotLayer final : public LayerBase<DotArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    expect_inputs(inputs.size(), 2);
    const auto [a, b] = resolve_axes(inputs[0], inputs[1]);
    check_sizes(inputs[0], inputs[1], a, b);
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs&) override {
    const Tensor& x = inputs[0];
    const Tensor& y = inputs[1];
    const auto [a, b] = resolve_axes(x.shape(), y.shape());
    if (a == 0 || b == 0) return over_batch(x, y, a, b);
    if (!args().normalize) return ops::batch_dot(x, y, {a, b});
    check_floating(x);
    check_floating(y);
    // Keras 3's lengths: a vector shorter than 1e-7 is divided by that. (tf.keras 2.x took 1e-6; a
    // model read from its files gets Keras 3's rule, as it does in Keras 3.)
    return ops::normalized_batch_dot(x, y, {a, b});
  }

  // Keras's rule, which looks at no size.
  std::vector<Shape> compute_output_shapes(const std::vector<Shape>& inputs) override {
    expect_inputs(inputs.size(), 2);
    const auto [a, b] = resolve_axes(inputs[0], inputs[1]);
    return {output_shape(inputs[0], inputs[1], a, b)};
  }

  bool supports_masking() const override { return true; }
  // The mask of an input says nothing about sums of its elements: as in Keras, none leaves.
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>&) override {
    return {};
  }

 private:
  // As Keras: a negative integer wraps around each rank as often as it takes, a pair counts from
  // the end once.
  int resolve(int axis, int rank) const {
    if (!args().axes.value.is_pair() && axis < 0 && rank > 0) return ((axis % rank) + rank) % rank;
    if (axis < -rank || axis >= rank) {
      throw IndexError(label() + ": axis " + std::to_string(axis) + " is out of bounds for rank " +
                       std::to_string(rank));
    }
    return axis < 0 ? axis + rank : axis;
  }
  std::pair<int, int> resolve_axes(const Shape& x, const Shape& y) const {
    return {resolve(args().axes.value.first(), x.rank()),
            resolve(args().axes.value.second(), y.rank())};
  }

  void check_floating(const Tensor& x) const {
    if (is_floating(x.dtype())) return;
    throw TypeError(label() + " with normalize received dtype " + std::string(name_of(x.dtype())) +
                    ", expected a floating one");
  }

  void check_sizes(const Shape& x, const Shape& y, int a, int b) const {
    const auto shapes = [&] {
      return ": received shapes " + x.str() + " and " + y.str() + " with axes (" +
             std::to_string(a) + ", " + std::to_string(b) + ")";
    };
    if (x.rank() < 2 || y.rank() < 2)
      throw ShapeError(label() + shapes() + ", expected rank 2 or more");
    if (x[a] != y[b]) {
      const auto size = [](std::int64_t n) {
        return n == None ? std::string("None") : std::to_string(n);
      };
      throw ShapeError(label() + shapes() + ", whose sizes " + size(x[a]) + " and " + size(y[b]) +
                       " must be the same");
    }
    if (x[0] != y[0] && x[0] != None && y[0] != None) {
      throw ShapeError(label() + shapes() + ", expected the same batch size");
    }
  }

  // Keras lets a graph be built over the batch axis and refuses to compute it.
  Tensor over_batch(const Tensor& x, const Tensor& y, int a, int b) const {
    if (!x.is_abstract() || x.shape().is_known()) {
      throw ValueError(label() + ": axes (" + std::to_string(a) + ", " + std::to_string(b) +
                       ") of shapes " + x.shape().str() + " and " + y.shape().str() +
                       " name axis 0, which is the batch");
    }
    return Tensor::abstract(output_shape(x.shape(), y.shape(), a, b),
                            result_type(x.dtype(), y.dtype()));
  }

  static Shape output_shape(const Shape& x, const Shape& y, int a, int b) {
    Shape out = x;
    out.erase(a);
    Shape rest = y;
    rest.erase(b);
    if (rest.rank() > 0) rest.erase(0);
    for (std::int64_t size : rest) out.push_back(size);
    if (out.rank() == 1) out.push_back(1);
    return out;
  }
};

}  // namespace

NYALA_LAYER(Dot)

Config DotArgs::upgrade(Config config) {
  const Config* axes = config.find("axes");
  if (axes != nullptr && !axes->is_int() && !axes->is_bool() && !axes->is_list()) {
    throw TypeError("Dot: option \"axes\" received " + axes->str().substr(0, 200) +
                    ", expected an integer or a list of two");
  }
  return config;
}

}  // namespace nyala::layers
