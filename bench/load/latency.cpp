#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <limits>

#include "clock.h"
#include "failure.h"
#include "load.h"
#include "request-connection.h"
#include "services.h"

// An open loop: request n is due at the begin + n × the interval, whatever happened to those before. A
// latency counts from that moment, not from when the request could be sent: a stall delays all that were due
// meanwhile, and is seen in each of them. A timer of the kernel (timerfd, which has no slack) rings at each
// due moment; one ring that comes late sends all that is due by then.
//
// A lane is a connection and the due moments of its requests under way, oldest first: answers come in order.

namespace bench {

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

/// Time for the connections to stand before the first request is due.
constexpr int64_t kHeadStartNs = 20 * kNsPerMs;

struct Lane {
  RequestConnection connection;
  std::deque<int64_t> dueNs;
  size_t received = 0;
};

class LatencyLoad final : public Load {
 public:
  LatencyLoad(Epoll& epoll, const sockaddr_in& at, size_t connections, int64_t perSecond)
      : lanes_(connections),
        intervalNs_(kNsPerSecond / perSecond),
        beginNs_(monotonicNs() + kHeadStartNs),
        timer_(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC)) {
    for (Lane& lane : lanes_) lane.connection.open(epoll, at, &lane);
    if (timer_ < 0) failWith("timerfd_create", errno);
    itimerspec schedule{};
    schedule.it_value = timespecOf(beginNs_);
    schedule.it_interval = timespecOf(intervalNs_);
    if (timerfd_settime(timer_, TFD_TIMER_ABSTIME, &schedule, nullptr) < 0)
      failWith("timerfd_settime", errno);
    epoll.add(timer_, EPOLLIN, &timer_);
  }

  ~LatencyLoad() override { close(timer_); }

  void ready(void* who, uint32_t events) override {
    if (who == &timer_) {
      sendDue();
    } else {
      receive(*static_cast<Lane*>(who), events);
    }
  }

  uint64_t done() const override { return done_; }

  void windowBegins(int64_t nowNs) override { windowBeginNs_ = nowNs; }
  void windowEnds(int64_t nowNs) override { windowEndNs_ = nowNs; }

  bool owes() const override {
    for (const Lane& lane : lanes_) {
      if (!lane.dueNs.empty() && lane.dueNs.front() < windowEndNs_) return true;
    }
    return false;
  }

  std::vector<int64_t>* latencies() override { return &latencies_; }

 private:
  static timespec timespecOf(int64_t ns) {
    timespec time{};
    time.tv_sec = ns / kNsPerSecond;
    time.tv_nsec = ns % kNsPerSecond;
    return time;
  }

  void sendDue() {
    uint64_t rings = 0;
    if (read(timer_, &rings, sizeof rings) < 0 && errno != EAGAIN && errno != EINTR)
      failWith("timerfd", errno);
    const int64_t nowNs = monotonicNs();
    for (;; sent_ += 1) {
      const int64_t dueNs = beginNs_ + sent_ * intervalNs_;
      if (dueNs > nowNs) return;
      Lane& lane = lanes_[static_cast<size_t>(sent_) % lanes_.size()];
      lane.dueNs.push_back(dueNs);
      lane.connection.ask();
    }
  }

  void receive(Lane& lane, uint32_t events) {
    lane.connection.ready(events);
    if ((events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) return;
    const ssize_t bytes = lane.connection.receive();
    if (bytes == 0) fail("a kept connection was closed by the other side");
    if (bytes < 0) return;
    const int64_t nowNs = monotonicNs();
    lane.received += static_cast<size_t>(bytes);
    for (; lane.received >= kResponseBytes; lane.received -= kResponseBytes) {
      if (lane.dueNs.empty()) fail("an answer came that nobody had asked for");
      const int64_t dueNs = lane.dueNs.front();
      lane.dueNs.pop_front();
      done_ += 1;
      if (dueNs >= windowBeginNs_ && dueNs < windowEndNs_) latencies_.push_back(nowNs - dueNs);
    }
  }

  std::vector<Lane> lanes_;
  const int64_t intervalNs_;
  const int64_t beginNs_;
  int timer_;
  int64_t sent_ = 0;
  uint64_t done_ = 0;
  int64_t windowBeginNs_ = kNever;
  int64_t windowEndNs_ = kNever;
  std::vector<int64_t> latencies_;
};

}  // namespace

std::unique_ptr<Load> startLatency(Epoll& epoll, const sockaddr_in& at, size_t connections,
                                   int64_t perSecond) {
  return std::make_unique<LatencyLoad>(epoll, at, connections, perSecond);
}

}  // namespace bench
