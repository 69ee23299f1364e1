#pragma once
/// The losses of a compiled model: which belongs to which output, their weights, and the mean of
/// each over an epoch.
#include <string>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/models/losses.hpp>
#include <nyala/models/training/per_output.hpp>

namespace nyala {

/// The weighted mean of numbers, kept in variables so that a traced step updates it.
class RunningMean {
 public:
  explicit RunningMean(std::string name);
  const std::string& name() const { return name_; }
  /// Counts `value` (a scalar) `weight` times.
  void update(const Tensor& value, std::int64_t weight) const;
  /// 0 while nothing was counted.
  double result() const;
  void reset() const;
  std::vector<Variable> variables() const { return {total_, count_}; }

 private:
  std::string name_;
  Variable total_;
  Variable count_;
};

class CompiledLoss {
 public:
  /// Throws ValueError for a name that is no loss.
  CompiledLoss(const PerOutput<losses::Loss>& loss, const PerOutput<double>& weights);

  bool given() const { return loss_.given(); }
  /// Finds the losses of each output; does nothing the second time. `names` may be empty for one
  /// output. Throws ValueError when names or counts do not fit. A dict of losses may leave outputs
  /// out only where these are a dict themselves, as in Keras.
  void resolve(const std::vector<std::string>& names,
               std::size_t num_outputs,
               bool outputs_are_dict = false);
  /// Whether some loss looks at this output.
  bool uses(std::size_t output) const;

  /// The weighted sum; undefined when no loss is set. `values` receives the losses themselves.
  Tensor compute(const std::vector<Tensor>& y_true,
                 const std::vector<Tensor>& y_pred,
                 const std::vector<Tensor>& sample_weight,
                 std::vector<Tensor>& values) const;
  /// Counts the values of a batch.
  void track(const std::vector<Tensor>& values, std::int64_t batch) const;
  /// One for each loss when there are several, else none.
  const std::vector<RunningMean>& trackers() const { return trackers_; }

 private:
  struct Item {
    std::size_t output;
    losses::Loss loss;
    double weight;
    bool weighted;
    std::string name;
  };
  void add(std::size_t output, const std::string& output_name, const PerOutput<losses::Loss>& loss);
  void resolve_dict(const std::vector<std::string>& names, bool outputs_are_dict);
  std::vector<double> flat_weights(const std::vector<std::string>& names) const;

  PerOutput<losses::Loss> loss_;
  PerOutput<double> weights_;
  std::vector<Item> items_;
  std::vector<RunningMean> trackers_;
  bool resolved_ = false;
};

namespace detail {
/// "['a', 'b']", as Python prints a list of strings.
std::string python_list(const std::vector<std::string>& names);
}  // namespace detail

}  // namespace nyala
