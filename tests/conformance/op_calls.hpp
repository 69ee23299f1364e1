#pragma once
/// Keras's functions by name, as the golden cases call them.
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "conformance/golden.hpp"

#include <nyala/core/ops.hpp>

namespace nyala::conformance {

using OpCall = std::function<std::vector<Tensor>(const std::vector<Tensor>&, const Json& kwargs)>;

inline Axes axes_of(const Json& kwargs, const char* name = "axis") {
  if (!kwargs.contains(name) || kwargs[name].is_null()) return {};
  if (kwargs[name].is_array()) return Axes(kwargs[name].get<std::vector<int>>());
  return Axes(kwargs[name].get<int>());
}
inline std::optional<int> axis_of(const Json& kwargs) {
  if (!kwargs.contains("axis") || kwargs["axis"].is_null()) return {};
  return kwargs["axis"].get<int>();
}
inline ReduceArgs reduce_args(const Json& kwargs, const char* axis = "axis") {
  return {axes_of(kwargs, axis), kwargs.value("keepdims", false)};
}

using Unary = Tensor (*)(const Tensor&);
using Binary = Tensor (*)(const Tensor&, const Tensor&);
using Reduction = Tensor (*)(const Tensor&, const ReduceArgs&);

inline OpCall call(Unary f) {
  return [f](const auto& x, const Json&) { return std::vector{f(x[0])}; };
}
inline OpCall call(Binary f) {
  return [f](const auto& x, const Json&) { return std::vector{f(x[0], x[1])}; };
}
inline OpCall call(Reduction f) {
  return
      [f](const auto& x, const Json& kwargs) { return std::vector{f(x[0], reduce_args(kwargs))}; };
}
template <class F>
OpCall one(F f) {
  return [f](const auto& x, const Json& kwargs) { return std::vector<Tensor>{f(x, kwargs)}; };
}

using OpCalls = std::unordered_map<std::string, OpCall>;

inline OpCalls elementwise_calls() {
  using namespace ops;
  return {
#define NYALA_CALL(name) {#name, call(static_cast<Unary>(ops::name))}
      NYALA_CALL(negative),
      NYALA_CALL(abs),
      NYALA_CALL(exp),
      NYALA_CALL(expm1),
      NYALA_CALL(sin),
      NYALA_CALL(cos),
      NYALA_CALL(tan),
      NYALA_CALL(tanh),
      NYALA_CALL(sinh),
      NYALA_CALL(cosh),
      NYALA_CALL(arctan),
      NYALA_CALL(arcsin),
      NYALA_CALL(arccos),
      NYALA_CALL(arctanh),
      NYALA_CALL(arcsinh),
      NYALA_CALL(floor),
      NYALA_CALL(ceil),
      NYALA_CALL(round),
      NYALA_CALL(sign),
      NYALA_CALL(square),
      NYALA_CALL(relu),
      NYALA_CALL(sigmoid),
      NYALA_CALL(softplus),
      NYALA_CALL(silu),
      NYALA_CALL(erf),
      NYALA_CALL(isnan),
      NYALA_CALL(isfinite),
      NYALA_CALL(isinf),
      NYALA_CALL(exp2),
      NYALA_CALL(deg2rad),
      NYALA_CALL(sinc),
      NYALA_CALL(logical_not),
      NYALA_CALL(reciprocal),
      NYALA_CALL(trunc),
      NYALA_CALL(sqrt),
      NYALA_CALL(log),
      NYALA_CALL(log1p),
      NYALA_CALL(log2),
      NYALA_CALL(log10),
      NYALA_CALL(rsqrt),
      NYALA_CALL(cbrt),
#undef NYALA_CALL
      {"nan_to_num", one([](const auto& x, const Json&) { return nan_to_num(x[0]); })},
      {"ones_like", one([](const auto& x, const Json&) { return ones_like(x[0]); })},
      {"zeros_like", one([](const auto& x, const Json&) { return zeros_like(x[0]); })},
#define NYALA_CALL(name) {#name, call(static_cast<Binary>(ops::name))}
      NYALA_CALL(add),
      NYALA_CALL(subtract),
      NYALA_CALL(multiply),
      NYALA_CALL(divide),
      NYALA_CALL(maximum),
      NYALA_CALL(minimum),
      NYALA_CALL(arctan2),
      NYALA_CALL(logaddexp),
      NYALA_CALL(greater),
      NYALA_CALL(less),
      NYALA_CALL(equal),
      NYALA_CALL(not_equal),
      NYALA_CALL(greater_equal),
      NYALA_CALL(less_equal),
      NYALA_CALL(hypot),
      NYALA_CALL(mod),
      NYALA_CALL(floor_divide),
      NYALA_CALL(logical_and),
      NYALA_CALL(logical_or),
      NYALA_CALL(logical_xor),
      NYALA_CALL(power),
      NYALA_CALL(true_divide),
      NYALA_CALL(bitwise_and),
      NYALA_CALL(left_shift),
#undef NYALA_CALL
      {"isclose", one([](const auto& x, const Json&) { return isclose(x[0], x[1]); })},
      {"where", one([](const auto& x, const Json&) { return where(x[0], x[1], x[2]); })},
      {"clip", one([](const auto& x, const Json& k) {
         return clip(x[0], k["x_min"].template get<double>(), k["x_max"].template get<double>());
       })},
  };
}

inline OpCalls reduction_calls() {
  using namespace ops;
  return {
#define NYALA_CALL(name) {#name, call(static_cast<Reduction>(ops::name))}
      NYALA_CALL(sum),
      NYALA_CALL(mean),
      NYALA_CALL(max),
      NYALA_CALL(min),
      NYALA_CALL(prod),
      NYALA_CALL(std),
      NYALA_CALL(var),
      NYALA_CALL(logsumexp),
      NYALA_CALL(any),
      NYALA_CALL(all),
      NYALA_CALL(amax),
      NYALA_CALL(amin),
      NYALA_CALL(median),
      NYALA_CALL(count_nonzero),
#undef NYALA_CALL
      {"argmax", one([](const auto& x, const Json& k) {
         return argmax(x[0], {axis_of(k), k.value("keepdims", false)});
       })},
      {"argmin", one([](const auto& x, const Json& k) {
         return argmin(x[0], {axis_of(k), k.value("keepdims", false)});
       })},
      {"moments",
       [](const auto& x, const Json& k) {
         const Moments both = moments(x[0], reduce_args(k, "axes"));
         return std::vector{both.mean, both.variance};
       }},
      {"average",
       one([](const auto& x, const Json& k) { return average(x[0], {.axis = axis_of(k)}); })},
      {"quantile",
       one([](const auto& x, const Json& k) { return quantile(x[0], x[1], reduce_args(k)); })},
      {"norm", one([](const auto& x, const Json& k) {
         NormArgs args{.axis = axes_of(k)};
         if (k.contains("ord")) args.ord = k["ord"].template get<double>();
         return norm(x[0], args);
       })},
      {"cumsum",
       one([](const auto& x, const Json& k) { return cumsum(x[0], {.axis = axis_of(k)}); })},
      {"cumprod",
       one([](const auto& x, const Json& k) { return cumprod(x[0], {.axis = axis_of(k)}); })},
      {"softmax",
       one([](const auto& x, const Json& k) { return softmax(x[0], {k.value("axis", -1)}); })},
      {"log_softmax",
       one([](const auto& x, const Json& k) { return log_softmax(x[0], {k.value("axis", -1)}); })},
      {"normalize", one([](const auto& x, const Json& k) {
         return normalize(x[0], {.axis = axes_of(k), .order = k.value("order", 2)});
       })},
  };
}

inline OpCalls product_calls() {
  using namespace ops;
  return {
#define NYALA_CALL(name) {#name, call(static_cast<Binary>(ops::name))}
      NYALA_CALL(matmul),
      NYALA_CALL(dot),
      NYALA_CALL(inner),
      NYALA_CALL(outer),
      NYALA_CALL(vdot),
      NYALA_CALL(cross),
      NYALA_CALL(kron),
      NYALA_CALL(solve),
#undef NYALA_CALL
      {"det", call(static_cast<Unary>(det))},
      {"inv", call(static_cast<Unary>(inv))},
      {"cholesky", one([](const auto& x, const Json&) { return cholesky(x[0]); })},
      {"erfinv", call(static_cast<Unary>(erfinv))},
      {"tensordot", one([](const auto& x, const Json& k) {
         const Json& axes = k["axes"];
         if (!axes.is_array()) return tensordot(x[0], x[1], axes.template get<int>());
         return tensordot(
             x[0],
             x[1],
             {axes[0].template get<std::vector<int>>(), axes[1].template get<std::vector<int>>()});
       })},
  };
}

inline OpCalls shape_calls() {
  using namespace ops;
  using Sizes = std::vector<std::int64_t>;
  return {
      {"trace", one([](const auto& x, const Json&) { return trace(x[0]); })},
      {"diag", one([](const auto& x, const Json&) { return diag(x[0]); })},
      {"diagonal", one([](const auto& x, const Json&) { return diagonal(x[0]); })},
      {"tril", one([](const auto& x, const Json& k) { return tril(x[0], k.value("k", 0)); })},
      {"triu", one([](const auto& x, const Json& k) { return triu(x[0], k.value("k", 0)); })},
      {"transpose", one([](const auto& x, const Json& k) {
         return transpose(x[0], k["axes"].template get<std::vector<int>>());
       })},
      {"reshape", one([](const auto& x, const Json& k) {
         return reshape(x[0], k["newshape"].template get<Sizes>());
       })},
      {"expand_dims", one([](const auto& x, const Json& k) {
         return expand_dims(x[0], k["axis"].template get<int>());
       })},
      {"squeeze", one([](const auto& x, const Json& k) { return squeeze(x[0], axes_of(k)); })},
      {"swapaxes", one([](const auto& x, const Json& k) {
         return swapaxes(x[0], k["axis1"].template get<int>(), k["axis2"].template get<int>());
       })},
      {"moveaxis", one([](const auto& x, const Json& k) {
         return moveaxis(
             x[0], k["source"].template get<int>(), k["destination"].template get<int>());
       })},
      {"flip", one([](const auto& x, const Json& k) { return flip(x[0], axes_of(k)); })},
      {"rot90", one([](const auto& x, const Json&) { return rot90(x[0]); })},
      {"roll", one([](const auto& x, const Json& k) {
         return roll(x[0], k["shift"].template get<int>(), {axis_of(k)});
       })},
      {"repeat", one([](const auto& x, const Json& k) {
         return repeat(x[0], k["repeats"].template get<int>(), {axis_of(k)});
       })},
      {"tile", one([](const auto& x, const Json& k) {
         return tile(x[0], k["repeats"].template get<Sizes>());
       })},
      {"pad", one([](const auto& x, const Json& k) {
         std::vector<PadWidth> widths;
         for (const Json& pair : k["pad_width"]) widths.push_back({pair[0], pair[1]});
         return pad(x[0], widths, {.mode = k.value("mode", "constant")});
       })},
      {"slice", one([](const auto& x, const Json& k) {
         return slice(
             x[0], k["start_indices"].template get<Sizes>(), k["shape"].template get<Sizes>());
       })},
      {"diff", one([](const auto& x, const Json&) { return diff(x[0]); })},
  };
}

inline OpCalls index_calls() {
  using namespace ops;
  return {
      {"take", one([](const auto& x, const Json& k) { return take(x[0], x[1], {axis_of(k)}); })},
      {"take_along_axis",
       one([](const auto& x, const Json& k) { return take_along_axis(x[0], x[1], {axis_of(k)}); })},
      {"one_hot", one([](const auto& x, const Json& k) {
         return one_hot(x[0], k["num_classes"].template get<int>());
       })},
      {"multi_hot", one([](const auto& x, const Json& k) {
         return multi_hot(x[0], k["num_classes"].template get<int>());
       })},
      {"sort",
       one([](const auto& x, const Json& k) { return sort(x[0], {.axis = k.value("axis", -1)}); })},
      {"argsort", one([](const auto& x, const Json& k) {
         return argsort(x[0], {.axis = k.value("axis", -1)});
       })},
      {"top_k",
       [](const auto& x, const Json& k) {
         const TopK best = top_k(x[0], k["k"].template get<int>());
         return std::vector{best.values, best.indices};
       }},
      {"in_top_k", one([](const auto& x, const Json& k) {
         return in_top_k(x[0], x[1], k["k"].template get<int>());
       })},
      {"bincount", one([](const auto& x, const Json& k) {
         return bincount(x[0], {.minlength = k.value("minlength", 0)});
       })},
      {"digitize", call(digitize)},
      {"searchsorted", one([](const auto& x, const Json&) { return searchsorted(x[0], x[1]); })},
      {"unravel_index",
       [](const auto& x, const Json& k) {
         return unravel_index(x[0], k["shape"].template get<std::vector<std::int64_t>>());
       }},
      {"nonzero", [](const auto& x, const Json&) { return nonzero(x[0]); }},
      {"segment_sum", one([](const auto& x, const Json& k) {
         return segment_sum(x[0], x[1], {k["num_segments"].template get<int>()});
       })},
      {"segment_max", one([](const auto& x, const Json& k) {
         return segment_max(x[0], x[1], {k["num_segments"].template get<int>()});
       })},
  };
}

}  // namespace nyala::conformance
