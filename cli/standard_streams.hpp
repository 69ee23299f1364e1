#pragma once
/// Standard input, output and error, which may be closed, full or a pipe that nobody reads.

namespace nyala::cli {

/// Opens those that are closed on something that cannot be read or written, so that no file takes
/// their place; a pipe that nobody reads is then an error, not a signal.
void prepare_streams();
/// Writes out what is left. Returns 0, or the cause (errno) for which standard output is not whole.
int finish_output();

}  // namespace nyala::cli
