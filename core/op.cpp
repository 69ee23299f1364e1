#include <algorithm>

#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace detail {

void run_widened(const OpDef& def, const void* options, Inputs<Tensor> inputs, Tensors& outputs) {
  Specs specs;
  def.infer(options, Inputs<Spec>(inputs), specs);
  Tensors wide;
  for (const Tensor& input : inputs) wide.push_back(ops::cast(input, computed_in(input.dtype())));
  def.run(options, {wide.data(), wide.size()}, outputs);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    outputs[i] = ops::cast(outputs[i], specs[i].dtype);
}

void throw_undefined(std::string_view name, std::size_t input) {
  throw ValueError(std::string(name) + ": input " + std::to_string(input) +
                   " is no tensor (an undefined one)");
}

void announce(const OpDef& def,
              const void* options,
              Inputs<Tensor> inputs,
              std::span<Tensor> outputs) {
  const Listeners& to = listeners();
  if (to.tracer != nullptr) {
    for (const Tensor& input : inputs) {
      if (input.is_abstract()) {
        to.tracer->on_op(def, options, inputs, outputs);
        break;
      }
    }
  }
  if (to.tape != nullptr) {
    for (const Tensor& input : inputs) {
      if (is_watched(to, input)) {
        to.tape->on_op(def, options, inputs, outputs);
        break;
      }
    }
  }
}

Tensor bare_tensor(const Spec& spec, const Shape& strides, std::byte* data) {
  TensorImpl* impl = new_impl();
  impl->data = data;
  impl->spec = spec;
  impl->size = spec.shape.num_elements();
  impl->strides = strides;
  std::int64_t expected = 1;
  for (int i = spec.shape.rank() - 1; i >= 0; --i) {
    if (spec.shape[i] != 1 && strides[i] != expected && impl->size > 0) impl->contiguous = false;
    expected *= spec.shape[i];
  }
  return Tensor::adopt(impl);
}

namespace {

// An input that is copied, and where in the workspace.
struct InputCopy {
  std::size_t input;
  Spec spec;
  Shape strides;
  std::int64_t offset;
};

}  // namespace

Kernel prepare_on_copies(const OpDef& def,
                         const void* options,
                         const Layouts& layouts,
                         const std::vector<bool>& is_copied,
                         Workspace& workspace) {
  Tensors inputs;
  std::vector<InputCopy> copies;
  for (std::size_t i = 0; i < layouts.in.size(); ++i) {
    const Tensor& input = layouts.in[i];
    const Spec& spec = input.spec();
    inputs.push_back(is_copied[i] ? bare_tensor(spec, contiguous_strides(spec.shape), nullptr)
                                  : input);
    if (!is_copied[i]) continue;
    const auto bytes = input.size() * static_cast<std::int64_t>(size_of(spec.dtype));
    copies.push_back({i, spec, input.strides(), workspace.take(bytes)});
  }
  Kernel kernel =
      def.prepare(options, {Inputs<Tensor>(inputs.data(), inputs.size()), layouts.out}, workspace);
  const std::size_t count = inputs.size();
  const std::int64_t list = workspace.take(static_cast<std::int64_t>(count * sizeof(void*)));
  return [copies = std::move(copies), count, list, kernel = std::move(kernel)](
             const void* const* from, void* const* to, std::byte* block) {
    auto* const all = reinterpret_cast<const void**>(block + list);
    std::copy_n(from, count, all);
    for (const InputCopy& copy : copies) {
      std::byte* const dense = block + copy.offset;
      kernels::copy(
          copy.spec.dtype, copy.spec.shape, {from[copy.input], copy.strides.data()}, dense);
      all[copy.input] = dense;
    }
    kernel(all, to, block);
  };
}

Kernel prepare_copy(const OpDef& def, const void* options, const Layouts& layouts) {
  const Tensor& input = layouts.in[0];
  auto view = def.view(options, input.spec(), input.strides());
  // Without a view the result has the elements of the input in their order.
  if (!view) view = ViewLayout{input.shape(), input.strides(), 0};
  const std::int64_t offset = view->offset * static_cast<std::int64_t>(size_of(input.dtype()));
  return [dtype = input.dtype(), shape = view->shape, strides = view->strides, offset](
             const void* const* from, void* const* to) {
    kernels::copy(
        dtype, shape, {static_cast<const std::byte*>(from[0]) + offset, strides.data()}, to[0]);
  };
}

}  // namespace detail

Tensors run_any(const AnyOp& op, Inputs<Tensor> inputs) {
  Tensors outputs;
  op.def().run(op.options(), inputs, outputs);
  return outputs;
}

bool AnyOp::is_inline() const { return def_->size <= kRoom; }

const void* AnyOp::options() const { return is_inline() ? room_ : heap_; }

AnyOp::AnyOp(const OpDef& def, const void* options) {
  void* room = room_;
  if (def.size > kRoom) room = heap_ = ::operator new(def.size);
  try {
    def.copy(room, options);
  } catch (...) {
    ::operator delete(std::exchange(heap_, nullptr));
    throw;
  }
  def_ = &def;
}

AnyOp::AnyOp(const AnyOp& other) {
  if (other.def_ != nullptr) new (this) AnyOp(*other.def_, other.options());
}

AnyOp AnyOp::with(const Config& config) const {
  AnyOp other = *this;
  def_->configure(other.is_inline() ? other.room_ : other.heap_, config);
  return other;
}

AnyOp::AnyOp(AnyOp&& other) noexcept
    : def_(other.def_), heap_(std::exchange(other.heap_, nullptr)) {
  if (def_ != nullptr && is_inline()) {
    def_->move(room_, other.room_);
    def_->destroy(other.room_);
  }
  other.def_ = nullptr;
}

AnyOp& AnyOp::operator=(AnyOp other) noexcept {
  this->~AnyOp();
  new (this) AnyOp(std::move(other));
  return *this;
}

AnyOp::~AnyOp() {
  if (def_ == nullptr) return;
  def_->destroy(is_inline() ? static_cast<void*>(room_) : heap_);
  if (!is_inline()) ::operator delete(heap_);
}

}  // namespace nyala
