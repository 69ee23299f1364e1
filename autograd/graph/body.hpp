#pragma once
/// Body: a function that one op of a program holds and runs many times (the step of a loop). Not
/// part of the public API.
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <nyala/autograd/graph/program.hpp>
#include <nyala/autograd/graph/tape_ir.hpp>

namespace nyala::graph {

/// The tape of a function that reads tensors and variables from around it. Each of these is a
/// further input, behind those that the function was given.
struct Closure {
  /// A variable that the function assigns: which input it starts as, and what it is in the end.
  struct Assigned {
    Variable variable;
    std::size_t input;
    ValueId value;
  };

  Tape tape;
  std::vector<Tensor> captured;  ///< what the further inputs are
  std::vector<Assigned> assigned;
  /// Whether it calls custom_gradient: its gradient is not that of its steps.
  bool has_custom_gradient = false;
};
/// Runs `f` as `trace` does, within another trace or outside of one.
Closure trace_closure(const TensorFunction& f, const std::vector<Spec>& inputs);
/// Tells the closure that this thread traces, if any, of a call of custom_gradient.
void note_custom_gradient();

/// Which values the inputs of a tape are, in their order.
std::vector<ValueId> input_ids(const Tape& tape);

/// Copies the elements to contiguous memory.
void copy_to(void* to, const Tensor& from);

/// Makes each step of the tape again with these inputs; recorded where something listens.
std::vector<Tensor> replay_tape(const Tape& tape, const std::vector<Tensor>& inputs);

/// The steps of a tape from `first` to `end` - 1. What they read and do not make are `inputs`, or
/// constants.
Tape part_of(const Tape& tape,
             std::size_t first,
             std::size_t end,
             const std::vector<ValueId>& inputs,
             const std::vector<ValueId>& outputs);

/// A closure as a function of its inputs alone. Copies of a handle share it.
class Body {
 public:
  explicit Body(Tape tape);

  const Tape& tape() const { return tape_; }
  /// Tells bodies apart.
  std::int64_t id() const { return id_; }
  const std::vector<Spec>& inputs() const { return inputs_; }
  const std::vector<Spec>& outputs() const { return outputs_; }
  /// The body as a program, made at the first call.
  const Program& program() const;

 private:
  Tape tape_;
  std::vector<Spec> inputs_, outputs_;
  std::int64_t id_;
  mutable std::once_flag once_;
  mutable Program program_;
};

/// A body and what its last inputs are, which stay the same however often it runs.
struct BoundBody {
  std::shared_ptr<const Body> body;
  std::vector<Tensor> fixed;
};
/// Makes a body of a closure. Its first inputs are those that `varying` names, in that order; what
/// depends on others alone is computed here and now, once.
BoundBody bind_closure(const Closure& closure,
                       const std::vector<std::size_t>& varying,
                       const std::vector<Tensor>& inputs,
                       const std::vector<ValueId>& outputs);

}  // namespace nyala::graph
