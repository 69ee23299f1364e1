#pragma once
/// The table of an op: what eager calls, tapes, compiled programs and tests read. An op struct
/// fills it in (core/op.hpp).
#include <optional>
#include <string_view>
#include <vector>

#include <nyala/core/fields.hpp>
#include <nyala/core/kernel.hpp>
#include <nyala/core/small_vector.hpp>
#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

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
enum class Reduce : std::uint8_t;
struct MatmulPlan;
}  // namespace kernels

// ---- traits: what compiled programs know of an op, whatever its name ----

/// How an op that works element by element does so; compiled programs fuse such ops into one loop.
/// An op whose `kernel` is a kernels::Unary, Binary or Update is one of these by itself.
struct Pointwise {
  enum class Kind : std::uint8_t { no, unary, binary, select, cast, update } kind = Kind::no;
  std::uint8_t kernel = 0;  ///< the kernels::Unary, Binary or Update
};

/// How an op reduces its one input.
struct ReductionTraits {
  kernels::Reduce kind;
  std::vector<bool> axes;  ///< of each axis: whether it is reduced
};

/// What a product does to its result before it stores it: adds a row, then applies an activation.
struct Epilogue {
  bool bias = false;  ///< one element for each of the result's last axis: the op's last input
  std::optional<kernels::Unary> activation = {};
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

  explicit operator bool() const { return def_ != nullptr; }
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

/// The table of one type of op. `options` points to the op's struct.
struct OpDef {
  std::string_view name;
  std::string_view doc;
  Saves saves;
  bool differentiable;
  bool in_place;           ///< the result may lie where the first input does; then it never throws
  bool partial_gradients;  ///< `vjp` is given undefined tensors for outputs that nothing depends on
  bool effects;            ///< a call does more than to give results
  std::size_t size;        ///< of the struct, as for `copy` and `move`
  void (*copy)(void* to, const void* from);
  void (*move)(void* to, void* from);
  void (*destroy)(void* options);

  // ---- what it computes ----
  void (*infer)(const void* options, Inputs<Spec> inputs, Specs& outputs);
  void (*run)(const void* options, Inputs<Tensor> inputs, Tensors& outputs);
  /// Into outputs that are there already; null for an op that gives views.
  void (*forward)(const void* options, Inputs<Tensor> inputs, std::span<Tensor> outputs);
  /// The kernel for inputs and outputs of these layouts, which a program calls in place of
  /// `forward`; null for an op that has `forward` alone. For an op that gives views, a copy.
  Kernel (*prepare)(const void* options, const Layouts& layouts, Workspace& workspace);
  Grads (*vjp)(const void* options, const Saved& saved, Inputs<Tensor> dys);
  /// For an op that picks rows of its first input: the gradient as rows and their indices; false
  /// when it picked along another axis. Else null.
  bool (*indexed_vjp)(
      const void* options, const Saved& saved, const Tensor& dy, Tensor& values, Tensor& indices);
  /// The same results from other ops, for tests, undefined where a result may hold anything; null
  /// for an op that is no others together.
  Tensors (*reference)(const void* options, Inputs<Tensor> inputs);

  // ---- traits ----
  Pointwise pointwise;
  /// How the result shares the elements of the one input; nothing where only a copy in row-major
  /// order can. Null for an op that never gives views.
  std::optional<ViewLayout> (*view)(const void* options, const Spec& input, const Shape& strides);
  /// Null for an op that is no reduction.
  ReductionTraits (*reduction)(const void* options, int rank);
  /// The product of two matrices that the op is for inputs of these layouts, a third one being the
  /// bias; null for none. Itself null for an op that never is one.
  std::shared_ptr<const kernels::MatmulPlan> (*product)(const void* options, Inputs<Tensor> inputs);
  /// The op that does the epilogue too; an empty one where there is none. Null for an op that takes
  /// none in.
  AnyOp (*with_epilogue)(const void* options, Inputs<Tensor> inputs, const Epilogue& epilogue);

  // ---- options ----
  Config (*config)(const void* options);
  /// Gives the options the values that a dict holds for them; what does not fit is seen by `infer`.
  void (*configure)(void* options, const Config& config);
};

/// A typed sample: options and inputs.
template <class Op>
struct SampleOf {
  Op op;
  std::vector<SampleInput> inputs;
};

/// Every op, in the order of core/ops.def.
const std::vector<const OpDef*>& all_ops();
/// The calls of an op that the generic tests make. They stand apart from the op's table, so that a
/// program that tests no ops does not carry them.
std::vector<Sample> samples_of(const OpDef& def);

/// Observes the calls of this thread: the gradient tapes, and the program being traced.
class Listener {
 public:
  virtual void on_op(const OpDef& def,
                     const void* options,
                     Inputs<Tensor> inputs,
                     std::span<Tensor> outputs) = 0;

 protected:
  ~Listener() = default;
};

}  // namespace nyala

#pragma GCC visibility pop
