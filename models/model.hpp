#pragma once
/// Model: layers joined by a graph, trained and run as a whole.
///
///   Symbol x = Input({.shape = {4}});
///   Model model(x, layers::Dense({.units = 3})(x));
///   model.summary(std::cout);
#include <array>
#include <concepts>
#include <iosfwd>
#include <string>
#include <vector>

#include <nyala/models/model_base.hpp>
#include <nyala/models/outputs.hpp>
#include <nyala/models/saving/options.hpp>
#include <nyala/models/summary.hpp>
#include <nyala/models/training/trainer.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// A shared handle to a model: copying it shares the weights. A model is a layer, and may stand
/// inside another one. Calls on a handle that holds none (a moved-from one too) throw StateError.
///
/// Threads (docs/threads.md): `predict`, `predict_on_batch` and calls may run on many threads at
/// once. What changes the model (fit, train_on_batch, compile, set_weights, adding layers) may not
/// run beside any other use of it; `predict` while another thread is in `fit`, `evaluate` or
/// `train_on_batch` throws StateError.
class Model : public Layer {
 public:
  /// No model.
  Model() = default;
  /// The model that computes `outputs` from `inputs`: each a symbol, a list, or pairs of name and
  /// symbol. Throws ValueError when the outputs need an input that is not given, and when two
  /// layers have one name.
  Model(const SymbolTree& inputs, const SymbolTree& outputs, const ModelArgs& args = {});
  explicit Model(std::shared_ptr<ModelBase> model) : Layer(std::move(model)) {}
  /// A layer that is a model; throws TypeError for one that is not.
  static Model from(const Layer& layer);

  /// `call` is what the error names when there is no model.
  ModelBase& base(const char* call = "base") const;

  /// Without operations (`x + 1`), and for a Sequential without its Input.
  std::vector<Layer> layers() const;
  /// Throws ValueError, with the names there are, for another one.
  Layer get_layer(const std::string& name) const;
  /// Counts from the end when negative; throws IndexError.
  Layer get_layer(int index) const;

  // Each throws StateError for a model that is not built.
  const std::vector<Symbol>& inputs() const { return base("inputs").inputs(); }
  const std::vector<Symbol>& outputs() const { return base("outputs").outputs(); }
  /// What data, losses, targets and metrics go by: the keys of a dict, else names of layers.
  std::vector<std::string> input_names() const { return base("input_names").input_names(); }
  std::vector<std::string> output_names() const { return base("output_names").output_names(); }
  Shape input_shape() const { return inputs().at(0).shape(); }
  Shape output_shape() const { return outputs().at(0).shape(); }

  /// Sets how the model is trained. Throws ValueError for names that are unknown and for options
  /// that do not fit its outputs, and then changes nothing.
  void compile(const CompileArgs& args = {}) const { base("compile").trainer().compile(args); }
  /// Trains for a number of epochs. Throws StateError before `compile`, ValueError for data that do
  /// not fit each other or the model.
  History fit(const Data& x, const Data& y, const FitArgs& args = {}) const;
  History fit(DataSource& source, const FitArgs& args = {}) const;
  /// The loss and the metrics over the data.
  EvaluateResult evaluate(const Data& x, const Data& y, const EvaluateArgs& args = {}) const;
  EvaluateResult evaluate(DataSource& source, const EvaluateArgs& args = {}) const;
  /// The output for x, batch by batch. May be called from several threads at once. Throws
  /// StateError for a model with several outputs: those come from `predict_all`.
  Tensor predict(const Data& x, const PredictArgs& args = {}) const;
  /// All outputs, by number or by name: `model.predict_all(x)["left"]`.
  Outputs predict_all(const Data& x, const PredictArgs& args = {}) const;
  /// The same for structured bindings: `auto [a, b] = model.predict_all<2>(x)`. Throws ValueError
  /// for another number of outputs.
  template <std::size_t count>
  std::array<Tensor, count> predict_all(const Data& x, const PredictArgs& args = {}) const {
    return predict_all(x, args).template unpack<count>();
  }

  /// One step on these samples as they are; the loss and metrics of this batch alone.
  EvaluateResult train_on_batch(const Data& x,
                                const Data& y,
                                const TrainOnBatchArgs& args = {}) const;
  EvaluateResult test_on_batch(const Data& x,
                               const Data& y,
                               const TestOnBatchArgs& args = {}) const;
  Tensor predict_on_batch(const Data& x) const;

  /// What a training step (or predict) runs for data of these shapes and dtypes: its `print` shows
  /// the optimised tape (docs/compiled-programs.md). Lives until the model or its compilation
  /// changes.
  graph::Program train_program(const Data& x, const Data& y) const;
  graph::Program predict_program(const Data& x) const;

  /// Throws StateError before `compile`.
  const optimizers::Optimizer& optimizer() const { return base("optimizer").trainer().optimizer(); }

  /// Prints Keras's table of layers, shapes and parameters.
  void summary(std::ostream& out, const SummaryArgs& args = {}) const;
  /// The model without its weights, as text that Keras's model_from_json reads.
  std::string to_json() const;

  // Files (docs/saving.md). What stands at `path` is replaced when all is written, and stays if
  // that fails (IoError).

  /// Writes all of it: architecture, weights, optimizer, settings of `compile`. The ending decides:
  /// .keras, or .h5 (or .hdf5) for Keras's legacy form; throws ValueError for another one.
  /// `load_model` reads it.
  void save(const std::string& path, const SaveArgs& args = {}) const;
  /// Writes the weights and the optimizer's variables, as .weights.h5, .npz or .safetensors. Throws
  /// ValueError for another ending, StateError for a model that is not built.
  void save_weights(const std::string& path, const SaveWeightsArgs& args = {}) const;
  /// Sets the weights from a file of `save_weights` or `save`, of Keras or of Nyala, layer by layer
  /// in the order of the model. Throws ValueError that lists the layers that do not fit, and what
  /// `load_model` throws for bad files; the model is then as it was.
  void load_weights(const std::string& path, const LoadWeightsArgs& args = {}) const;
};

/// A stack of layers, each with one input and one output.
///
///   Sequential model({Input({.shape = {2}}), layers::Dense({.units = 1})});
///
/// Without an Input it is built at its first call, for the shape that comes.
class Sequential : public Model {
 public:
  Sequential() : Sequential(std::initializer_list<Layer>{}) {}
  /// Throws ValueError for two layers of one name and for a layer that holds this model, ShapeError
  /// for layers that do not fit.
  Sequential(std::initializer_list<Layer> layers, const ModelArgs& args = {});
  explicit Sequential(const std::vector<Layer>& layers, const ModelArgs& args = {});
  /// Of layers of one kind: `std::vector<layers::Dense>`.
  template <std::derived_from<Layer> L>
  explicit Sequential(const std::vector<L>& layers, const ModelArgs& args = {})
      : Sequential(std::vector<Layer>(layers.begin(), layers.end()), args) {}

  /// Puts a layer on top. Throws ValueError and ShapeError as above, and then changes nothing.
  void add(const Layer& layer) const;
  /// Takes the last layer away and gives it back.
  Layer pop() const;
  /// Makes the weights for inputs of this shape (with the batch): `build({None, 4})`.
  void build(const Shape& input_shape) const;
};

}  // namespace nyala

#pragma GCC visibility pop
