// How many UDP sessions there may be, for all workers together, and how long one may be idle or wait for an
// answer.
#pragma once

#include <atomic>
#include <cstdint>

struct UdpLimits {
  std::atomic<int64_t> sessions{0};
  std::atomic<int64_t> maxSessions{8192};
  std::atomic<uint64_t> idleMs{250};
  /// How long an answer that is owed keeps its session, where that is longer.
  std::atomic<uint64_t> replyMs{5'000};
  /// Told that it is full, until it has been half empty.
  std::atomic<bool> toldFull{false};
};
