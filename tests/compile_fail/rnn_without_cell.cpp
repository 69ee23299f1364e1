// Left out: a list of none would make an RNN that runs nothing.
// wanted: RequiredCell|cell
#include <nyala/layers/layers.hpp>

using namespace nyala;

#ifdef FIXED
const layers::RNN rnn({.cell = layers::LSTMCell(2), .return_sequences = true});
#else
const layers::RNN rnn({.return_sequences = true});
#endif
