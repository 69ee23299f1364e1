// A callback given as a pointer, which says nothing of who owns it.
// wanted: a callback is given as std::shared_ptr, std::ref or by value
#include <nyala/models/callbacks.hpp>

using namespace nyala;

callbacks::EarlyStopping stopping;
#ifdef FIXED
const callbacks::CallbackRef callback(std::ref(stopping));
#else
const callbacks::CallbackRef callback(&stopping);
#endif
