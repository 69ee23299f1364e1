// A required argument left out.
// wanted: AxisPair|axes
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::Dot dot({.axes = 1, .normalize = true});
#else
const layers::Dot dot({.normalize = true});
#endif
