#include "control-socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "error-name.h"

namespace {

constexpr int kBacklog = 16;

std::string failed(const std::string& what) {
  return what + ": " + errorName(errno) + " (" + strerror(errno) + ")";
}

/// Empty where the path is free now.
std::string makeRoom(const std::string& path, const sockaddr_un& address) {
  struct stat found;
  if (lstat(path.c_str(), &found) != 0) {
    if (errno != ENOENT) return failed("cannot look at " + path);
    return {};
  }
  if (!S_ISSOCK(found.st_mode)) return path + " is there and no socket; remove it, or give another --socket";
  const int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (probe < 0) return failed("socket");
  const bool refused = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
                       errno == ECONNREFUSED;
  close(probe);
  if (!refused) return path + " is served already; stop that relay, or give another --socket";
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("cannot remove the stale socket " + path);
  return {};
}

}  // namespace

int listenOnControlSocket(const std::string& path, std::string& wrong) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    wrong = "the path of --socket has more than 107 bytes; give a shorter one";
    return -1;
  }
  memcpy(address.sun_path, path.data(), path.size());
  wrong = makeRoom(path, address);
  if (!wrong.empty()) return -1;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    wrong = failed("socket");
    return -1;
  }
  // The file never has another mode, not even for a moment.
  const mode_t before = umask(0177);
  const bool bound = bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  umask(before);
  errno = error;
  if (bound && listen(fd, kBacklog) == 0) return fd;
  if (errno == ENOENT || errno == ENOTDIR)
    wrong = "the directory of " + path + " is not there; make it, or give another --socket";
  else
    wrong = failed("cannot listen on " + path);
  close(fd);
  return -1;
}

std::string checkControlFd(int fd) {
  sockaddr_un peer{};
  socklen_t length = sizeof peer;
  int type = 0;
  socklen_t typeLength = sizeof type;
  if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &typeLength) != 0 || type != SOCK_STREAM ||
      getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &length) != 0 || peer.sun_family != AF_UNIX)
    return "--control-fd " + std::to_string(fd) + " is not a connected Unix stream socket";
  return {};
}
