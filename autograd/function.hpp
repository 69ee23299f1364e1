#pragma once
/// function(f): what `tf.function` is in Python. `f` runs once for each signature (dtypes and
/// shapes) of its tensor arguments, on abstract tensors; what it computed is replayed from then on.
#include <array>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/autograd/graph/program.hpp>
#include <nyala/autograd/graph/program_cache.hpp>
#include <nyala/autograd/guard.hpp>

#pragma GCC visibility push(default)

namespace nyala {
namespace detail {

/// Whether a callable is one that may be empty, and is.
template <class F>
bool is_empty_function(const F&) {
  return false;
}
template <class Signature>
bool is_empty_function(const std::function<Signature>& f) {
  return !f;
}
template <class Result, class... Args>
bool is_empty_function(Result (*const& f)(Args...)) {
  return f == nullptr;
}

}  // namespace detail

/// The callable that `function` makes. Arguments are tensors; the result is a tensor, a vector or a
/// tuple of tensors, or nothing; where `f` gives an undefined tensor, an undefined one comes back.
/// Copies share the programs, of which it keeps the ones used last (graph::ProgramCache says how
/// many). Throws StateError for an undefined argument, and LimitError where memory runs out.
template <class F>
class Function {
 public:
  explicit Function(F f) : f_(std::move(f)), cache_(std::make_shared<graph::ProgramCache>()) {
    if (detail::is_empty_function(f_)) throw ValueError("function: received an empty function");
  }

  template <class... Args>
  auto operator()(const Args&... args) const {
    using Result = std::invoke_result_t<const F&, const Args&...>;
    const std::array<Tensor, sizeof...(Args)> inputs{static_cast<Tensor>(args)...};
    return detail::guard_memory([&]() -> Result {
      if (graph::ProgramCache::must_run_directly(as_inputs(inputs))) return f_(args...);
      Tensors outputs;
      find<Result, Args...>(inputs).replay(as_inputs(inputs), outputs);
      return unpack<Result>(outputs);
    });
  }

  /// What runs for arguments of these dtypes and shapes.
  template <class... Args>
  graph::Program program(const Args&... args) const {
    const std::array<Tensor, sizeof...(Args)> inputs{static_cast<Tensor>(args)...};
    return find<std::invoke_result_t<const F&, const Args&...>, Args...>(inputs);
  }

  /// How often it has been traced: once for each signature, and again for one whose program had to
  /// make room for others meanwhile.
  std::size_t trace_count() const { return cache_->num_added(); }
  /// Where its programs are.
  graph::ProgramCache& programs() const { return *cache_; }

 private:
  static Inputs<Tensor> as_inputs(std::span<const Tensor> inputs) { return inputs; }

  template <class Result, class... Args>
  graph::Program find(const std::array<Tensor, sizeof...(Args)>& inputs) const {
    const graph::ProgramKey key{.inputs = as_inputs(inputs)};
    if (graph::Program known = cache_->find(key)) return known;
    return cache_->add(key, [this](const std::vector<Tensor>& tensors) {
      return call<Result>(tensors, std::index_sequence_for<Args...>());
    });
  }
  template <class Result, std::size_t... I>
  std::vector<Tensor> call(const std::vector<Tensor>& tensors, std::index_sequence<I...>) const {
    if constexpr (std::is_void_v<Result>) {
      f_(tensors[I]...);
      return {};
    } else if constexpr (std::is_same_v<Result, Tensor>) {
      return {f_(tensors[I]...)};
    } else if constexpr (std::is_same_v<Result, std::vector<Tensor>>) {
      return f_(tensors[I]...);
    } else {
      return std::apply([](const auto&... result) { return std::vector<Tensor>{result...}; },
                        f_(tensors[I]...));
    }
  }
  template <class Result>
  static Result unpack(Tensors& results) {
    if constexpr (std::is_same_v<Result, Tensor>)
      return std::move(results[0]);
    else if constexpr (std::is_same_v<Result, std::vector<Tensor>>)
      return Result(std::move_iterator(results.begin()), std::move_iterator(results.end()));
    else if constexpr (!std::is_void_v<Result>)
      return unpack_tuple<Result>(results, std::make_index_sequence<std::tuple_size_v<Result>>());
  }
  template <class Result, std::size_t... I>
  static Result unpack_tuple(Tensors& results, std::index_sequence<I...>) {
    return Result{std::move(results[I])...};
  }

  F f_;
  std::shared_ptr<graph::ProgramCache> cache_;
};

/// Makes a callable that traces `f` once for each signature and replays it afterwards. Throws
/// ValueError for an empty function, and when it is called where `f` makes a Variable.
template <class F>
Function<F> function(F f) {
  return Function<F>(std::move(f));
}

}  // namespace nyala

#pragma GCC visibility pop
