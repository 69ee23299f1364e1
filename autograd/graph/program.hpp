#pragma once
/// Program: a function traced once, optimised, planned, and replayed.
#include <iosfwd>
#include <memory>
#include <vector>

#include <nyala/autograd/graph/tape_ir.hpp>

#pragma GCC visibility push(default)

namespace nyala::graph {

/// What a run costs.
struct ProgramStats {
  std::size_t num_traced = 0;    ///< ops on the tape as it was traced
  std::size_t num_steps = 0;     ///< ops on the optimised tape
  std::size_t num_units = 0;     ///< kernels and fused loops that a run calls
  std::int64_t arena_bytes = 0;  ///< memory for what is live within a run
};

/// A handle: copies share the program, which lives as long as one of them.
class Program {
 public:
  /// No program.
  Program() = default;
  /// Traces `f` for inputs of these specs. Throws ValueError for an empty function and where `f`
  /// makes a Variable, ShapeError for sizes that are not known, and LimitError where memory runs
  /// out.
  Program(const TensorFunction& f, const std::vector<Spec>& inputs);

  bool defined() const { return state_ != nullptr; }
  explicit operator bool() const { return defined(); }

  /// Appends the outputs for these inputs; an output is undefined where the function's was. Throws
  /// ValueError, ShapeError or TypeError for inputs of other specs, LimitError where memory runs
  /// out. Reads variables as they are now and writes those that the function assigns; allocates
  /// nothing once it has run, but for outputs that somebody still holds. Safe from several threads
  /// at once unless it assigns. A run that throws leaves all variables and `outputs` as they were.
  void run(Inputs<Tensor> inputs, Tensors& outputs) const;
  /// The same for inputs that are known to fit.
  void replay(Inputs<Tensor> inputs, Tensors& outputs) const;

  ProgramStats stats() const;
  /// The optimised tape with its groups, and where each value is stored.
  void print(std::ostream& out) const;

  struct State;

 private:
  const State& state() const;

  std::shared_ptr<const State> state_;
};

}  // namespace nyala::graph

#pragma GCC visibility pop
