#include "standard_streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <iostream>

namespace nyala::cli {

void prepare_streams() {
  std::signal(SIGPIPE, SIG_IGN);
  for (int stream = STDIN_FILENO; stream <= STDERR_FILENO; ++stream) {
    if (::fcntl(stream, F_GETFD) != -1 || errno != EBADF) continue;
    // The lowest number that is free is this one.
    const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    if (opened < 0) std::_Exit(1);
  }
}

namespace {

bool nobody_reads() {
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & POLLERR) != 0;
}

}  // namespace

int finish_output() {
  errno = 0;
  const bool whole = std::cout.flush().good();
  const bool written = std::fflush(stdout) == 0 && std::ferror(stdout) == 0;
  if (whole && written) return 0;
  // The write that failed may be long ago, and its cause forgotten.
  if (nobody_reads()) return EPIPE;
  return errno == 0 ? EIO : errno;
}

}  // namespace nyala::cli
