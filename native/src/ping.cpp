#include "ping.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "control-socket.h"
#include "error-name.h"

namespace {

/// Longer than any first line is.
constexpr size_t kMostBytes = 4'096;

}  // namespace

std::string pingRelay(const std::string& path, int withinMs) {
  std::string wrong;
  const int fd = connectToControlSocket(path, wrong, withinMs);
  if (fd < 0) return wrong.empty() ? "nobody listens on " + path : wrong;
  char byte = 0;
  size_t count = 0;
  ssize_t got = 1;
  // A peer that is refused is told so in a line, too: who says that is alive.
  while (byte != '\n' && count < kMostBytes && (got = read(fd, &byte, 1)) == 1) count++;
  const int error = errno;
  close(fd);
  if (byte == '\n') return {};
  if (got < 0 && error == EAGAIN)
    return "who listens on " + path + " says nothing within " + std::to_string(withinMs) + " ms";
  if (got < 0) return "cannot read from " + path + ": " + errorName(error) + " (" + strerror(error) + ")";
  return "who listens on " + path + " is no relay";
}
