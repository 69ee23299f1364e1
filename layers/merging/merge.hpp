#pragma once
/// What the layers share that join inputs element by element. Internal.
#include <algorithm>

#include <nyala/layers/merging.hpp>

namespace nyala::layers::detail {

/// A mask as wide as its input: one axis more, along which all features share it.
inline Tensor wide_mask(const Tensor& mask) { return ops::expand_dims(mask, -1); }

template <class Args>
class MergeLayer : public LayerBase<Args> {
 public:
  using LayerBase<Args>::LayerBase;

  void check(Inputs<Shape> inputs) const override {
    std::int64_t batch = None;
    Shape merged;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      Shape sample = inputs[i];
      if (sample.rank() > 0) {
        check_batch(inputs, sample[0], batch);
        sample.erase(0);
      }
      merged = i == 0 ? sample : broadcast_shapes(merged, sample, this->label().c_str());
    }
  }

  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    int rank = 0;
    for (const Tensor& input : inputs) rank = std::max(rank, input.rank());
    std::vector<Tensor> all(inputs.begin(), inputs.end());
    for (Tensor& input : all) {
      while (input.rank() < rank) input = ops::expand_dims(input, std::min(1, input.rank()));
    }
    return merge(all, call.mask);
  }

  bool supports_masking() const override { return true; }
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>& masks) override {
    if (!all_masked(masks)) return {};
    Tensor mask = masks[0];
    for (std::size_t i = 1; i < masks.size(); ++i) mask = ops::logical_or(mask, masks[i]);
    return {mask};
  }

 protected:
  virtual Tensor merge(const std::vector<Tensor>& inputs, const std::vector<Tensor>& masks) = 0;

  static bool all_masked(const std::vector<Tensor>& masks) {
    return std::all_of(masks.begin(), masks.end(), [](const Tensor& m) { return m.defined(); });
  }

 private:
  void check_batch(Inputs<Shape> inputs, std::int64_t size, std::int64_t& batch) const {
    if (size != None && batch != None && size != batch) {
      std::string shapes;
      for (const Shape& shape : inputs) shapes += (shapes.empty() ? "" : ", ") + shape.str();
      throw ShapeError(this->label() + " received shapes " + shapes +
                       ", expected the same batch size");
    }
    if (size != None) batch = size;
  }
};

}  // namespace nyala::layers::detail
