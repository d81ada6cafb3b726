#include "sockets.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "failure.h"

namespace bench {

namespace {

/// As many connections as a peer can begin in a burst; the system cuts it at net.core.somaxconn.
constexpr int kBacklog = 4096;

/// Bursts of datagrams, one for each flow, must not be lost for want of room.
constexpr int kDatagramRoom = 1 << 20;

int newSocket(int type) {
  const int file = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (file < 0) failWith("socket", errno);
  return file;
}

void setOption(int file, int level, int name, int value) {
  if (setsockopt(file, level, name, &value, sizeof value) < 0) failWith("setsockopt", errno);
}

const sockaddr* generic(const sockaddr_in& address) { return reinterpret_cast<const sockaddr*>(&address); }

}  // namespace

Epoll::Epoll() : file_(epoll_create1(EPOLL_CLOEXEC)) {
  if (file_ < 0) failWith("epoll_create1", errno);
}

Epoll::~Epoll() { close(file_); }

void Epoll::add(int file, uint32_t events, void* who) { control(EPOLL_CTL_ADD, file, events, who); }

void Epoll::change(int file, uint32_t events, void* who) { control(EPOLL_CTL_MOD, file, events, who); }

int Epoll::wait(epoll_event* found, int most, int timeoutMs) {
  const int count = epoll_wait(file_, found, most, timeoutMs);
  if (count >= 0) return count;
  // A stop and a continue interrupt it, too (signal(7)).
  if (errno != EINTR) failWith("epoll_wait", errno);
  return 0;
}

void Epoll::control(int operation, int file, uint32_t events, void* who) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = who;
  if (epoll_ctl(file_, operation, file, &event) < 0) failWith("epoll_ctl", errno);
}

sockaddr_in parseAddress(const std::string& text) {
  const size_t colon = text.find(':');
  sockaddr_in address{};
  address.sin_family = AF_INET;
  char* end = nullptr;
  const long port = colon == std::string::npos ? 0 : std::strtol(text.c_str() + colon + 1, &end, 10);
  if (port < 1 || port > 65535 || *end != '\0' ||
      inet_pton(AF_INET, text.substr(0, colon).c_str(), &address.sin_addr) != 1) {
    fail("\"" + text + "\" is not ADDRESS:PORT");
  }
  address.sin_port = htons(static_cast<uint16_t>(port));
  return address;
}

int openServer(int type) {
  const int file = newSocket(type);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(file, generic(address), sizeof address) < 0) failWith("bind", errno);
  if (type == SOCK_DGRAM) {
    setOption(file, SOL_SOCKET, SO_RCVBUF, kDatagramRoom);
    return file;
  }
  setOption(file, IPPROTO_TCP, TCP_NODELAY, 1);
  if (listen(file, kBacklog) < 0) failWith("listen", errno);
  return file;
}

int portOf(int socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) < 0) failWith("getsockname", errno);
  return ntohs(address.sin_port);
}

int openTcp(const sockaddr_in& at) {
  const int file = newSocket(SOCK_STREAM);
  setOption(file, IPPROTO_TCP, TCP_NODELAY, 1);
  if (connect(file, generic(at), sizeof at) < 0 && errno != EINPROGRESS) failWith("connect", errno);
  return file;
}

int openUdp(const sockaddr_in& at) {
  const int file = newSocket(SOCK_DGRAM);
  if (connect(file, generic(at), sizeof at) < 0) failWith("connect", errno);
  return file;
}

void raiseOpenFiles() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0) failWith("getrlimit", errno);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0) failWith("setrlimit", errno);
}

}  // namespace bench
