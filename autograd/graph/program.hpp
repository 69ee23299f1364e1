#pragma once
/// Program: a function traced once, optimised, planned, and replayed.
#include <atomic>
#include <iosfwd>
#include <memory>
#include <mutex>
#include <vector>

#include <nyala/autograd/graph/tape_ir.hpp>

namespace nyala::graph {

struct Plan;
class Instance;

/// What a run costs.
struct ProgramStats {
  std::size_t num_traced = 0;    ///< ops on the tape as it was traced
  std::size_t num_steps = 0;     ///< ops on the optimised tape
  std::size_t num_units = 0;     ///< kernels or passes that are called in a run
  std::int64_t arena_bytes = 0;  ///< memory for what lives within a run
};

class Program {
 public:
  /// Traces `f` for inputs of these specs.
  Program(const TensorFunction& f, const std::vector<Spec>& inputs);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  /// Appends the outputs for these inputs, of the specs given. Reads variables as they are now and
  /// writes those that the function assigns; allocates nothing once it has run, but for outputs
  /// that somebody still holds. Safe from several threads at once unless it assigns. A run that
  /// throws leaves all variables as they were.
  void run(Inputs<Tensor> inputs, Tensors& outputs) const;

  ProgramStats stats() const;
  /// The optimised tape with its units, and where each value lies.
  void print(std::ostream& out) const;

 private:
  std::unique_ptr<Instance> take() const;
  void give_back(std::unique_ptr<Instance> instance) const;

  Tape tape_;
  std::size_t num_traced_;
  std::unique_ptr<const Plan> plan_;
  // Instances that no thread uses: one at hand without a lock, more in a list.
  mutable std::atomic<Instance*> spare_{nullptr};
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Instance>> spares_;
};

}  // namespace nyala::graph
