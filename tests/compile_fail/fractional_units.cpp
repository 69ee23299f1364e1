// A size that is no whole number.
// wanted: narrow|Required|LayerOf
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::Dense dense({.units = 3});
#else
const layers::Dense dense({.units = 3.5});
#endif
