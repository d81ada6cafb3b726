#pragma once

#include <cstdint>
#include <ctime>

namespace bench {

constexpr int64_t kNsPerSecond = 1'000'000'000;
constexpr int64_t kNsPerMs = 1'000'000;

/// CLOCK_MONOTONIC, ns: the clock that timerfd_settime(2) is told absolute moments of.
inline int64_t monotonicNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * kNsPerSecond + now.tv_nsec;
}

}  // namespace bench
