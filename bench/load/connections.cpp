#include <string>

#include "failure.h"
#include "load.h"
#include "request-connection.h"
#include "services.h"

// The endpoint closes first, so TIME_WAIT stays with the sockets that accepted, there and in a relay, and
// neither the client nor a relay runs out of the 28,000 local ports that Linux chooses from.

namespace bench {

namespace {

struct ShortConnection {
  RequestConnection connection;
  size_t received = 0;
};

class Connections final : public Load {
 public:
  Connections(Epoll& epoll, const sockaddr_in& at, size_t atOnce) : epoll_(epoll), at_(at), open_(atOnce) {
    for (ShortConnection& each : open_) begin(each);
  }

  void ready(void* who, uint32_t events) override {
    ShortConnection& each = *static_cast<ShortConnection*>(who);
    each.connection.ready(events);
    if ((events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) return;
    const ssize_t bytes = each.connection.receive();
    if (bytes < 0) return;
    each.received += static_cast<size_t>(bytes);
    if (bytes > 0) return;
    if (each.received != kResponseBytes) fail("an answer had " + std::to_string(each.received) + " bytes");
    each.connection.close();
    done_ += 1;
    begin(each);
  }

  uint64_t done() const override { return done_; }

 private:
  void begin(ShortConnection& each) {
    each.received = 0;
    each.connection.open(epoll_, at_, &each);
    each.connection.ask();
  }

  Epoll& epoll_;
  const sockaddr_in at_;
  std::vector<ShortConnection> open_;
  uint64_t done_ = 0;
};

}  // namespace

std::unique_ptr<Load> startConnections(Epoll& epoll, const sockaddr_in& at, size_t atOnce) {
  return std::make_unique<Connections>(epoll, at, atOnce);
}

}  // namespace bench
