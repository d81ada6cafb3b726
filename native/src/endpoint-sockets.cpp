#include "endpoint-sockets.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "files.h"
#include "shared-socket.h"

namespace {

/// More connections than these do not end and begin within a turn or two.
constexpr size_t kMostResting = 64;

/// Before, dissolving a connection left some of its state behind (tcp_disconnect: counters in 5.6, worse
/// before 4.12), and such kernels may have been mended or not.
constexpr int kOldestMajor = 5;
constexpr int kOldestMinor = 10;

bool kernelDissolvesWell() {
  utsname system{};
  int major = 0;
  int minor = 0;
  if (uname(&system) != 0 || sscanf(system.release, "%d.%d", &major, &minor) != 2) return false;
  return major > kOldestMajor || (major == kOldestMajor && minor >= kOldestMinor);
}

/// Both FINs are acknowledged, or the wait for late packets (TIME_WAIT) is no longer this socket's.
bool isClosed(int fd) {
  // The kernel fills in as much as there is room for, from the first field on: the state.
  uint8_t state = 0;
  socklen_t length = sizeof state;
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &state, &length) == 0 && state == TCP_CLOSE;
}

}  // namespace

EndpointSockets::EndpointSockets(FileBudget& files, int epollFd)
    : files_(files), epollFd_(epollFd), mayRest_(kernelDissolvesWell()) {}

EndpointSockets::~EndpointSockets() {
  for (const EndpointSide* side : resting_) ::close(side->fd);
}

EndpointSide* EndpointSockets::take(int family, uint64_t turn) {
  if (EndpointSide* const rested = takeResting(family)) {
    rested->takenInTurn = turn;
    return rested;
  }
  const int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return nullptr;
  EndpointSide* const side = sides_.make();
  if (side == nullptr) {
    ::close(fd);
    errno = ENOMEM;
    return nullptr;
  }
  const int on = 1;
  // These fail on no TCP socket. The ACK that ends the handshake is to wait for the client's first bytes and
  // leave with them, which saves a packet: so TCP_DEFER_ACCEPT does for a socket that connects
  // (tcp_rcv_synsent_state_process).
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &on, sizeof on);
  side->fd = fd;
  side->family = family;
  return side;
}

EndpointSide* EndpointSockets::adopt(int fd, int family, bool unpaced) {
  EndpointSide* const side = sides_.make();
  if (side == nullptr) return nullptr;
  side->fd = fd;
  side->family = family;
  side->unpaced = unpaced;
  side->isShared = true;
  return side;
}

void EndpointSockets::unwatch(const EndpointSide* side) const {
  if (side->isShared) unwatchShared(epollFd_, side->fd);
}

/// Only the first is looked at: where it is not ready, or of the other family, the others hardly are.
EndpointSide* EndpointSockets::takeResting(int family) {
  if (resting_.empty()) return nullptr;
  EndpointSide* const side = resting_.front();
  if (side->family != family || !isClosed(side->fd)) return nullptr;
  resting_.pop_front();
  fewestResting_ = std::min(fewestResting_, resting_.size());
  files_.give(1);
  if (dissolve(side->fd)) return side;
  // A system that pretends to be Linux: it will not learn.
  mayRest_ = false;
  close(side);
  return nullptr;
}

void EndpointSockets::rest(EndpointSide* side) {
  if (!mayRest_ || resting_.size() == kMostResting || !files_.takeSpare(1)) {
    close(side);
    return;
  }
  side->connection = nullptr;
  side->readable = false;
  resting_.push_back(side);
}

void EndpointSockets::close(EndpointSide* side) {
  unwatch(side);
  if (side->isShared) finishShared(side->fd);
  // Whatever close(2) says, the descriptor is gone.
  ::close(side->fd);
  side->connection = nullptr;
  closed_.push_back(side);
}

void EndpointSockets::reset(EndpointSide* side) {
  unwatch(side);
  closeWithReset(side->fd);
  side->connection = nullptr;
  closed_.push_back(side);
}

size_t EndpointSockets::closeOldest(size_t count) {
  for (size_t i = 0; i < count; i++) {
    close(resting_.front());
    resting_.pop_front();
    files_.give(1);
  }
  fewestResting_ = resting_.size();
  return count;
}

size_t EndpointSockets::trim() { return closeOldest(std::min(fewestResting_, resting_.size())); }

size_t EndpointSockets::closeResting() { return closeOldest(resting_.size()); }

void EndpointSockets::freeClosed() {
  for (EndpointSide* side : closed_) sides_.destroy(side);
  closed_.clear();
}
