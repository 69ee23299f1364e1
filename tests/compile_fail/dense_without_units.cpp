// Another one: `int units` would silently be 0.
// wanted: error: (use of deleted function .*LayerOf.*DenseArgs|no matching constructor .*DenseArgs)
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::Dense dense({.units = 3, .use_bias = false});
#else
const layers::Dense dense({.use_bias = false});
#endif
