// Comparing tensors gives a tensor of answers, which is no condition.
// wanted: deleted.*operator bool|use a deleted function
#include <nyala/core/ops.hpp>

using namespace nyala;

int compare(const Tensor& x, const Tensor& y) {
#ifdef FIXED
  if (ops::all(x == y).item<bool>()) return 1;
#else
  if (x == y) return 1;
#endif
  return 0;
}
