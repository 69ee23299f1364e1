// A tensor to compute with and a symbol to build a graph from do not mix in one call.
// wanted: no match|no matching
#include <nyala/layers/layers.hpp>

using namespace nyala;

void call(const layers::Dot& dot, const Tensor& x, const Symbol& s) {
#ifdef FIXED
  dot({x, x});
  dot({s, s});
#else
  dot({x, s});
#endif
}
