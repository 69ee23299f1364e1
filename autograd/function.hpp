#pragma once
/// function(f): what `tf.function` is in Python. `f` runs once for each signature (dtypes and
/// shapes) of its tensor arguments, on abstract tensors; what it computed is replayed from then on.
#include <array>
#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <nyala/autograd/graph/program.hpp>

namespace nyala {
namespace graph {

/// Programs by signature: the specs of the inputs. Safe to call from several threads; finding one
/// takes no lock.
class ProgramCache {
 public:
  ProgramCache() = default;
  ~ProgramCache();
  ProgramCache(const ProgramCache&) = delete;
  ProgramCache& operator=(const ProgramCache&) = delete;

  /// The program for these inputs; null for none.
  const Program* find(Inputs<Tensor> inputs) const;
  /// The same, traced from `f` when it is new.
  const Program& add(const TensorFunction& f, Inputs<Tensor> inputs);
  /// Whether a call must run `f` itself: inside another trace, or while a tape records.
  static bool must_run_directly();
  std::size_t size() const;

 private:
  struct Entry;
  std::mutex mutex_;
  std::atomic<const Entry*> first_{nullptr};
};

}  // namespace graph

/// The callable that `function` makes. Arguments are tensors; the result is a tensor, a vector or a
/// tuple of tensors, or nothing.
template <class F>
class Function {
 public:
  explicit Function(F f) : f_(std::move(f)), cache_(std::make_shared<graph::ProgramCache>()) {}

  template <class... Args>
  auto operator()(const Args&... args) const {
    using Result = std::invoke_result_t<const F&, const Args&...>;
    if (graph::ProgramCache::must_run_directly()) return f_(args...);
    const std::array<Tensor, sizeof...(Args)> inputs{static_cast<Tensor>(args)...};
    Tensors outputs;
    find<Result, Args...>(inputs).run(std::span<const Tensor>(inputs), outputs);
    return unpack<Result>(outputs);
  }

  /// What runs for arguments of these dtypes and shapes.
  template <class... Args>
  const graph::Program& program(const Args&... args) const {
    const std::array<Tensor, sizeof...(Args)> inputs{static_cast<Tensor>(args)...};
    return find<std::invoke_result_t<const F&, const Args&...>, Args...>(inputs);
  }

  /// How many signatures it has been traced for.
  std::size_t trace_count() const { return cache_->size(); }

 private:
  template <class Result, class... Args>
  const graph::Program& find(const std::array<Tensor, sizeof...(Args)>& inputs) const {
    const std::span<const Tensor> all(inputs);
    if (const graph::Program* program = cache_->find(all)) return *program;
    const auto body = [this](const std::vector<Tensor>& tensors) {
      return call<Result>(tensors, std::index_sequence_for<Args...>());
    };
    return cache_->add(body, all);
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

/// Makes a callable that traces `f` once for each signature and replays it afterwards.
template <class F>
Function<F> function(F f) {
  return Function<F>(std::move(f));
}

}  // namespace nyala
