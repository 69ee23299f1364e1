// `^` is the bitwise xor of C++: on a tensor and a number it is a mistake for a power.
// wanted: write ops::power\(x, 2\)
#include <nyala/core/ops.hpp>

using namespace nyala;

Tensor squared(const Tensor& x) {
#ifdef FIXED
  return ops::power(x, 2);
#else
  return x ^ 2;
#endif
}
