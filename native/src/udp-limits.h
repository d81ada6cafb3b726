// How many UDP sessions there may be, for all workers together, and how long one may be idle.
#pragma once

#include <atomic>
#include <cstdint>

struct UdpLimits {
  std::atomic<int64_t> sessions{0};
  std::atomic<int64_t> maxSessions{8192};
  std::atomic<uint64_t> idleMs{250};
  /// Told that it is full, until it has been half empty.
  std::atomic<bool> toldFull{false};
};
