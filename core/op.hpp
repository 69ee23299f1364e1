#pragma once
/// What an op is, and how one runs.
///
/// An op is a struct that says everything about itself once: `name`, `doc`, options with
/// `fields()`, `infer` (the specs of its outputs), `forward` (or `evaluate`, when the result may
/// share the input's elements), `vjp` (its gradient, written with ops), what that gradient reads,
/// and `samples()`. NYALA_OP and one line in ops.def enrol it; eager execution, shape inference,
/// recording, the compiled program and the generic tests come from there.
#include <concepts>
#include <memory>
#include <new>
#include <string_view>
#include <tuple>

#include <nyala/core/fields.hpp>
#include <nyala/core/small_vector.hpp>
#include <nyala/core/tensor.hpp>

namespace nyala {

using Specs = SmallVector<Spec, 1>;
using Tensors = SmallVector<Tensor, 3>;
/// A gradient for each input; an undefined tensor means none.
using Grads = SmallVector<Tensor, 3>;

/// What a gradient reads. What it does not read may be gone when it runs: only its spec is left.
enum class Saves : std::uint8_t { nothing = 0, inputs = 1, outputs = 2, both = 3 };

/// What is left of a call when its gradient runs.
class Saved {
 public:
  Saved(Inputs<Tensor> inputs, Inputs<Tensor> outputs, const bool* wanted)
      : inputs_(inputs), outputs_(outputs), wanted_(wanted) {}

  const Tensor& input(std::size_t i = 0) const { return inputs_[i]; }
  const Tensor& output(std::size_t i = 0) const { return outputs_[i]; }
  const Shape& shape(std::size_t i = 0) const { return inputs_[i].shape(); }
  DType dtype(std::size_t i = 0) const { return inputs_[i].dtype(); }
  std::size_t num_inputs() const { return inputs_.size(); }
  Inputs<Tensor> inputs() const { return inputs_; }
  Inputs<Tensor> outputs() const { return outputs_; }
  /// Whether the gradient of input `i` is asked for; the others may be left undefined.
  bool wants(std::size_t i) const { return wanted_ == nullptr || wanted_[i]; }

 private:
  Inputs<Tensor> inputs_;
  Inputs<Tensor> outputs_;
  const bool* wanted_;
};

/// One input of a sample call: uniform numbers between `low` and `high` (whole ones for integers).
struct SampleInput {
  Shape shape;
  double low = -2;
  double high = 2;
  DType dtype = DType::float64;  ///< float64 stands for the floating dtype under test
};

namespace kernels {
enum class Unary : std::uint8_t;
enum class Binary : std::uint8_t;
enum class Update : std::uint8_t;
}  // namespace kernels

/// How an op that works element by element does so; a compiled program makes one pass of several
/// such ops. An op whose `kernel` is a kernels::Unary, Binary or Update is one of these by itself.
struct Pointwise {
  enum class Kind : std::uint8_t { no, unary, binary, select, cast, update } kind = Kind::no;
  std::uint8_t kernel = 0;  ///< the kernels::Unary, Binary or Update
};

/// An op with its shapes and options settled: reads and writes contiguous arrays (or strided ones,
/// where it was made for such). Made from a function object, which it keeps; calling it is one call
/// through a pointer.
class Kernel {
 public:
  /// None.
  Kernel() = default;
  template <std::invocable<const void* const*, void* const*> F>
  Kernel(F f)
      : call_(call_as<F>),
        state_(new F(std::move(f)), [](void* state) { delete static_cast<F*>(state); }) {}

  explicit operator bool() const { return call_ != nullptr; }
  void operator()(const void* const* inputs, void* const* outputs) const {
    call_(state_.get(), inputs, outputs);
  }

 private:
  template <class F>
  static void call_as(const void* state, const void* const* inputs, void* const* outputs) {
    (*static_cast<const F*>(state))(inputs, outputs);
  }

  void (*call_)(const void* state, const void* const* inputs, void* const* outputs) = nullptr;
  std::unique_ptr<void, void (*)(void*)> state_{nullptr, nullptr};
};

struct OpDef;

/// An op of any type, with its options: what a record holds.
class AnyOp {
 public:
  AnyOp() = default;
  AnyOp(const OpDef& def, const void* options);
  AnyOp(const AnyOp& other);
  AnyOp(AnyOp&& other) noexcept;
  AnyOp& operator=(AnyOp other) noexcept;
  ~AnyOp();

  const OpDef& def() const { return *def_; }
  const void* options() const;
  /// The same op with other options: those that `config` holds, by the names of `fields()`.
  AnyOp with(const Config& config) const;

 private:
  static constexpr std::size_t kRoom = 48;
  bool is_inline() const;

  const OpDef* def_ = nullptr;
  alignas(8) std::byte room_[kRoom];
  void* heap_ = nullptr;
};

/// A call that the generic tests make.
struct Sample {
  AnyOp op;
  std::vector<SampleInput> inputs;
};

/// The table of one type of op.
struct OpDef {
  std::string_view name;
  std::string_view doc;
  Saves saves;
  bool differentiable;
  bool aliases;            ///< the result may share the input's elements
  bool in_place;           ///< the result may lie where the first input does; then it never throws
  bool partial_gradients;  ///< `vjp` is given undefined tensors for outputs that nothing depends on
  std::size_t size;        ///< of the struct, as for `copy` and `move`
  void (*copy)(void* to, const void* from);
  void (*move)(void* to, void* from);
  void (*destroy)(void* options);
  void (*infer)(const void* options, Inputs<Spec> inputs, Specs& outputs);
  void (*run)(const void* options, Inputs<Tensor> inputs, Tensors& outputs);
  /// Into outputs that are there already; null for an op that aliases.
  void (*forward)(const void* options, Inputs<Tensor> inputs, std::span<Tensor> outputs);
  Grads (*vjp)(const void* options, const Saved& saved, Inputs<Tensor> dys);
  /// For an op that picks rows of its first input: the gradient as rows and their indices; false
  /// when it picked along another axis. Else null.
  bool (*indexed_vjp)(
      const void* options, const Saved& saved, const Tensor& dy, Tensor& values, Tensor& indices);
  Pointwise pointwise;
  /// What a compiled program calls, for inputs and outputs that lie as these do; an empty one where
  /// the op has nothing quicker than `forward`. May be null.
  Kernel (*bind)(const void* options, Inputs<Tensor> inputs, std::span<const Tensor> outputs);
  Config (*config)(const void* options);
  /// Gives the options the values that a dict holds for them; what does not fit is seen by `infer`.
  void (*configure)(void* options, const Config& config);
  std::vector<Sample> (*samples)();
};

/// A typed sample: options and inputs.
template <class Op>
struct SampleOf {
  Op op;
  std::vector<SampleInput> inputs;
};

/// The contract of an op. `kNoGradient` in place of a vjp says that it has none.
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
    requires(const O& op, Inputs<Tensor> in) {
      { op.evaluate(in) } -> std::same_as<Tensor>;
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

/// Hears of the calls of this thread: the gradient tapes, and the program being traced.
class Listener {
 public:
  virtual void on_op(const OpDef& def,
                     const void* options,
                     Inputs<Tensor> inputs,
                     std::span<Tensor> outputs) = 0;

 protected:
  ~Listener() = default;
};

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
constexpr bool kAliases = requires(const O& op, Inputs<Tensor> in) {
  op.evaluate(in);
};
/// An op that moves elements, whatever their dtype, says `moves`; all others compute.
template <class O>
constexpr bool kMoves = kAliases<O> || requires {
  O::moves;
};
template <class O>
constexpr bool kMulti = requires(const O& op, Inputs<Tensor> in, std::span<Tensor> out) {
  op.forward(in, out);
}
&&!requires(const O& op, Inputs<Tensor> in, Tensor& out) { op.forward(in, out); };
template <class O>
constexpr bool kDifferentiable = !requires {
  typename O::NoGradient;
};
template <class O>
constexpr bool kInPlace = requires {
  O::in_place;
};

template <class O>
constexpr bool kPartialGradients = requires {
  O::partial_gradients;
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

}  // namespace detail

/// Runs an op with one output. Memory that runs out is a LimitError.
template <Op O>
Tensor run_op(const O& op, Inputs<Tensor> inputs) try {
  bool abstract = false, takes_all = true;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].defined()) [[unlikely]]
      detail::throw_undefined(O::name, i);
    abstract |= inputs[i].is_abstract();
    if constexpr (!detail::kMoves<O>) takes_all &= has_kernels(inputs[i].dtype());
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
  } else if constexpr (detail::kAliases<O>) {
    out = op.evaluate(inputs);
    for (const Tensor& input : inputs) {
      if (out.is(input)) out = Tensor::strided(out, out.shape(), out.strides(), 0);
    }
  } else {
    const Spec spec = op.infer(Inputs<Spec>(inputs));
    out = Tensor::empty(spec.shape, spec.dtype);
    op.forward(inputs, out);
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
      takes_all &= kMoves<O> || has_kernels(inputs[i].dtype());
      abstract |= inputs[i].is_abstract();
    }
    if (!takes_all) return run_widened(op_def<O>(), options, inputs, outputs);
    Specs specs;
    infer_into(op, Inputs<Spec>(inputs), specs);
    for (const Spec& spec : specs) {
      outputs.push_back(abstract ? Tensor::abstract(spec.shape, spec.dtype)
                                 : Tensor::empty(spec.shape, spec.dtype));
    }
    if (!abstract) op.forward(inputs, std::span<Tensor>(outputs.data(), outputs.size()));
    announce(op_def<O>(), options, inputs, std::span<Tensor>(outputs.data(), outputs.size()));
  }
} catch (const std::bad_alloc&) {
  throw_out_of_memory();
}

template <Op O>
void forward_erased(const void* options, Inputs<Tensor> inputs, std::span<Tensor> outputs) {
  const O& op = *static_cast<const O*>(options);
  if constexpr (kAliases<O>)
    outputs[0] = op.evaluate(inputs);
  else if constexpr (kMulti<O>)
    op.forward(inputs, outputs);
  else
    op.forward(inputs, outputs[0]);
}

template <Op O>
Grads vjp_erased(const void* options, const Saved& saved, Inputs<Tensor> dys) {
  const O& op = *static_cast<const O*>(options);
  if constexpr (!kDifferentiable<O>)
    return {};
  else if constexpr (requires { op.vjp(saved, dys[0]); })
    return op.vjp(saved, dys[0]);
  else
    return op.vjp(saved, dys);
}

template <Op O>
constexpr auto indexed_vjp_of() {
  using Function = bool (*)(const void*, const Saved&, const Tensor&, Tensor&, Tensor&);
  if constexpr (requires(const O& op, const Saved& saved, Tensor& t) {
                  op.indexed_vjp(saved, t, t, t);
                }) {
    return Function{[](const void* options,
                       const Saved& saved,
                       const Tensor& dy,
                       Tensor& values,
                       Tensor& indices) {
      return static_cast<const O*>(options)->indexed_vjp(saved, dy, values, indices);
    }};
  } else {
    return Function{nullptr};
  }
}

template <class O>
constexpr Pointwise pointwise_of() {
  using Kind = Pointwise::Kind;
  if constexpr (requires { O::pointwise; }) {
    return {O::pointwise};
  } else if constexpr (requires { O::kernel; }) {
    using K = std::remove_cv_t<decltype(O::kernel)>;
    if constexpr (std::is_same_v<K, kernels::Unary>)
      return {Kind::unary, static_cast<std::uint8_t>(O::kernel)};
    if constexpr (std::is_same_v<K, kernels::Binary>)
      return {Kind::binary, static_cast<std::uint8_t>(O::kernel)};
    if constexpr (std::is_same_v<K, kernels::Update>)
      return {Kind::update, static_cast<std::uint8_t>(O::kernel)};
  }
  return {};
}

template <Op O>
constexpr auto bind_of() {
  using Function = Kernel (*)(const void*, Inputs<Tensor>, std::span<const Tensor>);
  if constexpr (requires(const O& op, Inputs<Tensor> in, std::span<const Tensor> out) {
                  op.bind(in, out);
                }) {
    return Function{[](const void* options, Inputs<Tensor> in, std::span<const Tensor> out) {
      return static_cast<const O*>(options)->bind(in, out);
    }};
  } else {
    return Function{nullptr};
  }
}

template <Op O>
std::vector<Sample> samples_erased() {
  std::vector<Sample> all;
  for (const SampleOf<O>& sample : O::samples())
    all.push_back({AnyOp(op_def<O>(), &sample.op), sample.inputs});
  return all;
}

template <Op O>
constexpr Saves saves_of() {
  if constexpr (kDifferentiable<O>)
    return O::saves;
  else
    return Saves::nothing;
}

template <Op O>
const OpDef& op_def() {
  static constexpr OpDef def = {
      .name = O::name,
      .doc = O::doc,
      .saves = saves_of<O>(),
      .differentiable = kDifferentiable<O>,
      .aliases = kAliases<O>,
      .in_place = kInPlace<O>,
      .partial_gradients = kPartialGradients<O>,
      .size = sizeof(O),
      .copy = [](void* to, const void* from) { new (to) O(*static_cast<const O*>(from)); },
      .move = [](void* to, void* from) { new (to) O(std::move(*static_cast<O*>(from))); },
      .destroy = [](void* options) { static_cast<O*>(options)->~O(); },
      .infer = [](const void* options,
                  Inputs<Spec> specs,
                  Specs& out) { infer_into(*static_cast<const O*>(options), specs, out); },
      .run = run_erased<O>,
      .forward = forward_erased<O>,
      .vjp = vjp_erased<O>,
      .indexed_vjp = indexed_vjp_of<O>(),
      .pointwise = pointwise_of<O>(),
      .bind = bind_of<O>(),
      .config =
          [](const void* options) {
            Config config = Config::dict();
            fields_to_config(*static_cast<const O*>(options), config);
            return config;
          },
      .configure =
          [](void* options, const Config& config) {
            fields_from_config(std::string(O::name), config, *static_cast<O*>(options));
          },
      .samples = samples_erased<O>,
  };
  return def;
}

}  // namespace detail

/// Every op, in the order of core/ops.def.
const std::vector<const OpDef*>& all_ops();

}  // namespace nyala
