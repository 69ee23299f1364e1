// Arguments stand in Keras's order.
// wanted: order|out.of.order|LayerOf
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::Dot dot({.axes = 1, .normalize = true});
#else
const layers::Dot dot({.normalize = true, .axes = 1});
#endif
