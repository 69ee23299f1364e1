#pragma once
/// The metrics of a compiled model: which belongs to which output, and what they are called.
#include <string>
#include <vector>

#include <nyala/models/callbacks/logs.hpp>
#include <nyala/models/metrics.hpp>
#include <nyala/models/training/per_output.hpp>

namespace nyala {

class CompiledMetrics {
 public:
  /// Throws ValueError unless each is a list or a dict (or nothing).
  CompiledMetrics(PerOutput<metrics::Metric> plain, PerOutput<metrics::Metric> weighted);

  /// Finds the metrics of each output; does nothing the second time. Throws ValueError for unknown
  /// names of metrics, and when names or counts of outputs do not fit.
  void resolve(const std::vector<std::string>& names, std::size_t num_outputs);
  bool uses(std::size_t output) const;

  void update(const std::vector<Tensor>& y_true,
              const std::vector<Tensor>& y_pred,
              const std::vector<Tensor>& sample_weight) const;
  void reset() const;
  /// Appends the results under Keras's names: those of the metrics, after that of the output where
  /// there are several, made unique.
  void results(callbacks::Logs& logs) const;
  /// In Keras's order: plain ones output by output, then weighted ones.
  std::vector<metrics::Metric> metrics() const;
  /// As they were given, dicts recognised once resolved.
  const PerOutput<metrics::Metric>& plain() const { return plain_; }
  const PerOutput<metrics::Metric>& weighted() const { return weighted_; }

 private:
  struct Item {
    std::size_t output;
    std::string output_name;  // empty for a single output
    metrics::Metric metric;
    bool weighted;
  };
  using Option = PerOutput<metrics::Metric>;
  void add(const Option& option,
           bool weighted,
           const std::vector<std::string>& names,
           std::size_t num_outputs);
  void add_to_output(const Option& option,
                     std::size_t output,
                     const std::string& name,
                     bool weighted);

  Option plain_;
  Option weighted_;
  std::vector<Item> items_;
  bool resolved_ = false;
};

}  // namespace nyala
