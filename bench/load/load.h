#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "sockets.h"

namespace bench {

/// What a client does over and over. It has begun when it is made, and ends when it is destroyed. What epoll
/// finds comes to it through `ready`; whatever goes wrong ends the program.
class Load {
 public:
  Load() = default;
  virtual ~Load() = default;
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  virtual void ready(void* who, uint32_t events) = 0;

  /// Called between events, at least ten times a second.
  virtual void tick(int64_t /*nowNs*/) {}

  /// Requests, connections, bytes or round trips so far.
  virtual uint64_t done() const = 0;

  /// Datagrams that had no answer in time and were sent again.
  virtual uint64_t lost() const { return 0; }

  /// The window is [begin, end): told of each end as it passes.
  virtual void windowBegins(int64_t /*nowNs*/) {}
  virtual void windowEnds(int64_t /*nowNs*/) {}

  /// Whether answers are awaited without which the window is not complete.
  virtual bool owes() const { return false; }

  /// ns of each answer, from the moment its request was due, for those due within the window; null where not
  /// measured.
  virtual std::vector<int64_t>* latencies() { return nullptr; }
};

/// Requests on kept connections, one under way on each.
std::unique_ptr<Load> startRequests(Epoll& epoll, const sockaddr_in& at, size_t connections);

/// A connection, a request, the answer up to the endpoint's FIN, and the next; `atOnce` of them side by side.
std::unique_ptr<Load> startConnections(Epoll& epoll, const sockaddr_in& at, size_t atOnce);

enum class Direction { kToEndpoint, kToClient };

/// Bytes, as many as go through.
std::unique_ptr<Load> startStream(Epoll& epoll, const sockaddr_in& at, size_t connections,
                                  Direction direction);

/// Round trips: flows with a client address each, and one datagram under way.
std::unique_ptr<Load> startUdp(Epoll& epoll, const sockaddr_in& at, size_t flows);

/// Requests that leave on a fixed schedule, over the connections in turn, and wait for nobody.
std::unique_ptr<Load> startLatency(Epoll& epoll, const sockaddr_in& at, size_t connections,
                                   int64_t perSecond);

}  // namespace bench
