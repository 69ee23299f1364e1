// An op that neither has a gradient nor says that it has none.
// wanted: constraint|concept|satisf
#include <nyala/core/op.hpp>

using namespace nyala;

struct Same {
  static constexpr std::string_view name = "same";
  static constexpr std::string_view doc = "x";
  static constexpr auto fields() { return std::tuple{}; }
  Spec infer(Inputs<Spec> in) const { return in[0]; }
  std::optional<ViewLayout> view(const Spec& in, const Shape& strides) const {
    return ViewLayout{in.shape, strides};
  }
#ifdef FIXED
  static constexpr Saves saves = Saves::nothing;
  Grads vjp(const Saved&, const Tensor& dy) const { return {dy}; }
#endif
  static std::vector<SampleOf<Same>> samples() { return {{{}, {{{2, 3}}}}}; }
};

Tensor same(const Tensor& x) { return run_op(Same{}, {x}); }
