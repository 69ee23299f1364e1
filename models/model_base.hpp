#pragma once
/// ModelBase: what every model is made of. Users hold one through Model or Sequential.
#include <concepts>
#include <memory>
#include <string>
#include <vector>

#include <nyala/layers/layer.hpp>
#include <nyala/models/graph.hpp>
#include <nyala/models/metrics/metric.hpp>
#include <nyala/models/optimizers/optimizer.hpp>
#include <nyala/models/training/step.hpp>

#pragma GCC visibility push(default)

namespace nyala {

struct ModelArgs {
  std::string name = {};
  std::optional<bool> trainable = {};
  DTypePolicy dtype = {};
};

class Trainer;

/// The base of all models. Steps are those of Keras unless a model overrides them.
class ModelBase : public BaseLayer, public StepFunctions {
 public:
  ModelBase();
  ~ModelBase() override;

  bool is_container() const override { return true; }
  LayerTraits traits() const override { return {.takes_mask = true}; }
  std::string keras_module() const override { return "keras"; }
  /// Adds what compiles it.
  void finish_record(Config& record) const override;

  /// What compiles, trains and runs it.
  Trainer& trainer() const { return *trainer_; }
  /// Its graph; null as long as it is not built, or when it is called with several inputs and has
  /// no Input.
  virtual const Graph* graph() const = 0;
  /// What Keras calls `model.layers`: without operations, and for a Sequential without its Input.
  virtual std::vector<std::shared_ptr<BaseLayer>> layers() const = 0;

  // Throws StateError for a model that has none yet.
  const std::vector<Symbol>& inputs() const { return built_graph("inputs").inputs().symbols(); }
  const std::vector<Symbol>& outputs() const { return built_graph("outputs").outputs().symbols(); }
  /// What data, losses, targets and metrics go by: the keys of a dict of inputs (outputs), else the
  /// names of the layers that give them.
  std::vector<std::string> input_names() const;
  std::vector<std::string> output_names() const;
  std::vector<Spec> input_specs() const;
  std::vector<Spec> output_specs() const;

  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& args) override;
  /// Each input is cast to its own dtype, not to the model's.
  bool casts_inputs() const override { return false; }
  /// Masks come with the outputs of the last layers.
  bool supports_masking() const override { return true; }
  std::vector<Tensor> compute_mask(Inputs<Tensor>, const std::vector<Tensor>&) override {
    return {};
  }

  StepLogs train_step(const StepInputs& data) override;
  StepLogs test_step(const StepInputs& data) override;
  std::vector<Tensor> predict_step(const StepInputs& data) override;
  Tensor compute_loss(const StepInputs& data,
                      const std::vector<Tensor>& y_pred,
                      bool training) override;
  std::vector<IndexedSlices> process_gradients(std::vector<IndexedSlices> gradients,
                                               const std::vector<Variable>& variables) override;
  void build_optimizers(const std::vector<Variable>& trainable) override;
  /// Resets the metrics that are tracked.
  void reset_metrics() override;
  std::vector<Variable> metric_variables() const override;

 protected:
  using BaseLayer::track;
  /// A layer, or a metric of the model's own, which is reset with those of `compile`.
  template <class T>
  const T& track(const T& part) {
    if constexpr (std::derived_from<T, metrics::Metric>)
      own_metrics_.push_back(part);
    else
      BaseLayer::track(part);
    return part;
  }
  const Graph& built_graph(const char* wanted) const;
  /// Layers as Keras's models have them: elements of the list "layers".
  static std::vector<Child> layer_list(const std::vector<std::shared_ptr<BaseLayer>>& layers);
  /// The inputs as the graph wants them; throws ValueError that names the input that does not fit.
  std::vector<Tensor> standardize(Inputs<Tensor> inputs) const;

 private:
  std::unique_ptr<Trainer> trainer_;
  std::vector<metrics::Metric> own_metrics_;
};

/// What a model of your own derives from, as from keras.Model in Python: its constructor tracks
/// layers, `call` (or `call_all`) computes with them, and steps may be overridden. A
/// std::shared_ptr of it makes a Model.
///
///   class VAE final : public nyala::SubclassedModel {
///    public:
///     VAE() : SubclassedModel({.name = "vae"}) { track(encoder_); track(decoder_); }
///     Tensor call(Inputs<Tensor> x, const CallArgs&) override { return decoder_(encoder_(x[0])); }
///     StepLogs train_step(const StepInputs& data) override;
///     ...
///   };
///   Model model(std::make_shared<VAE>());
class SubclassedModel : public ModelBase {
 public:
  explicit SubclassedModel(const ModelArgs& args = {});

  /// Null: it has no graph.
  const Graph* graph() const override { return nullptr; }
  std::vector<std::shared_ptr<BaseLayer>> layers() const override;
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& args) override {
    return {call(inputs, args)};
  }
  /// Throws UnsupportedError unless it is overridden: Keras has none either.
  Config get_config() const override;

  /// Calls the model: for steps of its own.
  Tensor operator()(const Tensor& x, const CallArgs& args = {});
  /// That of `compile`. Throws StateError before.
  const optimizers::Optimizer& optimizer() const;
};

/// A model from its inputs and outputs.
class FunctionalModel final : public ModelBase {
 public:
  FunctionalModel(const SymbolTree& inputs, const SymbolTree& outputs, const ModelArgs& args);

  const Graph* graph() const override { return &graph_; }
  std::vector<std::shared_ptr<BaseLayer>> layers() const override;
  std::vector<Child> named_children() const override;
  std::vector<std::shared_ptr<Module>> children() const override;
  std::string keras_module() const override { return "keras.src.models.functional"; }
  Config get_config() const override;
  void finish_record(Config& record) const override;

 private:
  Graph graph_;
};

/// A stack of layers.
class SequentialModel final : public ModelBase {
 public:
  explicit SequentialModel(const ModelArgs& args);

  const Graph* graph() const override { return graph_.get(); }
  std::vector<std::shared_ptr<BaseLayer>> layers() const override;
  /// With the Input, where it has one.
  const std::vector<std::shared_ptr<BaseLayer>>& all_layers() const { return layers_; }
  std::vector<Child> named_children() const override;
  std::vector<std::shared_ptr<Module>> children() const override;
  Config get_config() const override;

  /// Puts layers on top, and builds the graph when the shape of the input is known. Throws
  /// ValueError for a name that is taken, an Input that is not the first and a layer that holds
  /// this model, ShapeError for a layer
  /// that does not fit, and then changes nothing.
  void add(const std::vector<std::shared_ptr<BaseLayer>>& layers);
  /// Takes the last layer away; throws StateError when there is none.
  std::shared_ptr<BaseLayer> pop();

  void build(Inputs<Shape> shapes) override;
  std::vector<Tensor> call_all(Inputs<Tensor> inputs, const CallArgs& args) override;

 private:
  using Layers = std::vector<std::shared_ptr<BaseLayer>>;
  void check_new(const Layers& layers, const Layers& added) const;
  void rebuild(Layers layers);
  void set_graph(Layers layers);

  Layers layers_;
  std::unique_ptr<Graph> graph_;
};

}  // namespace nyala

#pragma GCC visibility pop
