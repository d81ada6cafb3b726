#include "failing-endpoint.h"

#include <algorithm>

namespace {

constexpr uint64_t kMostCounted = 0xff;

/// Whole ms, as in TypeScript.
uint64_t asideMs(uint64_t timesBefore, double random) {
  const uint64_t whileMs = std::min(FailingEndpoint::kLongestAsideMs,
                                    FailingEndpoint::kFirstAsideMs << std::min<uint64_t>(timesBefore, 16));
  return static_cast<uint64_t>(static_cast<double>(whileMs) * (1 - FailingEndpoint::kAsideJitter * random));
}

}  // namespace

bool FailingEndpoint::picked(uint64_t nowMs) {
  uint64_t before = word_.load(std::memory_order_relaxed);
  if (timesOf(before) == 0 || nowMs < untilOf(before)) return true;
  const uint64_t counts = before & (kTrialBit - 1);
  const uint64_t after = (nowMs + kTrialMs) << kUntilShift | kTrialBit | counts;
  return word_.compare_exchange_strong(before, after, std::memory_order_relaxed);
}

void FailingEndpoint::failed(uint64_t nowMs, double random) {
  failedMs_.store(nowMs, std::memory_order_relaxed);
  uint64_t before = word_.load(std::memory_order_relaxed);
  uint64_t after = 0;
  do {
    const uint64_t times = timesOf(before);
    if (times > 0 && (before & kTrialBit) == 0) return;
    const uint64_t failures = std::min(kMostCounted, failuresOf(before) + 1);
    after = failures;
    if (failures >= kFailuresToSetAside)
      after =
          (nowMs + asideMs(times, random)) << kUntilShift | std::min(kMostCounted, times + 1) << 8 | failures;
  } while (!word_.compare_exchange_weak(before, after, std::memory_order_relaxed));
}

FailingEndpoint::State FailingEndpoint::state() const {
  const uint64_t word = word_.load(std::memory_order_relaxed);
  return {failuresOf(word), timesOf(word), (word & kTrialBit) != 0, untilOf(word),
          failedMs_.load(std::memory_order_relaxed)};
}

void FailingEndpoint::goOn(const State& state) {
  failedMs_.store(state.failedMs, std::memory_order_relaxed);
  word_.store(state.untilMs << kUntilShift | (state.onTrial ? kTrialBit : 0) |
                  std::min(kMostCounted, state.timesAside) << 8 | std::min(kMostCounted, state.failures),
              std::memory_order_relaxed);
}
