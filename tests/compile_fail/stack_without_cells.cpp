// An empty list of what must be given.
// wanted: Required|cells
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::StackedRNNCells stack({.cells = {layers::LSTMCell(2)}});
#else
const layers::StackedRNNCells stack({.cells = {}});
#endif
