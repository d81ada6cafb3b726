#include "endpoint.h"

#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <vector>

#include "failure.h"
#include "services.h"
#include "sockets.h"

// A Watched is a server (`accepts`), the socket of the echo service, or a connection that a server accepted;
// epoll has its address. A connection owns what it received of the request under way and what it owes of
// responses. It is deleted where it is closed, and no other event of the same wait can be its: there is one
// for each file.

namespace bench {

namespace {

enum class Service { kRequests, kConnections, kSource, kSink, kEcho };

struct Watched {
  int file;
  Service service;
  bool accepts;
  size_t received = 0;
  size_t owed = 0;
  bool awaitsRoom = false;
};

constexpr int kMostEvents = 256;

/// Calls in a row for one connection before another one has its turn.
constexpr int kTurn = 4;
constexpr int kDatagramsInTurn = 64;

char bytes[kBulkBytes];

void closeConnection(Watched* watched) {
  close(watched->file);
  delete watched;
}

void accept(Epoll& epoll, const Watched& server) {
  for (;;) {
    const int file = accept4(server.file, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (file < 0) {
      // A client that is gone again is not this server's trouble; to be out of files is.
      if (errno == EAGAIN || errno == ECONNABORTED || errno == EINTR) return;
      failWith("accept", errno);
    }
    auto* watched = new Watched{file, server.service, false};
    const uint32_t events = server.service == Service::kSource ? EPOLLOUT | EPOLLRDHUP : EPOLLIN;
    epoll.add(file, events, watched);
  }
}

void echo(int file) {
  char datagram[2048];
  for (int turn = 0; turn < kDatagramsInTurn; turn += 1) {
    sockaddr_in from{};
    socklen_t length = sizeof from;
    auto* address = reinterpret_cast<sockaddr*>(&from);
    const ssize_t received = recvfrom(file, datagram, sizeof datagram, 0, address, &length);
    if (received < 0) {
      // ECONNREFUSED is told of a client that has closed meanwhile.
      if (errno == ECONNREFUSED) continue;
      return;
    }
    // What cannot be sent is lost, as datagrams may be: the client counts it.
    (void)sendto(file, datagram, static_cast<size_t>(received), 0, address, length);
  }
}

/// Whether the connection lives on.
bool source(int file, uint32_t events) {
  if ((events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0) return false;
  for (int turn = 0; turn < kTurn; turn += 1) {
    if (send(file, bytes, sizeof bytes, MSG_NOSIGNAL) < 0) return errno == EAGAIN || errno == EINTR;
  }
  return true;
}

bool sink(int file) {
  for (int turn = 0; turn < kTurn; turn += 1) {
    const ssize_t received = recv(file, bytes, sizeof bytes, 0);
    if (received == 0) return false;
    if (received < 0) return errno == EAGAIN || errno == EINTR;
  }
  return true;
}

bool respond(Epoll& epoll, Watched& watched) {
  while (watched.owed > 0) {
    const ssize_t sent = send(watched.file, bytes, std::min(watched.owed, sizeof bytes), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (sent < 0) break;
    watched.owed -= static_cast<size_t>(sent);
  }
  const bool awaits = watched.owed > 0;
  if (awaits != watched.awaitsRoom) {
    watched.awaitsRoom = awaits;
    epoll.change(watched.file, awaits ? EPOLLIN | EPOLLOUT : EPOLLIN, &watched);
  }
  return awaits || watched.service == Service::kRequests;
}

bool answer(Epoll& epoll, Watched& watched, uint32_t events) {
  if ((events & ~static_cast<uint32_t>(EPOLLOUT)) != 0) {
    char requests[16 * 1024];
    const ssize_t received = recv(watched.file, requests, sizeof requests, 0);
    if (received == 0) return false;
    if (received < 0) return errno == EAGAIN || errno == EINTR;
    watched.received += static_cast<size_t>(received);
    watched.owed += watched.received / kRequestBytes * kResponseBytes;
    watched.received %= kRequestBytes;
    if (watched.owed == 0) return true;
  }
  return respond(epoll, watched);
}

bool carryOn(Epoll& epoll, Watched& watched, uint32_t events) {
  switch (watched.service) {
    case Service::kSource:
      return source(watched.file, events);
    case Service::kSink:
      return sink(watched.file);
    default:
      return answer(epoll, watched, events);
  }
}

}  // namespace

void serveEndpoint() {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) failWith("prctl", errno);
  // Untouched pages would all be the kernel's one page of zeros, which is never out of the cache.
  std::memset(bytes, 'r', sizeof bytes);
  Epoll epoll;
  std::printf("{\"kind\":\"listening\",\"ports\":{");
  const struct {
    const char* name;
    Service service;
    int type;
  } services[] = {{"requests", Service::kRequests, SOCK_STREAM},
                  {"connections", Service::kConnections, SOCK_STREAM},
                  {"source", Service::kSource, SOCK_STREAM},
                  {"sink", Service::kSink, SOCK_STREAM},
                  {"echo", Service::kEcho, SOCK_DGRAM}};
  const char* separator = "";
  for (const auto& [name, service, type] : services) {
    auto* server = new Watched{openServer(type), service, type == SOCK_STREAM};
    epoll.add(server->file, EPOLLIN, server);
    std::printf("%s\"%s\":%d", separator, name, portOf(server->file));
    separator = ",";
  }
  std::printf("}}\n");
  std::fflush(stdout);
  for (;;) {
    epoll_event found[kMostEvents];
    const int count = epoll.wait(found, kMostEvents, -1);
    for (int index = 0; index < count; index += 1) {
      auto* watched = static_cast<Watched*>(found[index].data.ptr);
      if (watched->accepts) {
        accept(epoll, *watched);
      } else if (watched->service == Service::kEcho) {
        echo(watched->file);
      } else if (!carryOn(epoll, *watched, found[index].events)) {
        closeConnection(watched);
      }
    }
  }
}

}  // namespace bench
