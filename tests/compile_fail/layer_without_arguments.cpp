// A layer with a required argument has no default.
// wanted: constraint|satisf|LayerOf
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::Dense dense({.units = 3});
#else
const layers::Dense dense;
#endif
