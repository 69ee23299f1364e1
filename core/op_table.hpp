#pragma once
/// How an op struct fills in its OpDef. Part of core/op.hpp.
#include <nyala/core/op.hpp>

#pragma GCC visibility push(default)

namespace nyala::detail {

template <class O>
constexpr bool kHasGradient = !requires {
  typename O::NoGradient;
};

template <Op O>
constexpr auto forward_of() -> decltype(OpDef::forward) {
  if constexpr (kViews<O>)
    return nullptr;
  else
    return [](const void* options, Inputs<Tensor> inputs, std::span<Tensor> outputs) {
      compute(*static_cast<const O*>(options), inputs, outputs);
    };
}

template <Op O>
Grads vjp_erased(const void* options, const Saved& saved, Inputs<Tensor> dys) {
  const O& op = *static_cast<const O*>(options);
  if constexpr (!kHasGradient<O>)
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

/// A kernel that first copies some inputs into the workspace, where they are contiguous.
Kernel prepare_on_copies(const OpDef& def,
                         const void* options,
                         const Layouts& layouts,
                         const std::vector<bool>& is_copied,
                         Workspace& workspace);
/// A kernel that writes what a view of the input would show.
Kernel prepare_copy(const OpDef& def, const void* options, const Layouts& layouts);

template <Op O>
Kernel prepare_erased(const void* options, const Layouts& layouts, Workspace& workspace) {
  const O& op = *static_cast<const O*>(options);
  std::vector<bool> is_copied(layouts.in.size());
  bool any = false;
  for (std::size_t i = 0; i < is_copied.size(); ++i)
    any |= is_copied[i] = !takes_layout(op, i, layouts.in[i]);
  if (any) return prepare_on_copies(op_def<O>(), options, layouts, is_copied, workspace);
  return op.prepare(layouts, workspace);
}

template <Op O>
constexpr auto prepare_of() -> decltype(OpDef::prepare) {
  if constexpr (kPrepares<O>)
    return prepare_erased<O>;
  else if constexpr (kViews<O>)
    return [](const void* options, const Layouts& layouts, Workspace&) {
      return prepare_copy(op_def<O>(), options, layouts);
    };
  else
    return nullptr;
}

template <Op O>
constexpr auto view_of() -> decltype(OpDef::view) {
  if constexpr (kViews<O>)
    return [](const void* options, const Spec& input, const Shape& strides) {
      return static_cast<const O*>(options)->view(input, strides);
    };
  else
    return nullptr;
}

template <Op O>
constexpr auto reduction_of() -> decltype(OpDef::reduction) {
  if constexpr (requires(const O& op, int rank) { op.reduction(rank); })
    return [](const void* options, int rank) -> ReductionTraits {
      return static_cast<const O*>(options)->reduction(rank);
    };
  else
    return nullptr;
}

template <Op O>
constexpr auto product_of() -> decltype(OpDef::product) {
  if constexpr (requires(const O& op, Inputs<Tensor> in) { op.product(in); })
    return [](const void* options, Inputs<Tensor> in) {
      auto plan = static_cast<const O*>(options)->product(in);
      using Plan = const typename decltype(plan)::value_type;
      return plan ? std::make_shared<Plan>(*plan) : std::shared_ptr<Plan>();
    };
  else
    return nullptr;
}

template <Op O>
constexpr auto with_epilogue_of() -> decltype(OpDef::with_epilogue) {
  if constexpr (requires(const O& op, Inputs<Tensor> in, const Epilogue& epilogue) {
                  op.with_epilogue(in, epilogue);
                })
    return [](const void* options, Inputs<Tensor> in, const Epilogue& epilogue) -> AnyOp {
      return static_cast<const O*>(options)->with_epilogue(in, epilogue);
    };
  else
    return nullptr;
}

template <Op O>
constexpr auto reference_of() -> decltype(OpDef::reference) {
  if constexpr (requires(const O& op, Inputs<Tensor> in) { op.reference(in); })
    return [](const void* options, Inputs<Tensor> in) {
      Tensors all;
      const auto found = static_cast<const O*>(options)->reference(in);
      if constexpr (std::is_same_v<decltype(found), const Tensor>)
        all.push_back(found);
      else
        for (const Tensor& one : found) all.push_back(one);
      return all;
    };
  else
    return nullptr;
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
  if constexpr (kHasGradient<O>)
    return O::saves;
  else
    return Saves::nothing;
}

template <class O>
constexpr bool kInPlace = requires {
  O::in_place;
};
template <class O>
constexpr bool kPartialGradients = requires {
  O::partial_gradients;
};
template <class O>
constexpr bool kEffects = requires {
  O::effects;
};

template <Op O>
const OpDef& op_def() {
  static constexpr OpDef def = {
      .name = O::name,
      .doc = O::doc,
      .saves = saves_of<O>(),
      .differentiable = kHasGradient<O>,
      .in_place = kInPlace<O>,
      .partial_gradients = kPartialGradients<O>,
      .effects = kEffects<O>,
      .size = sizeof(O),
      .copy = [](void* to, const void* from) { new (to) O(*static_cast<const O*>(from)); },
      .move = [](void* to, void* from) { new (to) O(std::move(*static_cast<O*>(from))); },
      .destroy = [](void* options) { static_cast<O*>(options)->~O(); },
      .infer = [](const void* options,
                  Inputs<Spec> specs,
                  Specs& out) { infer_into(*static_cast<const O*>(options), specs, out); },
      .run = run_erased<O>,
      .forward = forward_of<O>(),
      .prepare = prepare_of<O>(),
      .vjp = vjp_erased<O>,
      .indexed_vjp = indexed_vjp_of<O>(),
      .reference = reference_of<O>(),
      .pointwise = pointwise_of<O>(),
      .view = view_of<O>(),
      .reduction = reduction_of<O>(),
      .product = product_of<O>(),
      .with_epilogue = with_epilogue_of<O>(),
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
  };
  return def;
}

}  // namespace nyala::detail

#pragma GCC visibility pop
