// What is done to a tape before it is planned.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <string>

#include <nyala/autograd/graph/tape_ir.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/ops/rewriting.hpp>

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
  if (!is_floating(value.spec.dtype) || !has_kernels(value.spec.dtype)) return false;
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

// Whether all of a constant are finite numbers of which the absolute value is 1 or more.
bool is_all_large(const Value& value) {
  if (!is_small_constant(value) || !is_floating(value.spec.dtype)) return false;
  if (!has_kernels(value.spec.dtype)) return false;
  const Tensor dense = value.constant.contiguous();
  return visit_float(value.spec.dtype, [&]<class T>() {
    const T* first = dense.data<T>();
    return std::all_of(
        first, first + dense.size(), [](T x) { return std::isfinite(x) && std::abs(x) >= 1; });
  });
}

// The x of a step that multiplies x / c by c again, for a constant from which x / c is no larger: a
// mean that a metric counts as often as there are samples. `makers` gives each value's step. -1 for
// none.
ValueId undivided_input(const Tape& tape,
                        const Step& step,
                        const std::vector<const Step*>& makers) {
  const auto is = [](const Step& s, kernels::Binary kernel) {
    const Pointwise& pointwise = s.op.def().pointwise;
    return pointwise.kind == Pointwise::Kind::binary &&
           pointwise.kernel == static_cast<std::uint8_t>(kernel);
  };
  if (!is(step, kernels::Binary::multiply)) return -1;
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
    const Step* const quotient = makers[static_cast<std::size_t>(step.inputs[i])];
    const ValueId factor = step.inputs[1 - i];
    if (quotient == nullptr || !is(*quotient, kernels::Binary::divide)) continue;
    const ValueId x = quotient->inputs[0];
    if (quotient->inputs[1] == factor && tape[x].spec == tape[step.outputs[0]].spec &&
        is_all_large(tape[factor]))
      return x;
  }
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
  kept.reserve(tape.steps.size());  // for `makers`
  std::vector<const Step*> makers(tape.values.size());
  for (Step& step : tape.steps) {
    renaming.apply(step.inputs);
    const bool has_effects = step.op.def().effects;
    if (!has_effects && all_constant(tape, step)) {
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
    if (const ValueId same = undivided_input(tape, step, makers); same >= 0) {
      renaming.replace(step.outputs[0], same);
      continue;
    }
    const auto [place, is_new] = done.try_emplace(key_of(step), step.outputs);
    if (is_new || has_effects) {
      kept.push_back(std::move(step));
      for (ValueId id : kept.back().outputs) makers[static_cast<std::size_t>(id)] = &kept.back();
      continue;
    }
    for (std::size_t i = 0; i < step.outputs.size(); ++i)
      renaming.replace(step.outputs[i], place->second[i]);
  }
  tape.steps = std::move(kept);
  renaming.apply(tape.outputs);
  for (auto& [variable, id] : tape.assigned) id = renaming(id);
}

namespace {

// How often each value is used, and by which step it is made (-1 for none).
struct Uses {
  std::vector<int> count;
  std::vector<std::ptrdiff_t> maker;

  explicit Uses(const Tape& tape) : count(tape.values.size()), maker(tape.values.size(), -1) {
    for (std::size_t i = 0; i < tape.steps.size(); ++i) {
      for (ValueId id : tape.steps[i].inputs) ++count[static_cast<std::size_t>(id)];
      for (ValueId id : tape.steps[i].outputs)
        maker[static_cast<std::size_t>(id)] = static_cast<std::ptrdiff_t>(i);
    }
    for (ValueId id : tape.outputs) ++count[static_cast<std::size_t>(id)];
    for (const auto& [variable, id] : tape.assigned) ++count[static_cast<std::size_t>(id)];
  }
  // The step that makes a value which is used once; null for none.
  const Step* only_for(const Tape& tape, ValueId id) const {
    const auto at = static_cast<std::size_t>(id);
    if (maker[at] < 0 || count[at] != 1) return nullptr;
    return &tape.steps[static_cast<std::size_t>(maker[at])];
  }
};

// What a step does to the result of a product, so that the product can do it: the product's value
// (-1 where it does nothing of the kind), the row that is added (-1 for none) and the epilogue.
struct AfterProduct {
  ValueId product = -1;
  ValueId bias = -1;
  Epilogue epilogue = {};
};

AfterProduct after_product(const Tape& tape, const Step& step) {
  using P = Pointwise::Kind;
  const Pointwise& pointwise = step.op.def().pointwise;
  AfterProduct after;
  if (pointwise.kind == P::unary) {
    after.product = step.inputs[0];
    after.epilogue.activation = static_cast<kernels::Unary>(pointwise.kernel);
  } else if (pointwise.kind == P::binary &&
             pointwise.kernel == static_cast<std::uint8_t>(kernels::Binary::add)) {
    const Spec& out = tape[step.outputs[0]].spec;
    const bool fits = out.shape.rank() > 0 && tape[step.inputs[0]].spec == out &&
                      tape[step.inputs[1]].spec == Spec{{out.shape.back()}, out.dtype};
    if (!fits) return after;
    after.product = step.inputs[0];
    after.bias = step.inputs[1];
    after.epilogue.bias = true;
  }
  return after;
}

}  // namespace

// A product, the row added to it and an activation become one op, where the product takes them in.
static void fuse_epilogues(Tape& tape) {
  const Uses uses(tape);
  for (Step& step : tape.steps) {
    const AfterProduct after = after_product(tape, step);
    const Step* const product = after.product < 0 ? nullptr : uses.only_for(tape, after.product);
    if (product == nullptr || product->op.def().with_epilogue == nullptr) continue;
    Tensors inputs;
    for (ValueId id : product->inputs)
      inputs.push_back(Tensor::abstract(tape[id].spec.shape, tape[id].spec.dtype));
    AnyOp op = product->op.def().with_epilogue(
        product->op.options(), {inputs.data(), inputs.size()}, after.epilogue);
    if (!op) continue;
    std::vector<ValueId> operands = product->inputs;
    if (after.bias >= 0) operands.push_back(after.bias);
    step = {std::move(op), std::move(operands), step.outputs};
  }
}

// A reduction of axes of size one keeps the elements: it becomes a reshape.
static void drop_empty_reductions(Tape& tape) {
  for (Step& step : tape.steps) {
    if (step.op.def().reduction == nullptr) continue;
    if (tape[step.inputs[0]].spec.dtype != tape[step.outputs[0]].spec.dtype) continue;
    const Shape& to = tape[step.outputs[0]].spec.shape;
    if (tape[step.inputs[0]].spec.shape.num_elements() == to.num_elements() &&
        to.num_elements() > 0)
      step.op = ops::reshape_op(to);
  }
}

static void drop_dead_steps(Tape& tape) {
  std::vector<bool> needed(tape.values.size());
  const auto need = [&](ValueId id) { needed[static_cast<std::size_t>(id)] = true; };
  for (ValueId id : tape.outputs) need(id);
  for (const auto& [variable, id] : tape.assigned) need(id);
  std::vector<Step> kept;
  for (std::size_t i = tape.steps.size(); i-- > 0;) {
    Step& step = tape.steps[i];
    if (!step.op.def().effects &&
        std::none_of(step.outputs.begin(), step.outputs.end(), [&](ValueId id) {
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
  drop_empty_reductions(tape);
  simplify_steps(tape);
  drop_dead_steps(tape);
  fuse_epilogues(tape);
  drop_dead_steps(tape);
}

}  // namespace nyala::graph
