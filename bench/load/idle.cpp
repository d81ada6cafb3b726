#include "idle.h"

#include <time.h>

#include <cstdio>
#include <deque>
#include <optional>

#include "clock.h"
#include "failure.h"
#include "processes.h"
#include "request-connection.h"
#include "services.h"
#include "sockets.h"

namespace bench {

namespace {

/// Connections begun together: before memory is read for the first time, and in each step to the whole
/// number.
constexpr size_t kStep = 50;

constexpr int64_t kPatienceNs = 10 * kNsPerSecond;

/// How long memory may settle before it is read.
constexpr int64_t kSettleNs = 100 * kNsPerMs;

struct IdleConnection {
  RequestConnection connection;
  size_t received = 0;
};

/// A deque: those that are open stay where they are when more come.
using Held = std::deque<IdleConnection>;

void openStep(Held& held, Epoll& epoll, const sockaddr_in& at) {
  for (size_t opened = 0; opened < kStep; opened += 1) {
    IdleConnection& idle = held.emplace_back();
    idle.connection.open(epoll, at, &idle);
    idle.connection.ask();
  }
  const int64_t deadlineNs = monotonicNs() + kPatienceNs;
  for (size_t answered = 0; answered < kStep;) {
    if (monotonicNs() > deadlineNs) fail("a connection that is to be held had no answer within 10 s");
    epoll_event found[kStep];
    const int count = epoll.wait(found, static_cast<int>(kStep), 100);
    for (int index = 0; index < count; index += 1) {
      IdleConnection& idle = *static_cast<IdleConnection*>(found[index].data.ptr);
      idle.connection.ready(found[index].events);
      if ((found[index].events & ~static_cast<uint32_t>(EPOLLOUT)) == 0) continue;
      const ssize_t bytes = idle.connection.receive();
      if (bytes == 0) fail("a held connection was closed by the other side");
      if (bytes < 0) continue;
      idle.received += static_cast<size_t>(bytes);
      if (idle.received == kResponseBytes) answered += 1;
    }
  }
}

std::optional<int64_t> settledBytes(const std::vector<int>& pids) {
  const timespec settle{0, kSettleNs};
  nanosleep(&settle, nullptr);
  return residentBytes(pids);
}

}  // namespace

void holdIdle(const sockaddr_in& at, size_t connections, const std::vector<int>& pids) {
  Epoll epoll;
  Held held;
  openStep(held, epoll, at);
  const std::optional<int64_t> before = settledBytes(pids);
  while (held.size() < kStep + connections) openStep(held, epoll, at);
  const std::optional<int64_t> after = settledBytes(pids);
  if (before && after) {
    // Steps are whole: it may be a few more than asked for.
    const double each = static_cast<double>(*after - *before) / static_cast<double>(held.size() - kStep);
    std::printf("{\"kind\":\"held-idle\",\"bytesPerConnection\":%.2f}\n", each);
  } else {
    std::printf("{\"kind\":\"held-idle\",\"bytesPerConnection\":null}\n");
  }
}

}  // namespace bench
