#include "congestion.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>

namespace {

/// Every Linux has it, and lets everybody have it (Documentation/networking/ip-sysctl.rst,
/// tcp_allowed_congestion_control) where it was not taken off the list; then nothing changes.
constexpr char kUnpaced[] = "reno";

/// All of its versions begin so: bbr, bbr2, bbr3.
constexpr char kPaced[] = "bbr";

void set(int fd, const char* name) {
  // Refused: it stays what it was, which works.
  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, static_cast<socklen_t>(strlen(name)));
}

}  // namespace

Congestion::Congestion() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  // Without IPv4, or without a file: as if it did not pace.
  if (fd < 0) return;
  socklen_t length = sizeof systems_ - 1;
  paces_ = getsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, systems_, &length) == 0 &&
           strncmp(systems_, kPaced, strlen(kPaced)) == 0;
  close(fd);
}

bool Congestion::setBeforeConnect(int fd, const SocketAddress& peer, bool isUnpaced) const {
  if (!paces_) return false;
  const bool unpaced = peer.isLoopback();
  if (unpaced != isUnpaced) set(fd, unpaced ? kUnpaced : systems_);
  return unpaced;
}

void Congestion::setBeforeListen(int fd) const {
  if (paces_) set(fd, kUnpaced);
}

void Congestion::setAccepted(int fd, const SocketAddress& client) const {
  if (paces_ && !client.isLoopback()) set(fd, systems_);
}
