#include "failure.h"
#include "load.h"
#include "request-connection.h"
#include "services.h"

// Each connection always has exactly one request under way: what has come of its answer is its whole state.

namespace bench {

namespace {

struct KeptConnection {
  RequestConnection connection;
  size_t received = 0;
};

class Requests final : public Load {
 public:
  Requests(Epoll& epoll, const sockaddr_in& at, size_t connections) : connections_(connections) {
    for (KeptConnection& kept : connections_) {
      kept.connection.open(epoll, at, &kept);
      kept.connection.ask();
    }
  }

  void ready(void* who, uint32_t events) override {
    KeptConnection& kept = *static_cast<KeptConnection*>(who);
    kept.connection.ready(events);
    if ((events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) return;
    const ssize_t bytes = kept.connection.receive();
    if (bytes == 0) fail("a kept connection was closed by the other side");
    if (bytes < 0) return;
    kept.received += static_cast<size_t>(bytes);
    if (kept.received < kResponseBytes) return;
    kept.received -= kResponseBytes;
    done_ += 1;
    kept.connection.ask();
  }

  uint64_t done() const override { return done_; }

 private:
  std::vector<KeptConnection> connections_;
  uint64_t done_ = 0;
};

}  // namespace

std::unique_ptr<Load> startRequests(Epoll& epoll, const sockaddr_in& at, size_t connections) {
  return std::make_unique<Requests>(epoll, at, connections);
}

}  // namespace bench
