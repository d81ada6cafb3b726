#include "window.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <optional>

#include "clock.h"
#include "failure.h"
#include "processes.h"

namespace bench {

namespace {

constexpr int kMostEvents = 128;
constexpr int64_t kTickNs = 50 * kNsPerMs;

/// How long answers may take that are still awaited when the window has ended.
constexpr int64_t kPatienceNs = 2 * kNsPerSecond;

struct Reading {
  int64_t ns;
  uint64_t done;
  uint64_t lost;
  std::optional<int64_t> peerCpuNs;
  int64_t machineCpuNs;
};

Reading readNow(const Load& load, const Window& window) {
  // The peer's CPU right before the clock: that is the figure that counts.
  const std::optional<int64_t> peerCpuNs = processesCpuNs(window.pids);
  return {monotonicNs(), load.done(), load.lost(), peerCpuNs, machineCpuNs()};
}

/// One wait, up to the deadline at most, and all that it brings.
void step(Load& load, Epoll& epoll, int64_t nowNs, int64_t deadlineNs) {
  load.tick(nowNs);
  const int64_t waitNs = std::min(deadlineNs - nowNs, kTickNs);
  const int waitMs = static_cast<int>((waitNs + kNsPerMs - 1) / kNsPerMs);
  epoll_event found[kMostEvents];
  const int count = epoll.wait(found, kMostEvents, waitMs);
  for (int index = 0; index < count; index += 1) load.ready(found[index].data.ptr, found[index].events);
}

void runUntil(Load& load, Epoll& epoll, int64_t deadlineNs) {
  for (int64_t nowNs = monotonicNs(); nowNs < deadlineNs; nowNs = monotonicNs())
    step(load, epoll, nowNs, deadlineNs);
}

void awaitAnswers(Load& load, Epoll& epoll) {
  const int64_t deadlineNs = monotonicNs() + kPatienceNs;
  while (load.owes()) {
    const int64_t nowNs = monotonicNs();
    if (nowNs >= deadlineNs)
      fail("requests had no answer 2 s after the window: the rate is more than the peer can do");
    step(load, epoll, nowNs, deadlineNs);
  }
}

double milliseconds(int64_t ns) { return static_cast<double>(ns) / 1e6; }

/// The quantile by nearest rank, µs: one that was measured, never one between two.
double quantile(const std::vector<int64_t>& sorted, double share) {
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return static_cast<double>(sorted[std::max<size_t>(1, static_cast<size_t>(rank)) - 1]) / 1e3;
}

void printLatencies(std::vector<int64_t>& latencies) {
  if (latencies.empty()) fail("no request was due within the window");
  std::sort(latencies.begin(), latencies.end());
  std::printf(",\"latency\":{\"count\":%zu,\"p50\":%.1f,\"p99\":%.1f,\"p999\":%.1f}", latencies.size(),
              quantile(latencies, 0.5), quantile(latencies, 0.99), quantile(latencies, 0.999));
}

}  // namespace

void measure(Load& load, Epoll& epoll, const Window& window) {
  runUntil(load, epoll, monotonicNs() + window.warmUpNs);
  const Reading before = readNow(load, window);
  load.windowBegins(before.ns);
  runUntil(load, epoll, before.ns + window.lengthNs);
  const Reading after = readNow(load, window);
  load.windowEnds(after.ns);
  awaitAnswers(load, epoll);
  std::printf("{\"kind\":\"measured\",\"done\":%llu,\"lost\":%llu,\"seconds\":%.6f",
              static_cast<unsigned long long>(after.done - before.done),
              static_cast<unsigned long long>(after.lost - before.lost),
              static_cast<double>(after.ns - before.ns) / 1e9);
  if (before.peerCpuNs && after.peerCpuNs) {
    std::printf(",\"peerCpuMs\":%.3f", milliseconds(*after.peerCpuNs - *before.peerCpuNs));
  } else {
    std::printf(",\"peerCpuMs\":null");
  }
  std::printf(",\"machineCpuMs\":%.3f", milliseconds(after.machineCpuNs - before.machineCpuNs));
  if (std::vector<int64_t>* latencies = load.latencies()) printLatencies(*latencies);
  std::printf("}\n");
}

}  // namespace bench
