// A callback that nobody could share.
// wanted: a callback is given as std::shared_ptr, std::ref or by value
#include <nyala/models/callbacks.hpp>

using namespace nyala;

#ifdef FIXED
const callbacks::CallbackRef callback(std::make_shared<callbacks::EarlyStopping>());
#else
const callbacks::CallbackRef callback(std::make_unique<callbacks::EarlyStopping>());
#endif
