// What is done to a tape before it is planned.
#include <algorithm>
#include <array>
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
    if (const ValueId same = undivided_input(tape, step, makers); same >= 0) {
      renaming.replace(step.outputs[0], same);
      continue;
    }
    const auto [place, is_new] = done.try_emplace(key_of(step), step.outputs);
    if (is_new) {
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
  // The step of that name that makes a value which is used once; null for none.
  const Step* only_for(const Tape& tape, ValueId id, std::string_view name) const {
    const auto at = static_cast<std::size_t>(id);
    if (maker[at] < 0 || count[at] != 1) return nullptr;
    const Step& step = tape.steps[static_cast<std::size_t>(maker[at])];
    return step.op.def().name == name ? &step : nullptr;
  }
};

// Whether a product is one of rows with a matrix: (..., k) times (k, n).
bool is_dense_product(const Tape& tape, const Step& product) {
  const Spec &x = tape[product.inputs[0]].spec, &w = tape[product.inputs[1]].spec;
  if (!is_floating(x.dtype) || w.shape.rank() != 2 || x.shape.rank() < 1) return false;
  const Config config = product.op.def().config(product.op.options());
  const auto is = [&](const char* name, std::initializer_list<int> axes) {
    const auto& list = config.find(name)->as_list();
    return std::equal(list.begin(), list.end(), axes.begin(), axes.end(), [](const auto& a, int b) {
      return a.as_int() == b;
    });
  };
  return is("x_batch", {}) && is("y_batch", {}) && is("x_contract", {x.shape.rank() - 1}) &&
         is("y_contract", {0});
}

}  // namespace

// A product with a matrix, the row added to it and a relu become one op.
static void fuse_dense(Tape& tape) {
  const Uses uses(tape);
  // From the end, so that a relu takes its addition before that is looked at by itself.
  for (std::size_t i = tape.steps.size(); i-- > 0;) {
    Step& step = tape.steps[i];
    const bool relu = step.op.def().name == "relu";
    const Step* add = relu ? uses.only_for(tape, step.inputs[0], "add") : &step;
    if (add == nullptr || add->op.def().name != "add") continue;
    const Step* product = uses.only_for(tape, add->inputs[0], "dot_general");
    if (product == nullptr || !is_dense_product(tape, *product)) continue;
    const ValueId bias = add->inputs[1];
    const Spec& out = tape[add->outputs[0]].spec;
    if (tape[bias].spec != Spec{{out.shape.back()}, out.dtype}) continue;
    if (out != tape[product->outputs[0]].spec) continue;
    step = {ops::linear_op(relu), {product->inputs[0], product->inputs[1], bias}, step.outputs};
  }
}

// A convolution and a relu become one op.
static void fuse_convolutions(Tape& tape) {
  const Uses uses(tape);
  for (Step& step : tape.steps) {
    if (step.op.def().name != "relu") continue;
    if (const Step* conv = uses.only_for(tape, step.inputs[0], "conv"))
      step = {ops::conv_with_relu(conv->op), conv->inputs, step.outputs};
  }
}

// A reduction of axes of size one keeps the elements: it becomes a reshape.
static void drop_empty_reductions(Tape& tape) {
  constexpr std::array<std::string_view, 4> reductions = {"sum", "prod", "max", "min"};
  for (Step& step : tape.steps) {
    const std::string_view name = step.op.def().name;
    if (std::find(reductions.begin(), reductions.end(), name) == reductions.end()) continue;
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
  drop_empty_reductions(tape);
  simplify_steps(tape);
  drop_dead_steps(tape);
  fuse_dense(tape);
  fuse_convolutions(tape);
  drop_dead_steps(tape);
}

}  // namespace nyala::graph
