#include <nyala/core/ops/recurrent.hpp>

#include <cstring>

#include <nyala/core/checked.hpp>
#include <nyala/core/kernels/matmul.hpp>
#include <nyala/core/kernels/recurrent.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

using kernels::Gate;
using kernels::RecurrentCell;

constexpr int kSimple = 0, kLstm = 1, kGru = 2;

// The options of the op and of its gradient.
template <class Self>
struct OfSequence {
  int cell = kSimple;
  int activation = static_cast<int>(Gate::tanh);
  int recurrent_activation = static_cast<int>(Gate::sigmoid);
  bool biased = false;
  bool masked = false;
  bool narrow = false;

  static constexpr auto fields() {
    return std::tuple{
        Field{"cell", &Self::cell, "0: simple, 1: LSTM, 2: GRU.", Range{.min = 0, .max = 2}},
        Field{"activation", &Self::activation, "A kernels::Gate.", Range{.min = 0, .max = 4}},
        Field{"recurrent_activation",
              &Self::recurrent_activation,
              "A kernels::Gate.",
              Range{.min = 0, .max = 4}},
        Field{"biased", &Self::biased, "GRU: whether the state's product has a bias."},
        Field{"masked", &Self::masked, "Whether steps can be left out."},
        Field{"narrow",
              &Self::narrow,
              "Whether products of float32 are of bfloat16, where the CPU has these."}};
  }

  std::int64_t gates() const { return cell == kSimple ? 1 : cell == kLstm ? 4 : 3; }
  Gate gate() const { return static_cast<Gate>(activation); }
  Gate recurrent_gate() const { return static_cast<Gate>(recurrent_activation); }
  template <class Other>
  void copy_options(const Other& other) {
    cell = other.cell;
    activation = other.activation;
    recurrent_activation = other.recurrent_activation;
    biased = other.biased;
    masked = other.masked;
    narrow = other.narrow;
  }
  // Throws ValueError unless there are so many inputs, and the mask where there is one.
  void expect_count(Inputs<Spec> in, std::size_t without_mask) const {
    const std::size_t wanted = without_mask + (masked ? 1u : 0u);
    if (in.size() == wanted) return;
    throw ValueError(std::string(Self::name) + ": received " + std::to_string(in.size()) +
                     " inputs, expected " + std::to_string(wanted));
  }
  // h is (steps + 1, batch, units).
  kernels::RecurrentPlan plan(DType dtype, const Shape& h) const {
    return {dtype,
            static_cast<RecurrentCell>(cell),
            gate(),
            recurrent_gate(),
            h[0] - 1,
            h[1],
            h[2],
            narrow && dtype == DType::float32 && kernels::multiplies(DType::bfloat16)};
  }
};

Shape one_more(const Shape& x, std::int64_t units) {
  return {add_sizes(x[0], 1, "recurrent"), x[1], units};
}

// Inputs: kernel, h, dh, then for LSTM c and, where c has a gradient, dc, for
// cells with gates saved, and the mask. Outputs: dx, dh0, then dc0 (LSTM) or
// the gradient of the state's product (GRU).
struct RecurrentGrad : OfSequence<RecurrentGrad> {
  static constexpr std::string_view name = "recurrent_grad";
  static constexpr std::string_view doc = "The gradient of `recurrent` by its inputs and states.";
  using NoGradient = void;  // `recurrent` is differentiated step by step where a
                            // second one may come

  bool has_dc = false;

  static constexpr auto fields() {
    return std::tuple_cat(
        OfSequence::fields(),
        std::tuple{Field{
            "has_dc", &RecurrentGrad::has_dc, "LSTM: whether the cell states have a gradient."}});
  }
  bool takes_dc() const { return cell == kLstm && has_dc; }
  std::size_t saved_at() const { return 3u + (cell == kLstm ? 1u : 0u) + (takes_dc() ? 1u : 0u); }

  Specs infer(Inputs<Spec> in) const {
    expect_count(in, saved_at() + (cell != kSimple ? 1u : 0u));
    const Shape& h = in[1].shape;
    const DType dtype = in[1].dtype;
    if (h.rank() != 3 || h[0] == 0 || (dtype != DType::float32 && dtype != DType::float64)) {
      throw TypeError("recurrent_grad: received states of shape " + h.str() + " and dtype " +
                      std::string(name_of(dtype)) + ", expected three axes of floats");
    }
    const std::int64_t steps = h[0] == None ? None : h[0] - 1, batch = h[1], units = h[2];
    const std::int64_t width = multiply_sizes(gates(), units, "recurrent_grad");
    expect_spec(name, in[0], {units, width}, dtype);
    const std::size_t like_h = saved_at();
    for (std::size_t i = 2; i < like_h; ++i) expect_spec(name, in[i], h, dtype);
    const std::int64_t saved = multiply_sizes(4, units, "recurrent_grad");
    if (cell != kSimple) expect_spec(name, in[like_h], {steps, batch, saved}, dtype);
    if (masked)
      expect_spec(name, in[like_h + (cell != kSimple ? 1u : 0u)], {steps, batch}, DType::bool_);
    const Spec x{{steps, batch, width}, dtype};
    const Spec state{{batch, units}, dtype};
    if (cell == kSimple) return {x, state};
    return {x, state, cell == kLstm ? state : x};
  }
  void run(const kernels::RecurrentPlan& plan,
           const void* const* in,
           void* const* out,
           void* workspace) const {
    kernels::RecurrentBackward a = {};
    std::size_t next = 0;
    a.kernel = in[next++];
    a.h = in[next++];
    a.dh = in[next++];
    if (cell == kLstm) a.c = in[next++];
    if (takes_dc()) a.dc = in[next++];
    if (cell != kSimple) a.saved = in[next++];
    if (masked) a.mask = static_cast<const bool*>(in[next]);
    a.dx = out[0];
    a.dh0 = out[1];
    if (cell == kLstm) a.dc0 = out[2];
    if (cell == kGru) a.dinner = out[2];
    kernels::recurrent_backward(plan, a, workspace);
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const auto p = plan(at.in[1].dtype(), at.in[1].shape());
    const std::int64_t room = workspace.take(kernels::recurrent_workspace(p, true));
    return [op = *this, p, room](const void* const* from, void* const* to, std::byte* block) {
      op.run(p, from, to, block + room);
    };
  }
  static std::vector<SampleOf<RecurrentGrad>> samples();
};

// Inputs: x, h0, kernel, then c0 (LSTM), the bias and the mask where there are
// any. Outputs: h, then for cells with gates what the gradient reads, then c
// (LSTM).
struct Recurrent : OfSequence<Recurrent> {
  static constexpr std::string_view name = "recurrent";
  static constexpr std::string_view doc = "All steps of a recurrent cell over a sequence.";
  static constexpr Saves saves = Saves::both;
  static constexpr bool partial_gradients = true;

  std::size_t bias_at() const { return cell == kLstm ? 4 : 3; }
  std::size_t mask_at() const { return bias_at() + (biased ? 1 : 0); }

  Specs infer(Inputs<Spec> in) const {
    expect_count(in, 3u + (cell == kLstm ? 1u : 0u) + (biased ? 1u : 0u));
    if (in[0].shape.rank() != 3 || in[1].shape.rank() != 2) {
      throw ShapeError("recurrent: received shapes " + in[0].shape.str() + " and " +
                       in[1].shape.str() + ", expected (steps, batch, width) and (batch, units)");
    }
    const DType dtype = in[0].dtype;
    if (dtype != DType::float32 && dtype != DType::float64) {
      throw TypeError("recurrent: received dtype " + std::string(name_of(dtype)) +
                      ", expected float32 or float64");
    }
    const std::int64_t steps = in[0].shape[0], batch = in[0].shape[1], units = in[1].shape[1];
    const std::int64_t width = multiply_sizes(gates(), units, "recurrent");
    expect_spec(name, in[0], {steps, batch, width}, dtype);
    expect_spec(name, in[1], {batch, units}, dtype);
    expect_spec(name, in[2], {units, width}, dtype);
    if (cell == kLstm) expect_spec(name, in[3], {batch, units}, dtype);
    if (biased) expect_spec(name, in[bias_at()], {width}, dtype);
    if (masked) expect_spec(name, in[mask_at()], {steps, batch}, DType::bool_);
    const Spec states{one_more(in[0].shape, units), dtype};
    if (cell == kSimple) return {states};
    const Spec kept{{steps, batch, multiply_sizes(4, units, "recurrent")}, dtype};
    if (cell == kGru) return {states, kept};
    return {states, kept, states};
  }
  void run(const kernels::RecurrentPlan& plan,
           const void* const* in,
           void* const* out,
           void* workspace) const {
    const auto first = static_cast<std::size_t>(plan.batch * plan.units) * size_of(plan.dtype);
    kernels::RecurrentForward a = {};
    a.x = in[0];
    a.kernel = in[2];
    if (biased) a.bias = in[bias_at()];
    if (masked) a.mask = static_cast<const bool*>(in[mask_at()]);
    a.h = out[0];
    std::memcpy(a.h, in[1], first);
    if (cell != kSimple) a.saved = out[1];
    if (cell == kLstm) {
      a.c = out[2];
      std::memcpy(a.c, in[3], first);
    }
    kernels::recurrent_forward(plan, a, workspace);
  }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const auto p = plan(at.out[0].dtype(), at.out[0].shape());
    const std::int64_t room = workspace.take(kernels::recurrent_workspace(p, false));
    return [op = *this, p, room](const void* const* from, void* const* to, std::byte* block) {
      op.run(p, from, to, block + room);
    };
  }

  // The gradients of x, of the states before the first step, and of the state's
  // product.
  struct Parts {
    Tensor dx, dh0, dc0, dinner;
  };
  Parts fused(const Saved& saved, Inputs<Tensor> dys) const;
  Parts step_by_step(const Saved& saved, Inputs<Tensor> dys) const;
  Tensors reference(Inputs<Tensor> in) const;

  Grads vjp(const Saved& saved, Inputs<Tensor> dys) const {
    // A second gradient may come where a tape listens, and comes where the
    // gates have one.
    const bool by_steps =
        detail::listeners().tape != nullptr || (cell != kSimple && dys[1].defined());
    const Parts parts = by_steps ? step_by_step(saved, dys) : fused(saved, dys);
    const Tensor& inner = cell == kGru ? parts.dinner : parts.dx;
    Grads grads(saved.num_inputs());
    grads[0] = parts.dx;
    grads[1] = parts.dh0;
    if (saved.wants(2)) {
      const Tensor& h = saved.output(0);
      const std::int64_t rows = inner.shape()[0] * inner.shape()[1], units = h.shape()[2];
      const Tensor before =
          reshape(slice(h, std::vector<Range1>{{0, h.shape()[0] - 1}}), {rows, units});
      const DType multiplied = narrow ? DType::bfloat16 : h.dtype();
      const Tensor of_kernel = matmul(transpose(cast(before, multiplied)),
                                      cast(reshape(inner, {rows, gates() * units}), multiplied));
      grads[2] = cast(of_kernel, h.dtype());
    }
    if (cell == kLstm) grads[3] = parts.dc0;
    if (biased) grads[bias_at()] = sum(inner, {.axis = {0, 1}});
    return grads;
  }
  static std::vector<SampleOf<Recurrent>> samples();
};

Tensor or_zeros(const Tensor& dy, const Tensor& like) {
  return dy.defined() ? dy : zeros_like(like);
}

Recurrent::Parts Recurrent::fused(const Saved& saved, Inputs<Tensor> dys) const {
  RecurrentGrad op;
  op.copy_options(*this);
  const Tensor& h = saved.output(0);
  std::vector<Tensor> in = {saved.input(2), h, or_zeros(dys[0], h)};
  if (cell == kLstm) {
    in.push_back(saved.output(2));
    op.has_dc = dys[2].defined();
    if (op.has_dc) in.push_back(dys[2]);
  }
  if (cell != kSimple) in.push_back(saved.output(1));
  if (masked) in.push_back(saved.input(mask_at()));
  const Tensors out = run_multi(op, in);
  return {out[0], out[1], cell == kLstm ? out[2] : Tensor(), cell == kGru ? out[2] : Tensor()};
}

// dy times the derivative of an activation that gave y.
Tensor gate_gradient(Gate gate, const Tensor& dy, const Tensor& y) {
  switch (gate) {
    case Gate::linear: return dy;
    case Gate::relu: return where(y > 0, dy, zeros_like(dy));
    case Gate::tanh: return dy * (1 - y * y);
    case Gate::sigmoid: return dy * (y * (1 - y));
    case Gate::hard_sigmoid: return where(logical_and(y > 0, y < 1), dy / 6, zeros_like(dy));
  }
  throw StateError("recurrent: an activation is unknown");
}
Tensor activate(Gate gate, const Tensor& x) {
  switch (gate) {
    case Gate::linear: return x;
    case Gate::relu: return relu(x);
    case Gate::tanh: return tanh(x);
    case Gate::sigmoid: return sigmoid(x);
    case Gate::hard_sigmoid: return hard_sigmoid(x);
  }
  throw StateError("recurrent: an activation is unknown");
}

// The steps in plain ops.
Tensors Recurrent::reference(Inputs<Tensor> in) const {
  const Tensor& x = in[0];
  const Shape kept_shape = {x.shape()[0], x.shape()[1], 4 * in[1].shape()[1]};
  Tensor h = in[1], c = cell == kLstm ? in[3] : Tensor();
  std::vector<Tensor> all_h = {h}, all_c = {c}, kept;
  for (std::int64_t t = 0; t < x.shape()[0]; ++t) {
    Tensor inner = matmul(h, in[2]), next, next_c, gates_kept;
    if (biased) inner = inner + in[bias_at()];
    if (cell == kSimple) {
      next = activate(gate(), x[t] + inner);
    } else if (cell == kLstm) {
      std::vector<Tensor> y = split(x[t] + inner, 4, {.axis = -1});
      for (std::size_t k = 0; k < 4; ++k) y[k] = activate(k == 2 ? gate() : recurrent_gate(), y[k]);
      next_c = y[1] * c + y[0] * y[2];
      next = y[3] * activate(gate(), next_c);
      gates_kept = concatenate(y, {.axis = -1});
    } else {
      const std::vector<Tensor> a = split(x[t], 3, {.axis = -1}), b = split(inner, 3, {.axis = -1});
      const Tensor z = activate(recurrent_gate(), a[0] + b[0]);
      const Tensor r = activate(recurrent_gate(), a[1] + b[1]);
      const Tensor candidate = activate(gate(), a[2] + r * b[2]);
      next = z * h + (1 - z) * candidate;
      gates_kept = concatenate({z, r, candidate, b[2]}, {.axis = -1});
    }
    const Tensor goes = masked ? expand_dims(in[mask_at()][t], -1) : Tensor();
    h = masked ? where(goes, next, h) : next;
    if (cell == kLstm) c = masked ? where(goes, next_c, c) : next_c;
    all_h.push_back(h);
    all_c.push_back(c);
    kept.push_back(gates_kept);
  }
  if (cell == kSimple) return {stack(all_h)};
  // What the gradient reads holds anything at steps that are left out.
  const Tensor saved = masked         ? Tensor()
                       : kept.empty() ? zeros(kept_shape, {x.dtype()})
                                      : stack(kept);
  return cell == kGru ? Tensors{stack(all_h), saved} : Tensors{stack(all_h), saved, stack(all_c)};
}

// The gradient of one step in plain ops.
struct StepBack {
  const Recurrent& op;
  Tensor dh, dc;  // in: of the states after the step; out: before it, the
                  // product's part aside
  Tensor dx, dinner;

  Tensor last(const Tensor& dy, const Tensor& y) const { return gate_gradient(op.gate(), dy, y); }
  Tensor gate(const Tensor& dy, const Tensor& y) const {
    return gate_gradient(op.recurrent_gate(), dy, y);
  }
  // What comes to part k of the gates from outside.
  static Tensor plus(const Tensor& sum, const std::vector<Tensor>& outside, std::size_t k) {
    return outside.empty() ? sum : sum + outside[k];
  }

  void simple(const Tensor& h) {
    dx = dinner = last(dh, h);
    dh = zeros_like(dh);
  }
  void lstm(const std::vector<Tensor>& y,
            const std::vector<Tensor>& dy,
            const Tensor& c_before,
            const Tensor& c) {
    const Tensor a = activate(op.gate(), c);
    const Tensor of_c = dc + last(dh * y[3], a);
    dx = dinner = concatenate({gate(plus(of_c * y[2], dy, 0), y[0]),
                               gate(plus(of_c * c_before, dy, 1), y[1]),
                               last(plus(of_c * y[0], dy, 2), y[2]),
                               gate(plus(dh * a, dy, 3), y[3])},
                              {.axis = -1});
    dc = of_c * y[1];
    dh = zeros_like(dh);
  }
  void gru(const std::vector<Tensor>& y, const std::vector<Tensor>& dy, const Tensor& h_before) {
    const Tensor z = gate(plus(dh * (h_before - y[2]), dy, 0), y[0]);
    const Tensor candidate = last(plus(dh * (1 - y[0]), dy, 2), y[2]);
    const Tensor reset = gate(plus(candidate * y[3], dy, 1), y[1]);
    const Tensor of_inner = plus(candidate * y[1], dy, 3);
    dx = concatenate({z, reset, candidate}, {.axis = -1});
    dinner = concatenate({z, reset, of_inner}, {.axis = -1});
    dh = dh * y[0];
  }
};

Recurrent::Parts Recurrent::step_by_step(const Saved& saved, Inputs<Tensor> dys) const {
  const Tensor& h = saved.output(0);
  const Tensor turned = transpose(saved.input(2));
  const std::int64_t steps = h.shape()[0] - 1;
  const auto parts_of = [&](const Tensor& all, std::int64_t t) {
    return all.defined() ? split(all[t], 4, {.axis = -1}) : std::vector<Tensor>();
  };
  StepBack step{*this, zeros_like(h[0]), zeros_like(h[0]), {}, {}};
  std::vector<Tensor> dx, dinner;
  for (std::int64_t t = steps; t-- > 0;) {
    if (dys[0].defined()) step.dh = step.dh + dys[0][t + 1];
    if (cell == kLstm && dys[2].defined()) step.dc = step.dc + dys[2][t + 1];
    const Tensor dh = step.dh, dc = step.dc;
    if (cell == kSimple)
      step.simple(h[t + 1]);
    else if (cell == kLstm)
      step.lstm(parts_of(saved.output(1), t),
                parts_of(dys[1], t),
                saved.output(2)[t],
                saved.output(2)[t + 1]);
    else
      step.gru(parts_of(saved.output(1), t), parts_of(dys[1], t), h[t]);
    step.dh = step.dh + matmul(step.dinner, turned);
    if (masked) {
      const Tensor kept = expand_dims(saved.input(mask_at())[t], -1);
      const auto or_else = [&](Tensor& own, const Tensor& other) { own = where(kept, own, other); };
      or_else(step.dx, zeros_like(step.dx));
      or_else(step.dinner, zeros_like(step.dinner));
      or_else(step.dh, dh);
      or_else(step.dc, dc);
    }
    dx.insert(dx.begin(), step.dx);
    dinner.insert(dinner.begin(), step.dinner);
  }
  if (dys[0].defined()) step.dh = step.dh + dys[0][0];
  if (cell == kLstm && dys[2].defined()) step.dc = step.dc + dys[2][0];
  const Tensor none = zeros_like(saved.input(0));
  return {dx.empty() ? none : stack(dx), step.dh, step.dc, dx.empty() ? none : stack(dinner)};
}

std::vector<SampleOf<Recurrent>> Recurrent::samples() {
  std::vector<SampleOf<Recurrent>> samples;
  const auto add = [&](Recurrent op, std::int64_t steps, std::int64_t batch, std::int64_t units) {
    const std::int64_t width = op.gates() * units;
    std::vector<SampleInput> in = {
        {{steps, batch, width}}, {{batch, units}, -1, 1}, {{units, width}, -1, 1}};
    if (op.cell == kLstm) in.push_back({{batch, units}, -1, 1});
    if (op.biased) in.push_back({{width}, -1, 1});
    if (op.masked) in.push_back({{steps, batch}, 0, 1, DType::bool_});
    samples.push_back({op, in});
  };
  for (const int cell : {kSimple, kLstm, kGru}) {
    for (const bool masked : {false, true}) {
      Recurrent op;
      op.cell = cell;
      op.masked = masked;
      op.biased = cell == kGru;
      add(op, 3, 2, 3);
    }
    Recurrent other;
    other.cell = cell;
    other.activation = static_cast<int>(Gate::linear);
    other.recurrent_activation = static_cast<int>(Gate::tanh);
    add(other, 2, 3, 2);
    add(other, 2, 0, 2);
    add(other, 0, 2, 2);
  }
  return samples;
}

std::vector<SampleOf<RecurrentGrad>> RecurrentGrad::samples() {
  std::vector<SampleOf<RecurrentGrad>> samples;
  for (const SampleOf<Recurrent>& sample : Recurrent::samples()) {
    RecurrentGrad op;
    op.copy_options(sample.op);
    op.has_dc = op.cell == kLstm && !op.masked;
    const Shape& x = sample.inputs[0].shape;
    const Shape& kernel = sample.inputs[2].shape;
    const SampleInput states{{x[0] + 1, x[1], kernel[0]}, -1, 1};
    std::vector<SampleInput> in = {{kernel, -1, 1}};
    in.insert(in.end(), op.saved_at() - 1, states);
    if (op.cell != kSimple) in.push_back({{x[0], x[1], 4 * kernel[0]}, 0.1, 0.9});
    if (op.masked) in.push_back({{x[0], x[1]}, 0, 1, DType::bool_});
    samples.push_back({op, in});
  }
  return samples;
}

}  // namespace

RecurrentStates recurrent(const RecurrentInputs& inputs, const RecurrentArgs& args) {
  Recurrent op;
  op.cell = static_cast<int>(args.cell);
  op.activation = static_cast<int>(args.activation);
  op.recurrent_activation = static_cast<int>(args.recurrent_activation);
  op.biased = inputs.bias.defined();
  op.masked = inputs.mask.defined();
  const DType dtype = inputs.x.dtype();
  op.narrow = dtype == DType::bfloat16 && kernels::multiplies(dtype);
  std::vector<Tensor> in;
  for (const Tensor& x : {inputs.x, inputs.h, inputs.kernel, inputs.c, inputs.bias}) {
    if (x.defined()) in.push_back(cast(x, computed_in(x.dtype())));
  }
  if (op.masked) in.push_back(inputs.mask);
  const Tensors out = run_multi(op, in);
  return {cast(out[0], dtype), op.cell == kLstm ? cast(out[2], dtype) : Tensor()};
}

std::optional<Gate> gate_named(std::string_view name) {
  constexpr std::pair<std::string_view, Gate> kNames[] = {{"linear", Gate::linear},
                                                          {"relu", Gate::relu},
                                                          {"tanh", Gate::tanh},
                                                          {"sigmoid", Gate::sigmoid},
                                                          {"hard_sigmoid", Gate::hard_sigmoid}};
  for (const auto& [known, gate] : kNames) {
    if (known == name) return gate;
  }
  return std::nullopt;
}

}  // namespace ops

using namespace ops;
NYALA_OP(Recurrent)
NYALA_OP(RecurrentGrad)

}  // namespace nyala
