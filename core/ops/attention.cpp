#include <nyala/core/ops/attention.hpp>

#include <algorithm>
#include <cmath>

#include <nyala/core/kernels/attention.hpp>
#include <nyala/core/ops/support.hpp>

namespace nyala {
namespace ops {
namespace {

[[noreturn]] void refuse(const Shape& query, const Shape& key, const Shape& value) {
  throw ShapeError("dot_product_attention: received shapes " + query.str() + ", " + key.str() +
                   " and " + value.str() +
                   ", expected (batch, queries, heads, size) and keys and values (batch, keys, "
                   "heads or a divisor of it, size)");
}

void check(const Shape& q, const Shape& k, const Shape& v) {
  if (q.rank() != 4 || k.rank() != 4 || v.rank() != 4) refuse(q, k, v);
  bool fits = sizes_fit(q[0], k[0]) && sizes_fit(k[0], v[0]) && sizes_fit(q[0], v[0]) &&
              sizes_fit(k[1], v[1]) && sizes_fit(k[2], v[2]) && sizes_fit(q[3], k[3]);
  if (q[2] != None && k[2] != None) fits = fits && k[2] > 0 && q[2] % k[2] == 0;
  if (!fits) refuse(q, k, v);
}

std::int64_t known(std::int64_t a, std::int64_t b) { return a == None ? b : a; }

// (batch, heads, queries, keys).
Shape shape_of_scores(const Shape& q, const Shape& k) {
  return {known(q[0], k[0]), q[2], q[1], k[1]};
}

// The op and its gradient: inputs are query, key and value, what the gradient reads besides, then
// the bias and the mask where there are any.
template <class Self>
struct OfAttention {
  double scale = 1;
  bool is_causal = false;
  bool biased = false;
  bool masked = false;

  static constexpr auto fields() {
    return std::tuple{
        Field{"scale", &Self::scale, "Of the scores."},
        Field{"is_causal", &Self::is_causal, "Whether query t sees the keys 0 to t alone."},
        Field{"biased", &Self::biased, "Whether something is added to the scores."},
        Field{"masked", &Self::masked, "Whether keys can be hidden."}};
  }
  template <class Other>
  void copy_options(const Other& other) {
    scale = other.scale;
    is_causal = other.is_causal;
    biased = other.biased;
    masked = other.masked;
  }

  static constexpr std::size_t kBias = Self::kRead;
  std::size_t mask_at() const { return kBias + (biased ? 1 : 0); }

  // Throws what Keras throws unless the inputs go together; gives the shape of the scores.
  Shape check_inputs(Inputs<Spec> in) const {
    const std::size_t wanted = kBias + (biased ? 1u : 0u) + (masked ? 1u : 0u);
    if (in.size() != wanted) {
      throw ValueError(std::string(Self::name) + ": received " + std::to_string(in.size()) +
                       " inputs, expected " + std::to_string(wanted));
    }
    check(in[0].shape, in[1].shape, in[2].shape);
    const DType dtype = in[0].dtype;
    if (!is_floating(dtype) || in[1].dtype != dtype || in[2].dtype != dtype) {
      throw TypeError(std::string(Self::name) + ": received dtypes " + std::string(name_of(dtype)) +
                      ", " + std::string(name_of(in[1].dtype)) + " and " +
                      std::string(name_of(in[2].dtype)) + ", expected one floating dtype");
    }
    Shape scores = shape_of_scores(in[0].shape, in[1].shape);
    if (biased) expect_beside(scores, in[kBias], dtype);
    if (masked) expect_beside(scores, in[mask_at()], DType::bool_);
    return scores;
  }
  static void expect_beside(const Shape& scores, const Spec& input, DType dtype) {
    const Shape& shape = input.shape;
    bool fits = input.dtype == dtype && shape.rank() <= 4;
    for (int i = 1; fits && i <= shape.rank(); ++i)
      fits = shape[-i] == 1 || sizes_fit(shape[-i], scores[-i]);
    if (!fits) {
      throw ShapeError(std::string(Self::name) + ": received " + std::string(name_of(input.dtype)) +
                       " " + shape.str() + " beside scores of " + scores.str() + ", expected " +
                       std::string(name_of(dtype)) + " that broadcasts to them");
    }
  }

  // Of inputs whose shapes are known.
  kernels::AttentionPlan plan(Inputs<Tensor> in) const {
    const Shape &q = in[0].shape(), &k = in[1].shape();
    kernels::AttentionPlan plan = {.dtype = in[0].dtype(),
                                   .batch = q[0],
                                   .queries = q[1],
                                   .keys = k[1],
                                   .heads = q[2],
                                   .own_heads = k[2],
                                   .size = q[3],
                                   .value_size = in[2].shape()[3],
                                   .scale = scale,
                                   .is_causal = is_causal,
                                   .bias_strides = {},
                                   .mask_strides = {}};
    const Shape scores = shape_of_scores(q, k);
    const auto lay = [&](const Tensor& tensor, std::array<std::int64_t, 4>& strides) {
      const Shape all = broadcast_strides(tensor, scores);
      std::copy_n(all.data(), 4, strides.begin());
    };
    if (biased) lay(in[kBias], plan.bias_strides);
    if (masked) lay(in[mask_at()], plan.mask_strides);
    return plan;
  }
  kernels::AttentionInputs arrays(const void* const* in) const {
    return {in[0],
            in[1],
            in[2],
            biased ? in[kBias] : nullptr,
            masked ? static_cast<const bool*>(in[mask_at()]) : nullptr};
  }

  // A bias and a mask are read with any strides.
  static bool reads_strided(std::size_t i, const Tensor&) { return i >= kBias; }
  auto prepare(const Layouts& at, Workspace& workspace) const {
    const auto p = plan(at.in);
    const std::int64_t room = workspace.take(kernels::attention_workspace(p, Self::kBackward));
    return [op = static_cast<const Self&>(*this), p, room](
               const void* const* from, void* const* to, std::byte* block) {
      op.run(p, from, to, block + room);
    };
  }
};

// The weights as the forward pass keeps them: all of them, or none where they are many.
Shape shape_kept(const Shape& scores) {
  Shape kept = scores;
  if (scores[2] == None || scores[3] == None)
    kept[3] = None;
  else if (!kernels::keeps_attention_weights(scores[2], scores[3]))
    kept[3] = 0;
  return kept;
}

// Inputs besides: the gradient of the result and the weights that were kept. Outputs: the gradients
// of query, key and value.
struct DotProductAttentionGrad : OfAttention<DotProductAttentionGrad> {
  static constexpr std::string_view name = "dot_product_attention_grad";
  static constexpr std::string_view doc = "The gradients of `dot_product_attention`.";
  static constexpr std::size_t kRead = 5;
  static constexpr bool kBackward = true;
  using NoGradient = void;  // where a second one may come, the first is made of plain ops

  Specs infer(Inputs<Spec> in) const {
    const Shape scores = check_inputs(in);
    const Shape &q = in[0].shape, &v = in[2].shape;
    expect_spec(name, in[3], {scores[0], q[1], q[2], v[3]}, in[0].dtype);
    expect_spec(name, in[4], shape_kept(scores), in[0].dtype);
    return {in[0], in[1], in[2]};
  }
  void run(const kernels::AttentionPlan& plan,
           const void* const* in,
           void* const* out,
           void* workspace) const {
    kernels::attention_backward(
        plan, arrays(in), {in[3], in[4], out[0], out[1], out[2]}, workspace);
  }
  static std::vector<SampleOf<DotProductAttentionGrad>> samples();
};

// Keys or values with each head repeated for the queries' heads that share it, and the gradient of
// that.
Tensor for_each_head(const Tensor& x, std::int64_t heads) {
  const std::int64_t own = x.shape()[2];
  return own == heads ? x : repeat(x, heads / own, {.axis = 2});
}
Tensor sum_over_groups(const Tensor& d, const Shape& shape) {
  if (d.shape() == shape) return d;
  const std::int64_t group = d.shape()[2] / shape[2];
  return sum(reshape(d, {shape[0], shape[1], shape[2], group, shape[3]}), {.axis = 3});
}

struct DotProductAttention : OfAttention<DotProductAttention> {
  static constexpr std::string_view name = "dot_product_attention";
  static constexpr std::string_view doc = "Means of values, weighted by softmax(q . k).";
  static constexpr Saves saves = Saves::both;
  static constexpr bool partial_gradients = true;
  static constexpr std::size_t kRead = 3;
  static constexpr bool kBackward = false;

  // The result and the weights that are kept.
  Specs infer(Inputs<Spec> in) const {
    const Shape scores = check_inputs(in);
    const Shape &q = in[0].shape, &v = in[2].shape;
    return {{{scores[0], q[1], q[2], v[3]}, in[0].dtype}, {shape_kept(scores), in[0].dtype}};
  }
  void run(const kernels::AttentionPlan& plan,
           const void* const* in,
           void* const* out,
           void* workspace) const {
    kernels::attention_forward(plan, arrays(in), {out[0], out[1]}, workspace);
  }

  // A second gradient may come where a tape listens; those of the weights and of a bias come from
  // plain ops alone.
  Grads vjp(const Saved& saved, Inputs<Tensor> dys) const {
    const bool has_weights = dys[1].defined() && dys[1].size() > 0;
    const bool is_plain =
        detail::listeners().tape != nullptr || has_weights || (biased && saved.wants(kBias));
    if (is_plain) return plain(saved, dys);
    Grads grads(saved.num_inputs());
    if (!dys[0].defined()) return grads;
    DotProductAttentionGrad op;
    op.copy_options(*this);
    std::vector<Tensor> in = {
        saved.input(0), saved.input(1), saved.input(2), dys[0], saved.output(1)};
    for (std::size_t i = kBias; i < saved.num_inputs(); ++i) in.push_back(saved.input(i));
    const Tensors out = run_multi(op, in);
    for (std::size_t i = 0; i < 3; ++i) grads[i] = out[i];
    return grads;
  }
  Grads plain(const Saved& saved, Inputs<Tensor> dys) const;
  Tensors reference(Inputs<Tensor> in) const;

  // The weights of (batch, heads, queries, keys) in plain ops, and where keys are seen (undefined
  // where all are).
  struct Weights {
    Tensor weights, seen;
  };
  Weights weights_of(Inputs<Tensor> in) const;
  static std::vector<SampleOf<DotProductAttention>> samples();
};

DotProductAttention::Weights DotProductAttention::weights_of(Inputs<Tensor> in) const {
  const Tensor &q = in[0], k = for_each_head(in[1], q.shape()[2]);
  Tensor scores = einsum("btnh,bsnh->bnts", {q, k}) * scale;
  if (biased) scores = scores + in[kBias];
  Tensor seen = masked ? in[mask_at()] : Tensor();
  if (is_causal) {
    const Tensor past = attention_span(q.shape()[1], k.shape()[1]);
    seen = seen.defined() ? logical_and(seen, past) : past;
  }
  if (seen.defined()) scores = where(seen, scores, kernels::kHiddenScore);
  return {softmax(scores), seen};
}

Tensors DotProductAttention::reference(Inputs<Tensor> in) const {
  const Tensor weights = weights_of(in).weights;
  const Tensor v = for_each_head(in[2], in[0].shape()[2]);
  const Shape kept = shape_kept(weights.shape());
  return {einsum("bnts,bsnh->btnh", {weights, v}),
          kept == weights.shape() ? weights : zeros(kept, {weights.dtype()})};
}

Grads DotProductAttention::plain(const Saved& saved, Inputs<Tensor> dys) const {
  const Tensor& q = saved.input(0);
  const std::int64_t heads = q.shape()[2];
  const Tensor k = for_each_head(saved.input(1), heads), v = for_each_head(saved.input(2), heads);
  const auto [weights, seen] = weights_of(saved.inputs());

  Grads grads(saved.num_inputs());
  Tensor dweights = dys[1].defined() && dys[1].size() > 0 ? dys[1] : zeros_like(weights);
  if (dys[0].defined()) {
    dweights = dweights + einsum("btnh,bsnh->bnts", {dys[0], v});
    grads[2] = sum_over_groups(einsum("bnts,btnh->bsnh", {weights, dys[0]}), saved.shape(2));
  }
  Tensor dscores = weights * (dweights - sum(weights * dweights, {.axis = -1, .keepdims = true}));
  if (seen.defined()) dscores = where(seen, dscores, zeros_like(dscores));
  grads[0] = einsum("bnts,bsnh->btnh", {dscores, k}) * scale;
  grads[1] = sum_over_groups(einsum("bnts,btnh->bsnh", {dscores, q}) * scale, saved.shape(1));
  if (biased) grads[kBias] = sum_to(dscores, saved.shape(kBias));
  return grads;
}

std::vector<SampleOf<DotProductAttention>> DotProductAttention::samples() {
  std::vector<SampleOf<DotProductAttention>> samples;
  const auto add = [&](const DotProductAttention& op,
                       std::int64_t queries,
                       std::int64_t keys,
                       std::int64_t own_heads) {
    std::vector<SampleInput> in = {{{2, queries, 2, 3}, -1, 1},
                                   {{2, keys, own_heads, 3}, -1, 1},
                                   {{2, keys, own_heads, 2}, -1, 1}};
    if (op.biased) in.push_back({{2, 1, queries, keys}, -1, 1});
    if (op.masked) in.push_back({{2, 1, 1, keys}, 0, 1, DType::bool_});
    samples.push_back({op, in});
  };
  DotProductAttention op;
  op.scale = 0.5;
  add(op, 3, 4, 2);
  add(op, 0, 2, 2);
  add(op, 2, 0, 2);
  op.masked = true;
  add(op, 2, 3, 1);
  op.is_causal = op.biased = true;
  add(op, 3, 3, 2);
  return samples;
}

std::vector<SampleOf<DotProductAttentionGrad>> DotProductAttentionGrad::samples() {
  std::vector<SampleOf<DotProductAttentionGrad>> samples;
  for (const SampleOf<DotProductAttention>& sample : DotProductAttention::samples()) {
    DotProductAttentionGrad op;
    op.copy_options(sample.op);
    std::vector<SampleInput> in = sample.inputs;
    const Shape &q = in[0].shape, &k = in[1].shape, &v = in[2].shape;
    in.insert(in.begin() + 3, {{{q[0], q[1], q[2], v[3]}, -1, 1}, {shape_of_scores(q, k), 0, 1}});
    samples.push_back({op, in});
  }
  return samples;
}

}  // namespace

Tensor attention_span(std::int64_t queries, std::int64_t keys, std::optional<std::int64_t> window) {
  if (queries == None || keys == None) return Tensor::abstract({1, queries, keys}, DType::bool_);
  const Tensor ahead =
      reshape(arange(keys), {1, 1, keys}) - reshape(arange(queries), {1, queries, 1});
  return window ? abs(ahead) < *window : ahead <= 0;
}

Tensor dot_product_attention(const Tensor& query,
                             const Tensor& key,
                             const Tensor& value,
                             const DotProductAttentionArgs& args) {
  check(query.shape(), key.shape(), value.shape());
  const DType dtype =
      to_float(promote(promote(query, key).first, promote(query, value).second).first).dtype();
  DotProductAttention op;
  op.scale = args.scale ? *args.scale : 1 / std::sqrt(static_cast<double>(query.shape()[3]));
  op.is_causal = args.is_causal;
  op.biased = args.bias.defined();
  op.masked = args.mask.defined();
  std::vector<Tensor> in = {cast(query, dtype), cast(key, dtype), cast(value, dtype)};
  if (op.biased) in.push_back(cast(args.bias, dtype));
  if (op.masked) in.push_back(cast(args.mask, DType::bool_));
  return run_multi(op, in)[0];
}

}  // namespace ops

using namespace ops;
NYALA_OP(DotProductAttention)
NYALA_OP(DotProductAttentionGrad)

}  // namespace nyala
