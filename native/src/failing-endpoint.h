// Whether an endpoint fails, and until when it is passed over. The same policy as
// src/balancer/failing-endpoints.ts (TypeScript); spec/vectors/ holds the two equal.
//
//   well ──▶ failing ──▶ set aside ──▶ on trial     failing: fewer than kFailuresToSetAside in a row
//    ▲          │            ▲            │          set aside: for twice as long each time
//    └──────────┴────────────┴── failed ──┤          on trial: one connection; the others pass it over
//    └────────────── succeeded ───────────┘
//
// All that picks look at is one word, so that any worker changes it by one instruction and whoever picks
// reads one word that is 0 where the endpoint is well.
#pragma once

#include <atomic>
#include <cstdint>

class FailingEndpoint {
 public:
  /// Failures in a row that set it aside: one or two may be a packet that was lost.
  static constexpr uint32_t kFailuresToSetAside = 3;
  /// How long the first time, ms; twice as long each time that its trial fails, up to the longest.
  static constexpr uint64_t kFirstAsideMs = 1000;
  static constexpr uint64_t kLongestAsideMs = 60'000;
  /// Each while is shortened by up to this part of it.
  static constexpr double kAsideJitter = 0.25;
  /// How long a trial may go without a result before another is made, ms: longer than any dial.
  static constexpr uint64_t kTrialMs = 3000;

  /// Any worker. Whether a connection is to go elsewhere now; false for one whose trial is due.
  bool isPassedOver(uint64_t nowMs) const {
    const uint64_t word = word_.load(std::memory_order_relaxed);
    return word != 0 && timesOf(word) > 0 && nowMs < untilOf(word);
  }

  /// Any worker. A connection is to be sent there: the trial of one that was set aside, if it is due. False
  /// where another worker has just taken that trial: then the connection is to look again.
  bool picked(uint64_t nowMs);

  /// Any worker. It could not be reached. Dials that began before it was set aside, or where all were, change
  /// nothing any more. `random` is in [0, 1).
  void failed(uint64_t nowMs, double random);

  /// Any worker. It was reached, or is new: it is well.
  void succeeded() {
    // Most dials succeed, on endpoints that are well: no line of the cache is taken from another worker for
    // that.
    if (word_.load(std::memory_order_relaxed) != 0) word_.store(0, std::memory_order_relaxed);
  }

  /// Any worker. What was begun with it at `sinceMs` has ended without a sign of life: well, where nothing
  /// has failed since then either.
  void endedSilently(uint64_t sinceMs) {
    if (failedMs_.load(std::memory_order_relaxed) < sinceMs) succeeded();
  }

  bool isSetAside() const { return timesOf(word_.load(std::memory_order_relaxed)) > 0; }

  /// Of one that is set aside: how long until a connection may go there, ms; 0 where it may now.
  uint64_t remainingMs(uint64_t nowMs) const {
    const uint64_t until = untilOf(word_.load(std::memory_order_relaxed));
    return until > nowMs ? until - nowMs : 0;
  }

  /// All of it, for a relay that follows.
  struct State {
    uint64_t failures = 0;
    uint64_t timesAside = 0;
    bool onTrial = false;
    uint64_t untilMs = 0;
    uint64_t failedMs = 0;
  };
  State state() const;
  /// While no worker runs.
  void goOn(const State& state);

 private:
  // From the lowest bit: 8 failures in a row, 8 times set aside since it was last well, 1 on trial, 47 until
  // when, ms.
  static constexpr uint64_t kTrialBit = 1U << 16;
  static constexpr int kUntilShift = 17;
  static uint64_t failuresOf(uint64_t word) { return word & 0xff; }
  static uint64_t timesOf(uint64_t word) { return (word >> 8) & 0xff; }
  static uint64_t untilOf(uint64_t word) { return word >> kUntilShift; }

  std::atomic<uint64_t> word_{0};
  /// When it failed last, whether that changed anything or not.
  std::atomic<uint64_t> failedMs_{0};
};
