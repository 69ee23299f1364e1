#pragma once
/// Program: a function traced once, as a flat list of ops over numbered values, and replayed.
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <utility>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/core/op.hpp>

namespace nyala::graph {

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// One call of an op: which values it reads and makes.
struct Step {
  AnyOp op;
  std::vector<std::int32_t> inputs;
  std::vector<std::int32_t> outputs;
  std::vector<Spec> specs;              // of the outputs
  std::vector<std::int32_t> last_uses;  // values that nobody reads after this step
};

/// Where a value comes from when the program starts.
struct Source {
  enum class Kind : std::uint8_t { step, input, constant, variable } kind = Kind::step;
  std::size_t input = 0;
  Tensor constant;
  Variable variable;
};

class Program {
 public:
  /// Runs `f` once on abstract tensors of these specs (all sizes known) and keeps what it did: ops,
  /// variables read, variables assigned. Steps that nothing depends on are dropped.
  static std::shared_ptr<const Program> trace(const TensorFunction& f,
                                              const std::vector<Spec>& inputs);

  /// The same with new inputs: reads variables as they are now and assigns them at the end. Safe
  /// from several threads at once unless it assigns.
  std::vector<Tensor> run(const std::vector<Tensor>& inputs) const;

  std::size_t num_steps() const { return steps_.size(); }
  /// One line for each step: op, options, values.
  void print(std::ostream& out) const;

 private:
  friend class Tracer;
  void drop_dead_steps();
  void find_last_uses();

  std::vector<Source> values_;
  std::vector<Step> steps_;
  std::vector<std::int32_t> outputs_;
  std::vector<std::pair<Variable, std::int32_t>> assigned_;
};

}  // namespace nyala::graph
