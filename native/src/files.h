// How many file descriptors the relay may hold, and how many it does. One for all threads; counted before a
// descriptor is opened, so that the system's own limit, where accept(2) would fail again and again, is never
// met.
//
//   ├── portals 1 each, connections 2, pipes 2, UDP sessions 1, sockets that rest 1 ──┤
//   0                                                                              limit
#pragma once

#include <atomic>
#include <cstdint>

class FileBudget {
 public:
  explicit FileBudget(int64_t limit) : limit_(limit) {}

  /// Any thread. Takes `n`, or nothing and false.
  bool take(int64_t n) {
    int64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used + n > limit_.load(std::memory_order_relaxed)) return false;
    } while (!used_.compare_exchange_weak(used, used + n, std::memory_order_relaxed));
    return true;
  }
  /// The same for what can be done without: it leaves some to those who can't.
  bool takeSpare(int64_t n) { return hasRoomFor(n + kKeptForNeed) && take(n); }
  /// Those that are open already, whatever the limit.
  void add(int64_t n) { used_.fetch_add(n, std::memory_order_relaxed); }
  void give(int64_t n) { used_.fetch_sub(n, std::memory_order_relaxed); }
  bool hasRoomFor(int64_t n) const {
    return used_.load(std::memory_order_relaxed) + n <= limit_.load(std::memory_order_relaxed);
  }
  int64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  int64_t used() const { return used_.load(std::memory_order_relaxed); }
  void setLimit(int64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

 private:
  static constexpr int64_t kKeptForNeed = 32;

  std::atomic<int64_t> used_{0};
  std::atomic<int64_t> limit_;
};
