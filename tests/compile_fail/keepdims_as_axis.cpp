// true is no axis: keepdims is an option.
// wanted: options stand in braces
#include <nyala/core/ops.hpp>

using namespace nyala;

Tensor total(const Tensor& x) {
#ifdef FIXED
  return ops::sum(x, {.keepdims = true});
#else
  return ops::sum(x, true);
#endif
}
