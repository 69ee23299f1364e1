#include <nyala/autograd/guard.hpp>

#include <nyala/core/error.hpp>

namespace nyala::detail {
namespace {

// Copies share the message, so that throwing one asks for no memory of ours.
const LimitError g_out_of_memory("out of memory: the system gave none for a tape or a program");

}  // namespace

void throw_out_of_memory() { throw LimitError(g_out_of_memory); }

}  // namespace nyala::detail
