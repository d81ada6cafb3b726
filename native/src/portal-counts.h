// What workers count of a portal, each for itself, so that none waits for another; and the sums of it, which
// the control thread makes.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "events.h"

/// Why a datagram was dropped: `src/relay/engine.ts` says what each means.
enum class Drop : uint8_t {
  sendQueueFull,
  tooLong,
  icmpRefused,
  dialFailed,
  leadsBack,
  sourcePort0,
  replyFailed,
  outOfMemory
};
constexpr size_t kDrops = 8;
const char* dropWord(Drop reason);

/// Upper bounds of a dial's time, us, inclusive: those of `src/relay/engine.ts`. One count more is of those
/// that took longer.
constexpr uint32_t kDialBoundsUs[] = {250,    500,     1'000,   2'500,   5'000,     10'000,   25'000,
                                      50'000, 100'000, 250'000, 500'000, 1'000'000, 2'000'000};
constexpr size_t kDialTimes = sizeof kDialBoundsUs / sizeof kDialBoundsUs[0] + 1;

/// A count that one thread alone writes and any may read: no locked instruction.
class Count {
 public:
  void add(int64_t n) { value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  int64_t read() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

/// What most portals have nothing of at any time: made when there is something to count.
struct RarerCounts {
  Count failures[kFailures];
  Count drops[kDrops];
  /// Of dials that succeeded: how many took how long, and us of all of them.
  Count dials[kDialTimes];
  Count dialUs;
};

/// What one worker has seen of a portal. Sums over the workers are the portal's; `active` and `udpSessions`
/// of one may be negative.
class alignas(64) PortalCounts {
 public:
  PortalCounts() = default;
  ~PortalCounts() { delete rarer_.load(std::memory_order_relaxed); }
  PortalCounts(const PortalCounts&) = delete;
  PortalCounts& operator=(const PortalCounts&) = delete;

  Count active, total, bytesIn, bytesOut, dialFailures, noEndpoints, refusedForFiles;
  Count udpSessions, udpTotal, udpEvicted, datagramsIn, datagramsOut, droppedDatagrams;
  Count halfClosedTimeouts, waitedForPlace;

  // The worker's own thread:
  void failed(Failure reason);
  void dropped(Drop reason, int64_t datagrams = 1);
  void dialled(uint32_t us);
  /// Those that are made if need be; null where there is no memory for them, and nothing is counted.
  RarerCounts* rarer();

  /// Any thread; null where there are none.
  const RarerCounts* rarerSoFar() const { return rarer_.load(std::memory_order_acquire); }

 private:
  std::atomic<RarerCounts*> rarer_{nullptr};
};

struct PortalCountsSum {
  int64_t active, total, bytesIn, bytesOut, dialFailures, noEndpoints, refusedForFiles;
  int64_t udpSessions, udpTotal, udpEvicted, datagramsIn, datagramsOut, droppedDatagrams;
  int64_t halfClosedTimeouts, waitedForPlace;
  int64_t failures[kFailures], drops[kDrops], dials[kDialTimes], dialUs;
};

/// What `workers` of them have seen together. Any thread.
PortalCountsSum sumOf(const PortalCounts* counts, unsigned workers);
