#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "clock.h"
#include "failure.h"
#include "load.h"
#include "services.h"

// A flow's next datagram leaves when the answer to the one before has come, or when that is taken for lost.

namespace bench {

namespace {

/// How long an answer may take before its datagram counts as lost and is sent again.
constexpr int64_t kPatienceNs = 200 * kNsPerMs;

char datagram[kDatagramBytes];

struct Flow {
  int file = -1;
  int64_t sentNs = 0;
};

class Udp final : public Load {
 public:
  Udp(Epoll& epoll, const sockaddr_in& at, size_t flows) : flows_(flows), nowNs_(monotonicNs()) {
    for (Flow& flow : flows_) {
      flow.file = openUdp(at);
      epoll.add(flow.file, EPOLLIN, &flow);
      ask(flow);
    }
  }

  ~Udp() override {
    for (const Flow& flow : flows_) close(flow.file);
  }

  void ready(void* who, uint32_t) override {
    Flow& flow = *static_cast<Flow*>(who);
    char received[2 * kDatagramBytes];
    const ssize_t bytes = recv(flow.file, received, sizeof received, 0);
    if (bytes < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      failWith("a datagram", errno);
    }
    if (static_cast<size_t>(bytes) != kDatagramBytes) fail("an answer is not the datagram that was sent");
    done_ += 1;
    ask(flow);
  }

  void tick(int64_t nowNs) override {
    nowNs_ = nowNs;
    if (nowNs - lookedNs_ < kPatienceNs / 4) return;
    lookedNs_ = nowNs;
    for (Flow& flow : flows_) {
      if (nowNs - flow.sentNs < kPatienceNs) continue;
      lost_ += 1;
      ask(flow);
    }
  }

  uint64_t done() const override { return done_; }
  uint64_t lost() const override { return lost_; }

 private:
  void ask(Flow& flow) {
    // As of the last tick: fine enough for a patience of many events.
    flow.sentNs = nowNs_;
    // Where there is no room for it, it is sent again when the flow's patience ends.
    if (send(flow.file, datagram, sizeof datagram, 0) < 0 && errno != EAGAIN && errno != ENOBUFS) {
      failWith("a datagram", errno);
    }
  }

  std::vector<Flow> flows_;
  int64_t nowNs_;
  int64_t lookedNs_ = 0;
  uint64_t done_ = 0;
  uint64_t lost_ = 0;
};

}  // namespace

std::unique_ptr<Load> startUdp(Epoll& epoll, const sockaddr_in& at, size_t flows) {
  return std::make_unique<Udp>(epoll, at, flows);
}

}  // namespace bench
