#include "request-connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "failure.h"
#include "services.h"

namespace bench {

namespace {

/// More than one request leaves in a call only where there was no room for a while.
char requests[kRequestBytes * 16];

/// All connections read into the same memory: what arrives is counted, never kept.
char scratch[16 * 1024];

}  // namespace

void RequestConnection::open(Epoll& epoll, const sockaddr_in& at, void* who) {
  epoll_ = &epoll;
  who_ = who;
  unsent_ = 0;
  awaitsRoom_ = false;
  file_ = openTcp(at);
  epoll.add(file_, EPOLLIN, who);
}

void RequestConnection::close() {
  // Closing takes it out of epoll as well: it is the only reference to the socket.
  if (file_ >= 0) ::close(file_);
  file_ = -1;
}

void RequestConnection::ask() {
  unsent_ += kRequestBytes;
  if (!awaitsRoom_) flush();
}

void RequestConnection::ready(uint32_t events) {
  if (awaitsRoom_ && (events & EPOLLOUT) != 0) flush();
}

ssize_t RequestConnection::receive() {
  const ssize_t bytes = recv(file_, scratch, sizeof scratch, 0);
  if (bytes >= 0) return bytes;
  if (errno != EAGAIN && errno != EINTR) failWith("a connection to the peer", errno);
  return -1;
}

void RequestConnection::flush() {
  while (unsent_ > 0) {
    const ssize_t sent = send(file_, requests, std::min(unsent_, sizeof requests), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) failWith("a connection to the peer", errno);
      break;
    }
    unsent_ -= static_cast<size_t>(sent);
  }
  const bool awaits = unsent_ > 0;
  if (awaits == awaitsRoom_) return;
  awaitsRoom_ = awaits;
  epoll_->change(file_, awaits ? EPOLLIN | EPOLLOUT : EPOLLIN, who_);
}

}  // namespace bench
