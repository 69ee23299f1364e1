// The list of all ops, apart from what runs one: a program links the ops that it calls.
#include <nyala/core/ops/support.hpp>

namespace nyala {
const std::vector<const OpDef*>& all_ops() {
  static const std::vector<const OpDef*> ops = {
#define OP(Name) &detail::def_##Name(),
#include <nyala/core/ops.def>
#undef OP
  };
  return ops;
}

std::vector<Sample> samples_of(const OpDef& def) {
#define OP(Name) \
  if (&def == &detail::def_##Name()) return detail::samples_##Name();
#include <nyala/core/ops.def>
#undef OP
  return {};
}

}  // namespace nyala
