// What is done to a tape before it is planned.
#include <algorithm>
#include <cstring>
#include <map>
#include <string>

#include <nyala/autograd/graph/tape_ir.hpp>
#include <nyala/core/kernels/elementwise.hpp>

namespace nyala::graph {
namespace {

using Kind = Value::Kind;

// Constants up to this size are compared by their elements and computed in advance.
constexpr std::int64_t kSmall = 4096;

// Which value stands for another one from here on.
class Renaming {
 public:
  explicit Renaming(const Tape& tape) : to_(tape.values.size()) {
    for (std::size_t i = 0; i < to_.size(); ++i) to_[i] = static_cast<ValueId>(i);
  }
  void replace(ValueId from, ValueId by) { to_[static_cast<std::size_t>(from)] = by; }
  ValueId operator()(ValueId id) const { return to_[static_cast<std::size_t>(id)]; }
  void apply(std::vector<ValueId>& ids) const {
    for (ValueId& id : ids) id = (*this)(id);
  }

 private:
  std::vector<ValueId> to_;
};

bool is_small_constant(const Value& value) {
  return value.kind == Kind::constant && value.constant.size() <= kSmall;
}

std::string bytes_of(const Value& value) {
  const Tensor dense = value.constant.contiguous();
  std::string key(name_of(dense.dtype()));
  key += dense.shape().str();
  key.append(static_cast<const char*>(dense.data()), dense.nbytes());
  return key;
}

std::string key_of(const Step& step) {
  std::string key(step.op.def().name);
  for (ValueId id : step.inputs) key += ',' + std::to_string(id);
  return key + step.op.def().config(step.op.options()).str();
}

// Whether all of a constant is `number`.
bool is_all(const Value& value, double number) {
  if (!is_small_constant(value) || value.constant.size() == 0) return false;
  if (!is_floating(value.spec.dtype)) return false;
  const Tensor dense = value.constant.contiguous();
  return visit_float(value.spec.dtype, [&]<class T>() {
    const T* first = dense.data<T>();
    return std::all_of(
        first, first + dense.size(), [&](T x) { return x == static_cast<T>(number); });
  });
}

// The input that a step gives unchanged, bit for bit; -1 for none.
ValueId unchanged_input(const Tape& tape, const Step& step) {
  using P = Pointwise::Kind;
  const OpDef& def = step.op.def();
  if (def.pointwise.kind != P::binary) return -1;
  const Value& x = tape[step.inputs[0]];
  const Value& y = tape[step.inputs[1]];
  const Spec& out = tape[step.outputs[0]].spec;
  const auto op = static_cast<kernels::Binary>(def.pointwise.kernel);
  const bool times = op == kernels::Binary::multiply;
  if ((times || op == kernels::Binary::divide) && x.spec == out && is_all(y, 1))
    return step.inputs[0];
  if (times && y.spec == out && is_all(x, 1)) return step.inputs[1];
  return -1;
}

bool all_constant(const Tape& tape, const Step& step) {
  return std::all_of(step.inputs.begin(),
                     step.inputs.end(),
                     [&](ValueId id) { return is_small_constant(tape[id]); }) &&
         std::all_of(step.outputs.begin(), step.outputs.end(), [&](ValueId id) {
           return tape[id].spec.shape.num_elements() <= kSmall;
         });
}

void compute_constant(Tape& tape, const Step& step) {
  Tensors inputs, outputs;
  for (ValueId id : step.inputs) inputs.push_back(tape[id].constant);
  step.op.def().run(step.op.options(), Inputs<Tensor>(inputs.data(), inputs.size()), outputs);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Value& value = tape[step.outputs[i]];
    value.kind = Kind::constant;
    value.constant = outputs[i].contiguous();
  }
}

}  // namespace

static void merge_equal_constants(Tape& tape, Renaming& renaming) {
  std::map<std::string, ValueId> known;
  for (std::size_t i = 0; i < tape.values.size(); ++i) {
    if (!is_small_constant(tape.values[i])) continue;
    const auto id = static_cast<ValueId>(i);
    renaming.replace(id, known.try_emplace(bytes_of(tape.values[i]), id).first->second);
  }
}

static void simplify_steps(Tape& tape) {
  Renaming renaming(tape);
  merge_equal_constants(tape, renaming);
  std::map<std::string, std::vector<ValueId>> done;
  std::map<std::string, ValueId> computed;
  std::vector<Step> kept;
  for (Step& step : tape.steps) {
    renaming.apply(step.inputs);
    if (all_constant(tape, step)) {
      compute_constant(tape, step);
      for (ValueId id : step.outputs) {
        renaming.replace(id, computed.try_emplace(bytes_of(tape[id]), id).first->second);
      }
      continue;
    }
    if (const ValueId same = unchanged_input(tape, step); same >= 0) {
      renaming.replace(step.outputs[0], same);
      continue;
    }
    const auto [place, is_new] = done.try_emplace(key_of(step), step.outputs);
    if (is_new) {
      kept.push_back(std::move(step));
      continue;
    }
    for (std::size_t i = 0; i < step.outputs.size(); ++i)
      renaming.replace(step.outputs[i], place->second[i]);
  }
  tape.steps = std::move(kept);
  renaming.apply(tape.outputs);
  for (auto& [variable, id] : tape.assigned) id = renaming(id);
}

static void drop_dead_steps(Tape& tape) {
  std::vector<bool> needed(tape.values.size());
  const auto need = [&](ValueId id) { needed[static_cast<std::size_t>(id)] = true; };
  for (ValueId id : tape.outputs) need(id);
  for (const auto& [variable, id] : tape.assigned) need(id);
  std::vector<Step> kept;
  for (std::size_t i = tape.steps.size(); i-- > 0;) {
    Step& step = tape.steps[i];
    if (std::none_of(step.outputs.begin(), step.outputs.end(), [&](ValueId id) {
          return needed[static_cast<std::size_t>(id)];
        }))
      continue;
    for (ValueId id : step.inputs) need(id);
    kept.push_back(std::move(step));
  }
  std::reverse(kept.begin(), kept.end());
  tape.steps = std::move(kept);
}

void optimize(Tape& tape) {
  drop_dead_steps(tape);
  simplify_steps(tape);
  drop_dead_steps(tape);
}

}  // namespace nyala::graph
