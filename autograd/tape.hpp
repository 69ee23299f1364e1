#pragma once
/// GradientTape: what `tf.GradientTape` is in Python.
///
///   GradientTape tape;
///   Tensor loss = ops::mean(ops::square(model(x) - y));
///   std::vector<Tensor> gradients = tape.gradient(loss, model.trainable_variables());
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

class Listener;

struct TapeArgs {
  bool persistent = false;  ///< whether `gradient` may be called more than once
  /// Whether trainable variables are watched without a call of `watch`.
  bool watch_accessed_variables = true;
};

enum class UnconnectedGradients : std::uint8_t { none, zero };

struct GradientArgs {
  /// What flows into each target, of its shape and dtype; ones without it, or where undefined.
  std::vector<Tensor> output_gradients = {};
  /// What stands for the gradient of a source that no target depends on.
  UnconnectedGradients unconnected_gradients = UnconnectedGradients::none;
};

/// The gradient of a variable whose rows were gathered: row `indices[i]` gets `values[i]`, and rows
/// named more than once get the sum. All other rows get 0. Without `indices`, `values` is the whole
/// gradient.
struct IndexedSlices {
  Tensor values;   ///< (n, ...) gradients of rows
  Tensor indices;  ///< (n,) int64
  Shape dense_shape;

  bool is_indexed() const { return indices.defined(); }

  /// The same as an ordinary tensor.
  Tensor to_dense() const;
};

/// Records the ops of this thread from its construction to its end (or to the first `gradient`,
/// when not persistent) and computes gradients of what it recorded. Tapes nest to any order: what
/// an inner tape computes, an outer one records. A tape belongs to the thread that made it: from
/// another one every call throws StateError, and it has to end on its own. Every call throws
/// StateError for an undefined tensor or variable, and LimitError where memory runs out.
class GradientTape {
 public:
  explicit GradientTape(const TapeArgs& args = {});
  ~GradientTape();
  GradientTape(const GradientTape&) = delete;
  GradientTape& operator=(const GradientTape&) = delete;

  /// Follows a tensor (or a variable that is not trainable) from here on.
  void watch(const Tensor& tensor);
  void watch(const Variable& variable);
  /// The trainable variables read so far.
  std::vector<std::uint64_t> watched_variable_ids() const;

  /// d(sum of target) / d(source), of the source's shape; undefined where there is no path, ones
  /// for a target that is the source itself. Throws StateError when a tape that is not persistent
  /// is asked twice, and TypeError for a target that is not floating.
  Tensor gradient(const Tensor& target, const Variable& source, const GradientArgs& args = {});
  Tensor gradient(const Tensor& target, const Tensor& source, const GradientArgs& args = {});
  std::vector<Tensor> gradient(const Tensor& target,
                               const std::vector<Variable>& sources,
                               const GradientArgs& args = {});
  std::vector<Tensor> gradient(const Tensor& target,
                               const std::vector<Tensor>& sources,
                               const GradientArgs& args = {});
  std::vector<Tensor> gradient(const std::vector<Tensor>& targets,
                               const std::vector<Variable>& sources,
                               const GradientArgs& args = {});
  std::vector<Tensor> gradient(const std::vector<Tensor>& targets,
                               const std::vector<Tensor>& sources,
                               const GradientArgs& args = {});

  /// The gradient of a variable that was only used by gathering its rows (Embedding), as rows.
  /// Throws ValueError where it was used otherwise.
  IndexedSlices indexed_gradient(const Tensor& target, const Variable& source);
  /// Gradients as `gradient` gives them, but as rows for each variable that was only used by
  /// gathering its rows: no tensor of the variable's size is made for it. What
  /// `Optimizer::apply_indexed` takes.
  std::vector<IndexedSlices> indexed_gradients(const Tensor& target,
                                               const std::vector<Variable>& sources);

  /// d(target) / d(source), of shape target.shape() + source.shape().
  Tensor jacobian(const Tensor& target, const Variable& source);
  Tensor jacobian(const Tensor& target, const Tensor& source);
  /// The same sample by sample: (batch, target's axes, source's axes). Each target row must depend
  /// on the source's row of the same number only.
  Tensor batch_jacobian(const Tensor& target, const Tensor& source);

  /// While the returned object lives, this thread records nothing.
  class Pause {
   public:
    Pause();
    ~Pause();
    Pause(const Pause&) = delete;
    Pause& operator=(const Pause&) = delete;

   private:
    Listener* saved_;
  };
  [[nodiscard]] static Pause stop_recording() { return Pause(); }
  /// Forgets what was recorded and starts anew.
  void reset();

 private:
  struct Source;
  void expect_thread(const char* call) const;
  void expect_unused(const char* call) const;
  void watch_variable(std::uint64_t id);
  std::int64_t node_of_variable(std::uint64_t id);
  Source source_of(const Tensor& tensor);
  Source source_of(const Variable& variable);
  template <class T>
  std::vector<Source> sources_of(const std::vector<T>& all, const char* call);
  template <class T>
  std::vector<Tensor> gradients(const std::vector<Tensor>& targets,
                                const std::vector<T>& sources,
                                const GradientArgs& args);
  std::vector<Tensor> run(const std::vector<Tensor>& targets,
                          const std::vector<Source>& sources,
                          const GradientArgs& args,
                          std::vector<IndexedSlices>* indexed);
  template <class T>
  Tensor jacobian_of(const Tensor& target, const T& source, const char* call);
  void start();
  void stop();

  TapeArgs args_;
  std::int64_t begin_ = 0;
  std::int64_t end_ = -1;  // while it records: -1
  bool used_ = false;
  std::vector<std::uint64_t> watched_;  // by `watch`, where accessed variables are not
};

/// What a function with a gradient of its own gives: its value, and how a gradient flows back: one
/// tensor for each input, of its shape and dtype, or an undefined one for no gradient.
struct CustomGradient {
  Tensor value;
  std::function<std::vector<Tensor>(const Tensor& dy)> gradient;
};
/// Calls `f` so that tapes see one op whose gradient is the one that `f` gives. Throws ValueError
/// for empty functions and undefined tensors; `tape.gradient` throws ValueError, ShapeError or
/// TypeError for gradients that do not fit the inputs.
Tensor custom_gradient(const std::function<CustomGradient(const std::vector<Tensor>&)>& f,
                       const std::vector<Tensor>& inputs);

}  // namespace nyala

#pragma GCC visibility pop
