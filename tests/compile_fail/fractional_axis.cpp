// An axis that stands second is a whole number.
// wanted: the axis is an int, a list of ints or nyala::Axes
#include <nyala/core/ops.hpp>

using namespace nyala;

Tensor total(const Tensor& x) {
#ifdef FIXED
  return ops::sum(x, 1, {.keepdims = true});
#else
  return ops::sum(x, 1.5);
#endif
}
