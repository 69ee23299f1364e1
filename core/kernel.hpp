#pragma once
/// What an op prepares from shapes and options, so that running it is one call.
#include <concepts>
#include <memory>

#include <nyala/core/tensor.hpp>

#pragma GCC visibility push(default)

namespace nyala {

/// How the arrays of a call lie. Of these tensors only dtype, shape and strides may be read: they
/// may have no memory.
struct Layouts {
  Inputs<Tensor> in;
  Inputs<Tensor> out;
};

/// Scratch memory that a kernel asks for while it is prepared. When it runs, it is given a block of
/// `bytes()`, aligned to 64, that holds anything; a compiled program keeps it in its arena.
class Workspace {
 public:
  /// Where in the block the next `bytes` begin: a multiple of 64.
  [[nodiscard]] std::int64_t take(std::int64_t bytes) {
    const std::int64_t offset = bytes_;
    bytes_ += (bytes + kAlignment - 1) / kAlignment * kAlignment;
    return offset;
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  static constexpr std::int64_t kAlignment = 64;
  std::int64_t bytes_ = 0;
};

/// An op with its layouts and options settled: it computes, and looks up nothing. Made from a
/// function object, which it keeps and never changes, so that several threads may call it at once,
/// each with a workspace of its own. The function takes pointers to the inputs' and the outputs'
/// first elements and, if it wants one, the workspace.
class Kernel {
 public:
  /// None.
  Kernel() = default;
  template <class F>
  requires std::invocable<const F&, const void* const*, void* const*> ||
      std::invocable<const F&, const void* const*, void* const*, std::byte*>
      Kernel(F f)
      : call_(call_as<F>),
        state_(new F(std::move(f)), [](void* state) { delete static_cast<F*>(state); }) {}

  explicit operator bool() const { return call_ != nullptr; }
  void operator()(const void* const* inputs, void* const* outputs, std::byte* workspace) const {
    call_(state_.get(), inputs, outputs, workspace);
  }

 private:
  template <class F>
  static void call_as(const void* state,
                      const void* const* inputs,
                      void* const* outputs,
                      std::byte* workspace) {
    const F& f = *static_cast<const F*>(state);
    if constexpr (std::invocable<const F&, const void* const*, void* const*>)
      f(inputs, outputs);
    else
      f(inputs, outputs, workspace);
  }

  void (*call_)(const void*, const void* const*, void* const*, std::byte*) = nullptr;
  std::unique_ptr<void, void (*)(void*)> state_{nullptr, nullptr};
};

/// A result that shares the elements of its input.
struct ViewLayout {
  Shape shape;
  Shape strides;            ///< in elements
  std::int64_t offset = 0;  ///< of its first element from the input's, in elements
};

namespace detail {

/// A tensor over memory that it does not own, or over none yet.
Tensor bare_tensor(const Spec& spec, const Shape& strides, std::byte* data);

}  // namespace detail
}  // namespace nyala

#pragma GCC visibility pop
