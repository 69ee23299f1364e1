#pragma once
/// What an op is, and how one runs.
///
/// An op is a struct that says everything about itself once: `name`, `doc`, options with
/// `fields()`, `infer` (the specs of its outputs), how it computes, `vjp` (its gradient, written
/// with ops), what that gradient reads, and `samples()`. NYALA_OP and one line in ops.def enrol it;
/// eager execution, shape inference, recording, the compiled program and the generic tests come
/// from there.
///
/// It computes by `prepare(layouts, workspace)`, which gives a Kernel or any function object like
/// one; by `forward(inputs, output)` (`outputs`, a span, of several), which may stand beside it
/// where an eager call has a shorter way; or by `view(spec, strides)`, when the result shares the
/// elements of its input.
///
/// Optional members, each a trait that compiled programs and tests read:
///   kernel, pointwise          works element by element (see Pointwise)
///   moves                      takes every dtype, as it only moves elements
///   takes(dtype)               whether it computes in a dtype that most ops cast from
///   in_place                   the result may lie where the first input does
///   effects                    does more than give results: calls keep their order, and none is
///                              left out, merged with an equal one or made in advance
///   partial_gradients          `vjp` can do without some of the outputs' gradients
///   reads_strided(i, input)    whether `prepare` takes input i with these strides; without it, it
///                              is given contiguous inputs alone
///   reduction(rank)            see ReductionTraits
///   product(inputs)            std::optional<kernels::MatmulPlan>
///   with_epilogue(inputs, epilogue)
///   indexed_vjp(saved, dy, values, indices)
///   reference(inputs)          the same results, made of other ops
#include <concepts>
#include <new>
#include <tuple>

#include <nyala/core/op_def.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// The contract of an op. `NoGradient` in place of a vjp says that it has none.
struct NoGradient {};
template <class O>
concept Op = requires(const O& op, Inputs<Spec> specs) {
  { O::name } -> std::convertible_to<std::string_view>;
  { O::doc } -> std::convertible_to<std::string_view>;
  { O::samples() } -> std::convertible_to<std::vector<SampleOf<O>>>;
  O::fields();
  op.infer(specs);
}
&&(
    requires(const O& op, const Spec& spec, const Shape& strides) {
      { op.view(spec, strides) } -> std::same_as<std::optional<ViewLayout>>;
    } ||
    requires(const O& op, Layouts layouts, Workspace& workspace) {
      op.prepare(layouts, workspace);
    } ||
    requires(const O& op, Inputs<Tensor> in, Tensor& out) { op.forward(in, out); } ||
    requires(const O& op, Inputs<Tensor> in, std::span<Tensor> out) { op.forward(in, out); }) &&
    (
        requires { typename O::NoGradient; } ||
        requires(const O& op, const Saved& saved, const Tensor& dy) {
          { O::saves } -> std::convertible_to<Saves>;
          { op.vjp(saved, dy) } -> std::same_as<Grads>;
        } ||
        requires(const O& op, const Saved& saved, Inputs<Tensor> dys) {
          { O::saves } -> std::convertible_to<Saves>;
          { op.vjp(saved, dys) } -> std::same_as<Grads>;
        });

namespace detail {

struct Listeners {
  Listener* tape = nullptr;  // null when nothing records
  // The nodes of this thread's live records: a tensor with another one belongs to a tape that ended
  // or to another thread.
  std::int64_t first_node = 0;
  std::int64_t end_node = 0;
  Listener* tracer = nullptr;
  std::uint64_t trace = 0;
};
inline constinit thread_local Listeners t_listeners;
inline Listeners& listeners() noexcept { return t_listeners; }

template <class O>
constexpr bool kViews = requires(const O& op, const Spec& spec, const Shape& strides) {
  op.view(spec, strides);
};
template <class O>
constexpr bool kPrepares = requires(const O& op, Layouts layouts, Workspace& workspace) {
  op.prepare(layouts, workspace);
};
template <class O>
constexpr bool kForwards = requires(const O& op, Inputs<Tensor> in, Tensor& out) {
  op.forward(in, out);
}
|| requires(const O& op, Inputs<Tensor> in, std::span<Tensor> out) { op.forward(in, out); };
/// An op that moves elements, whatever their dtype, says `moves`; all others compute.
template <class O>
constexpr bool kMoves = kViews<O> || requires {
  O::moves;
};
/// Whether an input of this dtype goes to the op as it is, and not cast to another.
template <class O>
constexpr bool takes(DType dtype) {
  if constexpr (kMoves<O>) {
    return true;
  } else if constexpr (requires { O::takes(dtype); }) {
    return has_kernels(dtype) || O::takes(dtype);
  } else {
    return has_kernels(dtype);
  }
}
template <class O>
constexpr bool kMulti = !requires(const O& op, Inputs<Spec> specs) {
  { op.infer(specs) } -> std::same_as<Spec>;
};

template <Op O>
const OpDef& op_def();

[[noreturn]] void throw_undefined(std::string_view name, std::size_t input);
/// Runs an op whose kernels do not take the dtypes of its inputs: it computes in `computed_in` of
/// each, and the outputs are cast to the dtypes that it infers. The casts are ops like any.
void run_widened(const OpDef& def, const void* options, Inputs<Tensor> inputs, Tensors& outputs);
/// Notes the call with whoever listens.
void announce(const OpDef& def,
              const void* options,
              Inputs<Tensor> inputs,
              std::span<Tensor> outputs);
inline bool is_recorded(const Listeners& to, const Tensor& tensor) {
  const std::int64_t node = tensor.impl()->node;
  return node >= to.first_node && node < to.end_node;
}
inline bool is_watched(const Listeners& to, const Tensor& tensor) {
  return tensor.impl()->variable != 0 || is_recorded(to, tensor);
}

template <class O>
void infer_into(const O& op, Inputs<Spec> specs, Specs& out) {
  if constexpr (requires {
                  { op.infer(specs) } -> std::same_as<Spec>;
                })
    out.push_back(op.infer(specs));
  else
    out = op.infer(specs);
}

/// Whether `prepare` takes an input of this layout; else it gets a contiguous copy.
template <class O>
bool takes_layout([[maybe_unused]] const O& op,
                  [[maybe_unused]] std::size_t i,
                  const Tensor& input) {
  if constexpr (requires { op.reads_strided(i, input); })
    return input.is_contiguous() || op.reads_strided(i, input);
  else
    return input.is_contiguous();
}

/// Calls a prepared kernel, be it a Kernel or the function object itself.
template <class K>
void call_kernel(const K& kernel,
                 const void* const* inputs,
                 void* const* outputs,
                 [[maybe_unused]] std::byte* workspace) {
  if constexpr (std::invocable<const K&, const void* const*, void* const*>)
    kernel(inputs, outputs);
  else
    kernel(inputs, outputs, workspace);
}

/// Prepares an op and runs it at once.
template <class O>
void run_prepared(const O& op, Inputs<Tensor> inputs, std::span<Tensor> outputs) {
  SmallVector<Tensor, 4> copies;  // of the inputs, from the first that has to be copied
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const bool fits = takes_layout(op, i, inputs[i]);
    if (fits && copies.size() == 0) continue;
    for (std::size_t k = copies.size(); k < i; ++k) copies.push_back(inputs[k]);
    copies.push_back(fits ? inputs[i] : inputs[i].contiguous());
  }
  if (copies.size() > 0) inputs = Inputs<Tensor>(copies.data(), copies.size());
  Workspace workspace;
  const Layouts layouts{inputs, std::span<const Tensor>(outputs)};
  const auto kernel = op.prepare(layouts, workspace);
  Tensor block;
  if (workspace.bytes() > 0) block = Tensor::empty({workspace.bytes()}, DType::uint8);
  SmallVector<const void*, 6> from;
  SmallVector<void*, 3> to;
  for (const Tensor& input : inputs) from.push_back(input.data());
  for (Tensor& output : outputs) to.push_back(output.mutable_data());
  call_kernel(kernel,
              from.data(),
              to.data(),
              block.defined() ? static_cast<std::byte*>(block.mutable_data()) : nullptr);
}

/// Into outputs that are there already.
template <class O>
void compute(const O& op, Inputs<Tensor> inputs, std::span<Tensor> outputs) {
  if constexpr (!kForwards<O>)
    run_prepared(op, inputs, outputs);
  else if constexpr (requires { op.forward(inputs, outputs[0]); })
    op.forward(inputs, outputs[0]);
  else
    op.forward(inputs, outputs);
}

/// The result of an op that gives views, on the memory of its input or of a copy.
template <class O>
Tensor view_of(const O& op, const Tensor& input) {
  if (const auto view = op.view(input.spec(), input.strides()))
    return Tensor::strided(input, view->shape, view->strides, view->offset);
  const Tensor copy = input.contiguous();
  const auto view = op.view(copy.spec(), copy.strides());
  return Tensor::strided(copy, view->shape, view->strides, view->offset);
}

}  // namespace detail

/// Runs an op with one output. Memory that runs out is a LimitError.
template <Op O>
Tensor run_op(const O& op, Inputs<Tensor> inputs) try {
  bool abstract = false, takes_all = true;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) [[unlikely]]
      detail::throw_undefined(O::name, i);
    abstract |= inputs[i].is_abstract();
    takes_all &= detail::takes<O>(inputs[i].dtype());
  }
  if (!takes_all) [[unlikely]] {
    Tensors outputs;
    detail::run_widened(detail::op_def<O>(), &op, inputs, outputs);
    return outputs[0];
  }
  Tensor out;
  if (abstract) [[unlikely]] {
    const Spec spec = op.infer(Inputs<Spec>(inputs));
    out = Tensor::abstract(spec.shape, spec.dtype);
  } else if constexpr (detail::kViews<O>) {
    out = detail::view_of(op, inputs[0]);
  } else {
    const Spec spec = op.infer(Inputs<Spec>(inputs));
    out = Tensor::empty(spec.shape, spec.dtype);
    detail::compute(op, inputs, std::span<Tensor>(&out, 1));
  }
  const detail::Listeners& to = detail::listeners();
  if (to.tape != nullptr || to.tracer != nullptr) [[unlikely]] {
    detail::announce(detail::op_def<O>(), &op, inputs, std::span<Tensor>(&out, 1));
  }
  return out;
} catch (const std::bad_alloc&) {
  detail::throw_out_of_memory();
}

/// Runs an op with any number of outputs.
template <Op O>
Tensors run_multi(const O& op, Inputs<Tensor> inputs) {
  Tensors out;
  detail::op_def<O>().run(&op, inputs, out);
  return out;
}

/// Runs an op of any type, as its function would: recorded where something listens.
Tensors run_any(const AnyOp& op, Inputs<Tensor> inputs);

namespace detail {

template <Op O>
void run_erased(const void* options, Inputs<Tensor> inputs, Tensors& outputs) try {
  const O& op = *static_cast<const O*>(options);
  if constexpr (!kMulti<O>) {
    outputs.push_back(run_op(op, inputs));
  } else {
    bool abstract = false, takes_all = true;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].defined()) throw_undefined(O::name, i);
      takes_all &= takes<O>(inputs[i].dtype());
      abstract |= inputs[i].is_abstract();
    }
    if (!takes_all) return run_widened(op_def<O>(), options, inputs, outputs);
    Specs specs;
    infer_into(op, Inputs<Spec>(inputs), specs);
    for (const Spec& spec : specs) {
      outputs.push_back(abstract ? Tensor::abstract(spec.shape, spec.dtype)
                                 : Tensor::empty(spec.shape, spec.dtype));
    }
    if (!abstract) compute(op, inputs, std::span<Tensor>(outputs.data(), outputs.size()));
    announce(op_def<O>(), options, inputs, std::span<Tensor>(outputs.data(), outputs.size()));
  }
} catch (const std::bad_alloc&) {
  throw_out_of_memory();
}

}  // namespace detail
}  // namespace nyala

#include <nyala/core/op_table.hpp>

#pragma GCC visibility pop
