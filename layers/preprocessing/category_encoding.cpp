#include <nyala/layers/preprocessing.hpp>

namespace nyala::layers {
namespace {

class CategoryEncodingLayer final : public LayerBase<CategoryEncodingArgs> {
 public:
  using LayerBase::LayerBase;

  void check(Inputs<Shape> inputs) const override { expect_inputs(inputs.size(), 1); }

  Tensor call(Inputs<Tensor> inputs, const CallArgs& call) override {
    const Tensor weights = call.tensor("count_weights");
    if (weights.defined() && mode_ != Mode::count)
      throw ValueError(label() + " received count_weights, expected none with output_mode " +
                       args().output_mode);
    const Tensor& x = inputs[0];
    Tensor ids = is_integer(x.dtype()) ? x : ops::cast(x, DType::int32);
    if (ids.rank() == 0) ids = ops::expand_dims(ids, 0);
    if (mode_ == Mode::one_hot)
      return rows_of(ids.rank() > 1 && ids.shape().back() == 1 ? ops::squeeze(ids, {-1}) : ids);
    const int axis = ids.rank() > 1 ? 1 : 0;
    Tensor rows = rows_of(ids);
    if (mode_ == Mode::multi_hot) return ops::max(rows, {.axis = axis});
    if (weights.defined()) rows = rows * ops::expand_dims(ops::cast(weights, variable_dtype()), -1);
    return ops::sum(rows, {.axis = axis});
  }
  bool casts_inputs() const override { return false; }

 private:
  enum class Mode : std::uint8_t { multi_hot, one_hot, count };

  Tensor rows_of(const Tensor& ids) const {
    return ops::one_hot(ids, args().num_tokens, {.dtype = variable_dtype()});
  }
  void validate() override {
    std::string& name = args_.output_mode;
    if (name == "binary") name = "multi_hot";  // its old name
    if (name == "multi_hot")
      mode_ = Mode::multi_hot;
    else if (name == "one_hot")
      mode_ = Mode::one_hot;
    else if (name == "count")
      mode_ = Mode::count;
    else
      throw ValueError(label() + " received output_mode " + name +
                       ", expected multi_hot, one_hot or count");
  }

  Mode mode_ = Mode::multi_hot;
};

}  // namespace

Config CategoryEncodingArgs::upgrade(Config config) {
  if (!config.contains("sparse")) return config;
  if (config.at("sparse").as_bool())
    throw UnsupportedError("CategoryEncoding: received sparse = true, expected false");
  config.erase("sparse");
  return config;
}

NYALA_LAYER(CategoryEncoding)

}  // namespace nyala::layers
