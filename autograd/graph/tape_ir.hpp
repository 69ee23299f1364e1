#pragma once
/// The tape of a traced function: a flat list of ops over numbered values.
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include <nyala/autograd/variable.hpp>
#include <nyala/core/op.hpp>

#pragma GCC visibility push(default)

namespace nyala::graph {

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

/// The number of a value.
using ValueId = std::int32_t;

/// One call of an op: which values it reads and makes.
struct Step {
  AnyOp op;
  std::vector<ValueId> inputs;
  std::vector<ValueId> outputs;
};

/// A tensor, and where it comes from when the program starts.
struct Value {
  enum class Kind : std::uint8_t { step, input, constant, variable } kind = Kind::step;
  Spec spec = {};
  std::size_t input = 0;
  Tensor constant = {};
  Variable variable = {};
};

struct Tape {
  std::vector<Value> values;
  std::vector<Step> steps;
  std::vector<ValueId> outputs;
  std::vector<std::size_t> undefined_outputs = {};     // their positions among all, in order
  std::vector<std::pair<Variable, ValueId>> assigned;  // what each variable is in the end

  Value& operator[](ValueId id) { return values[static_cast<std::size_t>(id)]; }
  const Value& operator[](ValueId id) const { return values[static_cast<std::size_t>(id)]; }
};

/// Runs `f` once on abstract tensors of these specs (all sizes known) and notes what it did: ops,
/// variables read, variables assigned.
Tape trace(const TensorFunction& f, const std::vector<Spec>& inputs);

/// Drops what nothing depends on, computes what is constant, keeps one of steps that do the same,
/// and leaves out multiplications by 1 and their like, and x / c * c, which rounds x twice. No
/// other result changes.
void optimize(Tape& tape);

}  // namespace nyala::graph

#pragma GCC visibility pop
