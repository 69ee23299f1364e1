// An argument that there is not.
// wanted: error: (use of deleted function .*LayerOf.*DotArgs|no matching constructor .*DotArgs)
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::Dot dot({.axes = 1, .normalize = true});
#else
const layers::Dot dot({.axes = 1, .normalise = true});
#endif
