// How many connections may be open, of one portal or of all, and how many are. Where there is no place left,
// clients wait in the queue of the listening socket (listen(2)) until one ends: none is reset, and more than
// so many are never open.
//
//   take() ──▶ open ──▶ give()        add() in place of take() where no limit was set when the client came
#pragma once

#include <atomic>
#include <cstdint>

class ConnectionLimit {
 public:
  // Any thread, each:
  /// A place for one connection. False where there is none.
  bool take() {
    int64_t used = used_.load();
    do {
      if (used >= limit_.load(std::memory_order_relaxed)) return false;
    } while (!used_.compare_exchange_weak(used, used + 1));
    return true;
  }
  /// One that is open, whatever the limit.
  void add() { used_.fetch_add(1, std::memory_order_relaxed); }
  /// True where somebody may wait for that place. Whoever begins to wait looks once more afterwards: either
  /// that sees this, or who gives sees it wait.
  bool give() {
    used_.fetch_sub(1);
    return isSet();
  }
  bool hasRoom() const { return used_.load() < limit_.load(std::memory_order_relaxed); }
  bool isSet() const { return limit_.load(std::memory_order_relaxed) != kNone; }
  /// 0 where there is none.
  int64_t limit() const { return isSet() ? limit_.load(std::memory_order_relaxed) : 0; }
  /// Whether somebody is to be told that it is reached: once in kTellAgainMs, whichever thread asks. With few
  /// places it is reached, and left, with every connection.
  bool isNews(uint64_t nowMs) {
    uint64_t notBefore = notBeforeMs_.load(std::memory_order_relaxed);
    return nowMs >= notBefore &&
           notBeforeMs_.compare_exchange_strong(notBefore, nowMs + kTellAgainMs, std::memory_order_relaxed);
  }

  /// Control thread: 0 is none. What is open goes on, and counts.
  void set(int64_t limit) { limit_.store(limit == 0 ? kNone : limit); }

 private:
  static constexpr int64_t kNone = INT64_MAX;
  static constexpr uint64_t kTellAgainMs = 60'000;
  std::atomic<int64_t> limit_{kNone};
  std::atomic<int64_t> used_{0};
  /// Of a monotonic clock.
  std::atomic<uint64_t> notBeforeMs_{0};
};
