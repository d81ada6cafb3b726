#include "control-socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "error-name.h"

namespace {

constexpr int kBacklog = 16;

constexpr const char* kPathTooLong = "the path of --socket has more than 107 bytes; give a shorter one";

std::string failed(const std::string& what) {
  return what + ": " + errorName(errno) + " (" + strerror(errno) + ")";
}

std::string servedAlready(const std::string& path, const std::string& by) {
  return path + " is served already" + by + "; stop that relay, or give another --socket";
}

std::string noDirectory(const std::string& path) {
  return "the directory of " + path + " is not there; make it, or give another --socket";
}

/// A lock of the process (fcntl(2)), which the system can tell the holder of: it ends with it, or when it
/// closes this file.
bool tryLock(int fd) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return fcntl(fd, F_SETLK, &lock) == 0;
}

/// Of all who would serve `path` one has this lock, for as long as it lives: between looking at a stale
/// socket and removing it nobody makes one that is served. The file stays: if it were removed, another could
/// lock a file that nobody finds any more. The descriptor, or -1 and `wrong`.
int lockOf(const std::string& path, std::string& wrong) {
  const int fd = openLockFile(path, wrong);
  if (fd < 0 || tryLock(fd)) return fd;
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  if (errno != EAGAIN && errno != EACCES)
    wrong = failed("cannot lock " + path + ".lock");
  else if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK && lock.l_pid > 0)
    wrong = servedAlready(path, " by process " + std::to_string(lock.l_pid));
  else
    // The holder has ended just now, or is of another PID namespace.
    wrong = servedAlready(path, "");
  close(fd);
  return -1;
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
  // By one without a lock, or another program.
  if (!refused) return servedAlready(path, "");
  if (unlink(path.c_str()) != 0 && errno != ENOENT) return failed("cannot remove the stale socket " + path);
  return {};
}

/// The listening socket, or -1 and `wrong`. The caller has the lock.
int listenAt(const std::string& path, const sockaddr_un& address, mode_t mode, std::string& wrong) {
  wrong = makeRoom(path, address);
  if (!wrong.empty()) return -1;
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) {
    wrong = failed("socket");
    return -1;
  }
  // The file never has another mode, not even for a moment.
  const mode_t before = umask(0777 & ~mode);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  const int error = errno;
  umask(before);
  errno = error;
  if (bound && listen(fd, kBacklog) == 0) return fd;
  if (errno == ENOENT || errno == ENOTDIR)
    wrong = noDirectory(path);
  else
    wrong = failed("cannot listen on " + path);
  close(fd);
  return -1;
}

}  // namespace

int listenOnControlSocket(const std::string& path, mode_t mode, int& lockFd, std::string& wrong) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    wrong = kPathTooLong;
    return -1;
  }
  memcpy(address.sun_path, path.data(), path.size());
  lockFd = lockOf(path, wrong);
  if (lockFd < 0) return -1;
  const int fd = listenAt(path, address, mode, wrong);
  if (fd < 0) close(std::exchange(lockFd, -1));
  return fd;
}

int openLockFile(const std::string& path, std::string& wrong) {
  const std::string file = path + ".lock";
  const int fd = open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
  if (fd < 0) wrong = errno == ENOENT || errno == ENOTDIR ? noDirectory(path) : failed("cannot open " + file);
  return fd;
}

bool takeLock(int fd, int withinMs) {
  for (int waited = 0; !tryLock(fd); waited++) {
    if (waited == withinMs) return false;
    poll(nullptr, 0, 1);
  }
  return true;
}

void releaseLock(int fd) {
  struct flock lock {};
  lock.l_type = F_UNLCK;
  lock.l_whence = SEEK_SET;
  // Where it fails, the end of the process does it.
  fcntl(fd, F_SETLK, &lock);
}

int connectToControlSocket(const std::string& path, std::string& wrong, int withinMs) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    wrong = kPathTooLong;
    return -1;
  }
  memcpy(address.sun_path, path.data(), path.size());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  // SO_SNDTIMEO counts for connect(2), too (socket(7)).
  const timeval patience{withinMs / 1000, (withinMs % 1000) * 1000};
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO})
    if (fd >= 0 && withinMs > 0) setsockopt(fd, SOL_SOCKET, option, &patience, sizeof patience);
  if (fd >= 0 && connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  if (fd < 0 || (errno != ENOENT && errno != ECONNREFUSED)) wrong = failed("cannot connect to " + path);
  if (fd >= 0) close(fd);
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
