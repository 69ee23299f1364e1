#include <algorithm>
#include <atomic>
#include <memory>

#include <nyala/autograd/control_flow/scan.hpp>
#include <nyala/autograd/graph/body.hpp>
#include <nyala/autograd/graph/plan.hpp>
#include <nyala/autograd/tape.hpp>
#include <nyala/core/kernels/elementwise.hpp>
#include <nyala/core/op.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala::detail {
namespace {

using graph::Body;

Inputs<Tensor> as_inputs(const std::vector<Tensor>& all) { return {all.data(), all.size()}; }

std::int64_t bytes_of(const Tensor& x) { return static_cast<std::int64_t>(x.nbytes()); }

void copy_to(void* to, const Tensor& from) {
  kernels::copy(from.dtype(), from.shape(), {from.data(), from.strides().data()}, to);
}

Shape stacked(const Shape& step, std::int64_t length) {
  Shape shape = step;
  shape.insert(0, length);
  return shape;
}

// Inputs: the carry, xs along a first axis, what stays the same. Outputs: the last carry, the
// results along a first axis and, where a gradient will want it, the carry before each step.
struct Scan {
  static constexpr std::string_view name = "scan";
  static constexpr std::string_view doc = "A loop whose body is a tape.";
  static constexpr Saves saves = Saves::both;
  static constexpr bool partial_gradients = true;
  static constexpr bool moves = true;  // of any dtype: the body's ops see to theirs

  std::shared_ptr<const Body> body = nullptr;
  std::int64_t body_id = 0;
  std::int64_t num_carries = 0;
  std::int64_t num_xs = 0;
  std::int64_t length = 0;
  bool reverse = false;
  bool keeps = false;

  static constexpr auto fields() {
    return std::tuple{
        Field{"body", &Scan::body_id, "Which body."},
        Field{"carries", &Scan::num_carries, "How many tensors go from step to step."},
        Field{"xs", &Scan::num_xs, "How many tensors it goes along."},
        Field{"length", &Scan::length, "The number of steps."},
        Field{"reverse", &Scan::reverse, "Whether it starts at the last step."},
        Field{"keeps", &Scan::keeps, "Whether it gives the carry before each step."}};
  }

  std::size_t carries() const { return static_cast<std::size_t>(num_carries); }
  std::size_t xs() const { return static_cast<std::size_t>(num_xs); }

  Specs infer(Inputs<Spec> in) const {
    const std::vector<Spec>& wanted = body->inputs();
    if (in.size() != wanted.size()) {
      throw ValueError("scan: received " + std::to_string(in.size()) + " inputs, expected " +
                       std::to_string(wanted.size()));
    }
    for (std::size_t i = 0; i < in.size(); ++i) {
      const bool is_x = i >= carries() && i < carries() + xs();
      ops::expect_spec(
          name, in[i], is_x ? stacked(wanted[i].shape, length) : wanted[i].shape, wanted[i].dtype);
    }
    const std::vector<Spec>& made = body->outputs();
    Specs out;
    for (std::size_t i = 0; i < made.size(); ++i)
      out.push_back(i < carries() ? made[i] : Spec{stacked(made[i].shape, length), made[i].dtype});
    for (std::size_t i = 0; keeps && i < carries(); ++i)
      out.push_back({stacked(made[i].shape, length), made[i].dtype});
    return out;
  }

  // What a run works with: kept from run to run, so that none allocates.
  struct Work {
    Tensors inputs;
    Tensors step;  // the body's inputs
    Tensors made;  // its outputs
  };
  void run(Work& work, void* const* outputs) const;
  Kernel prepare(const Layouts& layouts, Workspace&) const;
  Grads vjp(const Saved& saved, Inputs<Tensor> dys) const;
  std::vector<Tensor> kept_carries(const Saved& saved) const;
  static std::vector<SampleOf<Scan>> samples() { return {}; }
};

void Scan::run(Work& work, void* const* outputs) const {
  const std::vector<Spec>& specs = body->inputs();
  const graph::Program& program = body->program();
  const std::size_t first_x = carries(), end_x = first_x + xs(),
                    first_kept = body->outputs().size();
  Tensors& step = work.step;
  for (const Tensor& input : work.inputs) step.push_back(input);
  for (std::size_t i = first_x; i < end_x; ++i)
    step[i] = bare_tensor(specs[i], contiguous_strides(specs[i].shape), nullptr);
  for (std::int64_t s = 0; s < length; ++s) {
    const std::int64_t t = reverse ? length - 1 - s : s;
    const auto put = [&](std::size_t output, const Tensor& x) {
      copy_to(static_cast<std::byte*>(outputs[output]) + t * bytes_of(x), x);
    };
    for (std::size_t i = first_x; i < end_x; ++i)
      step[i].impl()->data = work.inputs[i].impl()->data + t * bytes_of(step[i]);
    for (std::size_t i = 0; keeps && i < first_x; ++i) put(first_kept + i, step[i]);
    work.made.clear();
    program.replay({step.data(), step.size()}, work.made);
    for (std::size_t i = 0; i < first_x; ++i) step[i] = std::move(work.made[i]);
    for (std::size_t i = first_x; i < first_kept; ++i) put(i, work.made[i]);
  }
  for (std::size_t i = 0; i < first_x; ++i) copy_to(outputs[i], step[i]);
  work.made.clear();
  step.clear();
  work.inputs.clear();
}

// A spare Work for one caller at a time; another one that comes meanwhile makes its own.
class SpareWork {
 public:
  ~SpareWork() { delete spare_.load(); }
  std::unique_ptr<Scan::Work> take() {
    std::unique_ptr<Scan::Work> work(spare_.exchange(nullptr));
    return work ? std::move(work) : std::make_unique<Scan::Work>();
  }
  void give_back(std::unique_ptr<Scan::Work> work) { delete spare_.exchange(work.release()); }

 private:
  std::atomic<Scan::Work*> spare_{nullptr};
};

Kernel Scan::prepare(const Layouts& layouts, Workspace&) const {
  std::vector<Spec> specs;
  for (const Tensor& x : layouts.in) specs.push_back(x.spec());
  return [op = *this, specs = std::move(specs), spare = std::make_shared<SpareWork>()](
             const void* const* from, void* const* to) {
    std::unique_ptr<Work> work = spare->take();
    for (std::size_t i = 0; i < specs.size(); ++i) {
      auto* const data = static_cast<std::byte*>(const_cast<void*>(from[i]));
      work->inputs.push_back(bare_tensor(specs[i], contiguous_strides(specs[i].shape), data));
    }
    op.run(*work, to);
    spare->give_back(std::move(work));
  };
}

// A scan the other way: it carries the gradients by the carry and, for what stays the same, their
// sums; it goes along the carry before each step, xs, and the gradients by the results.
Grads Scan::vjp(const Saved& saved, Inputs<Tensor> dys) const {
  const std::size_t first_x = carries(), end_x = first_x + xs(), end = saved.num_inputs();
  const std::size_t first_kept = body->outputs().size();
  const auto is_wanted = [&](std::size_t i) {
    return is_floating(saved.dtype(i)) && (i < first_x || saved.wants(i));
  };
  std::vector<std::size_t> carried, along, fixed;  // inputs that get a gradient
  for (std::size_t i = 0; i < end; ++i) {
    if (is_wanted(i)) (i < first_x ? carried : i < end_x ? along : fixed).push_back(i);
  }
  std::vector<std::size_t> flowing;  // outputs of steps with a gradient; behind them kept carries
  for (std::size_t i = first_x; i < dys.size(); ++i) {
    if (dys[i].defined()) flowing.push_back(i);
  }

  ScanInputs loop{.length = length, .reverse = !reverse};
  for (const std::size_t i : carried)
    loop.carry.push_back(dys[i].defined() ? dys[i] : ops::zeros_like(saved.input(i)));
  for (const std::size_t i : fixed) loop.carry.push_back(ops::zeros_like(saved.input(i)));
  const std::vector<Tensor> before = kept_carries(saved);
  loop.xs = before;
  loop.xs.insert(loop.xs.end(), saved.inputs().begin() + first_x, saved.inputs().begin() + end_x);
  for (const std::size_t i : flowing) loop.xs.push_back(dys[i]);
  loop.fixed.assign(saved.inputs().begin() + end_x, saved.inputs().end());

  const auto back = [&](const std::vector<Tensor>& carry,
                        const std::vector<Tensor>& x,
                        const std::vector<Tensor>& same) {
    std::vector<Tensor> inputs(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(end_x));
    inputs.insert(inputs.end(), same.begin(), same.end());
    std::vector<Tensor> sources, targets;
    GradientArgs flow{.unconnected_gradients = UnconnectedGradients::zero};
    GradientTape tape;
    for (const auto* some : {&carried, &along, &fixed}) {
      for (const std::size_t i : *some) {
        tape.watch(inputs[i]);
        sources.push_back(inputs[i]);
      }
    }
    const std::vector<Tensor> outputs = graph::replay_tape(body->tape(), inputs);
    const auto flows = [&](const Tensor& target, const Tensor& dy) {
      targets.push_back(target);
      flow.output_gradients.push_back(dy);
    };
    for (std::size_t k = 0; k < carried.size(); ++k) flows(outputs[carried[k]], carry[k]);
    for (std::size_t k = 0; k < flowing.size(); ++k) {
      const std::size_t i = flowing[k];
      // The gradient by a kept carry is one by the carry that the step began with.
      flows(i < first_kept ? outputs[i] : inputs[i - first_kept], x[end_x + k]);
    }
    const std::vector<Tensor> grads = tape.gradient(targets, sources, flow);
    const auto part = grads.begin() + static_cast<std::ptrdiff_t>(carried.size());
    const auto rest = part + static_cast<std::ptrdiff_t>(along.size());
    ScanResult made{{grads.begin(), part}, {part, rest}};
    for (std::size_t k = 0; k < fixed.size(); ++k) {
      const Tensor& sum = carry[carried.size() + k];
      made.carry.push_back(sum + *(rest + static_cast<std::ptrdiff_t>(k)));
    }
    return made;
  };
  const ScanResult all = *scan_as_op(back, loop);
  Grads grads(end);
  for (std::size_t k = 0; k < carried.size(); ++k) grads[carried[k]] = all.carry[k];
  for (std::size_t k = 0; k < along.size(); ++k) grads[along[k]] = all.results[k];
  for (std::size_t k = 0; k < fixed.size(); ++k) grads[fixed[k]] = all.carry[carried.size() + k];
  return grads;
}

// The carry before each step; computed again where the scan did not keep it.
std::vector<Tensor> Scan::kept_carries(const Saved& saved) const {
  const auto behind = static_cast<std::ptrdiff_t>(body->outputs().size());
  if (keeps) return {saved.outputs().begin() + behind, saved.outputs().end()};
  Scan again = *this;
  again.keeps = true;
  const Tensors outputs = run_multi(again, saved.inputs());
  return {outputs.begin() + behind, outputs.end()};
}

bool is_recorded(const std::vector<Tensor>& inputs) {
  const Listeners& to = listeners();
  return to.tape != nullptr && std::any_of(inputs.begin(), inputs.end(), [&](const Tensor& input) {
           return is_watched(to, input);
         });
}

}  // namespace

std::optional<ScanResult> scan_as_op(const FixedBody& f, const ScanInputs& in) {
  const std::size_t num_carries = in.carry.size(), num_xs = in.xs.size();
  std::vector<Spec> specs;
  for (const Tensor& carry : in.carry) specs.push_back(carry.spec());
  for (const Tensor& x : in.xs) {
    Shape step = x.shape();
    step.erase(0);
    specs.push_back({step, x.dtype()});
  }
  for (const Tensor& fixed : in.fixed) specs.push_back(fixed.spec());
  std::size_t num_results = 0;
  const auto step = [&](const std::vector<Tensor>& given) {
    const auto x = given.begin() + static_cast<std::ptrdiff_t>(num_carries);
    const auto fixed = x + static_cast<std::ptrdiff_t>(num_xs);
    const std::vector<Tensor> before(given.begin(), x);
    ScanResult made = f(before, {x, fixed}, {fixed, given.end()});
    check_carry(before, made.carry);
    num_results = made.results.size();
    made.carry.insert(made.carry.end(), made.results.begin(), made.results.end());
    return made.carry;
  };
  const graph::Closure closure = graph::trace_closure(step, specs);
  if (closure.has_custom_gradient) return {};

  // Variables that the body assigns are carried behind its own carry.
  std::vector<Tensor> outer = in.carry;
  outer.insert(outer.end(), in.xs.begin(), in.xs.end());
  outer.insert(outer.end(), in.fixed.begin(), in.fixed.end());
  outer.insert(outer.end(), closure.captured.begin(), closure.captured.end());
  std::vector<std::size_t> varying;
  std::vector<graph::ValueId> made = closure.tape.outputs;
  auto behind_carry = made.begin() + static_cast<std::ptrdiff_t>(num_carries);
  for (std::size_t i = 0; i < num_carries; ++i) varying.push_back(i);
  for (const graph::Closure::Assigned& assigned : closure.assigned) {
    varying.push_back(assigned.input);
    behind_carry = made.insert(behind_carry, assigned.value) + 1;
  }
  for (std::size_t i = 0; i < num_xs; ++i) varying.push_back(num_carries + i);
  graph::BoundBody bound = graph::bind_closure(closure, varying, outer, made);

  std::vector<Tensor> inputs;
  for (const std::size_t i : varying) inputs.push_back(outer[i]);
  inputs.insert(inputs.end(), bound.fixed.begin(), bound.fixed.end());
  const std::size_t all_carries = num_carries + closure.assigned.size();
  const std::int64_t id = bound.body->id();
  const Scan op{.body = std::move(bound.body),
                .body_id = id,
                .num_carries = static_cast<std::int64_t>(all_carries),
                .num_xs = static_cast<std::int64_t>(num_xs),
                .length = in.length,
                .reverse = in.reverse,
                .keeps = is_recorded(inputs)};
  const Tensors outputs = run_multi(op, as_inputs(inputs));
  const auto assigned = outputs.begin() + num_carries;
  for (std::size_t i = 0; i < closure.assigned.size(); ++i)
    closure.assigned[i].variable.assign(assigned[i]);
  const auto results = outputs.begin() + all_carries;
  return ScanResult{{outputs.begin(), assigned}, {results, results + num_results}};
}

}  // namespace nyala::detail
