// A graph would keep the value that the variable has now, and training would not reach it.
// wanted: deleted
#include <nyala/layers/operation.hpp>

using namespace nyala;

Symbol shifted(const Symbol& x, const Variable& bias) {
#ifdef FIXED
  return x + bias.value();
#else
  return x + bias;
#endif
}
