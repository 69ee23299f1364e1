#include <nyala/layers/recurrent/base.hpp>

namespace nyala::layers {
namespace {

class StackedRNNCellsLayer final : public LayerBase<StackedRNNCellsArgs>, public RecurrentCell {
 public:
  using LayerBase::LayerBase;

  std::vector<Shape> state_shapes() const override {
    std::vector<Shape> all;
    for (const Layer& cell : cells()) {
      for (const Shape& shape : as_cell(cell).state_shapes()) all.push_back(shape);
    }
    return all;
  }
  Shape output_shape() const override { return as_cell(cells().back()).output_shape(); }

  void build(Inputs<Shape> inputs) override {
    Shape step = inputs[0];
    for (const Layer& cell : cells()) {
      cell->build_for(Inputs<Shape>(&step, 1));
      step = with_batch(as_cell(cell).output_shape(), inputs[0][0]);
    }
  }
  std::vector<Tensor> constants(const Tensor& x, bool training) override {
    std::vector<Tensor> all;
    Tensor input = x;
    for (const Layer& cell : cells()) {
      const std::vector<Tensor> own = as_cell(cell).constants(input, training);
      all.insert(all.end(), own.begin(), own.end());
      input = Tensor::abstract(with_batch(as_cell(cell).output_shape(), x.shape()[0]), x.dtype());
    }
    return all;
  }
  std::size_t num_constants(bool training) const override {
    std::size_t count = 0;
    for (const Layer& cell : cells()) count += as_cell(cell).num_constants(training);
    return count;
  }
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& call) override {
    const std::size_t num_states = state_shapes().size();
    if (inputs.size() < num_states + 1)
      throw ValueError("received " + std::to_string(inputs.size() - 1) + " states, expected " +
                       std::to_string(num_states));
    std::vector<Tensor> results = {inputs[0]};
    const Tensor* states = inputs.begin() + 1;
    const Tensor* constants = states + num_states;
    const bool has_constants = constants != inputs.end();
    for (const Layer& cell : cells()) {
      std::vector<Tensor> own = {results[0]};
      const auto take = [&](const Tensor*& from, std::size_t count) {
        own.insert(own.end(), from, from + count);
        from += count;
      };
      take(states, as_cell(cell).state_shapes().size());
      if (has_constants) take(constants, as_cell(cell).num_constants(call.is_training()));
      const std::vector<Tensor> given = cell->apply(own, {.training = call.training});
      results[0] = given.at(0);
      results.insert(results.end(), given.begin() + 1, given.end());
    }
    return results;
  }

 private:
  const std::vector<Layer>& cells() const { return args().cells.value; }
  RecurrentCell& as_cell(const Layer& cell) const { return cell_of(cell, label()); }
  static Shape with_batch(Shape shape, std::int64_t batch) {
    shape.insert(0, batch);
    return shape;
  }
  void validate() override {
    if (cells().empty()) throw ValueError(label() + " was given no cells");
    for (const Layer& cell : cells()) as_cell(cell);
    track("cells", cells());
  }
};

class RNNLayer final : public RecurrentLayer<RNNArgs> {
 public:
  using RecurrentLayer::RecurrentLayer;

 private:
  void validate() override { set_cell(args().cell.value); }
};

}  // namespace

RequiredCell::RequiredCell(std::vector<Layer> cells)
    : Required(StackedRNNCells({.cells = std::move(cells)})) {}

NYALA_LAYER(StackedRNNCells)
NYALA_LAYER(RNN)

}  // namespace nyala::layers
