// One thread: an epoll loop over the portals it shares with the other workers, and the connections and
// sessions that are its alone.
//
//   top of loop: passed() ──▶ a nap where only streams are under way ──▶ epoll_wait ──▶ events ──▶ streams
//   that have more to move ──▶ mail ──▶ timers ──▶ freeing ──▶ top
//
// It owns its connections, sessions, pipes and buffers; no other thread touches them. Other threads reach it
// through mail only, and by adding a new client's socket to its epoll.
#pragma once

#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "accepting.h"
#include "endpoint-sockets.h"
#include "intrusive-list.h"
#include "pipe-pool.h"
#include "portal.h"
#include "slab.h"
#include "tcp-connection.h"
#include "watched.h"

class Relay;
class UdpSessions;

class Worker {
  // First, for those that are made with it.
  const int epollFd_;

 public:
  Worker(Relay& relay, unsigned index);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread:
  /// Begins to accept on, or receive from, a portal; 0 or an errno.
  int watch(Portal& portal);
  /// No event of the portal is begun any more once the worker has passed.
  void unwatch(Portal& portal);
  /// Runs in the worker's thread soon.
  void post(std::function<void()> mail);
  void wake();
  uint64_t passed() const { return passed_.load(std::memory_order_acquire); }
  /// Open connections, for an even spread.
  std::atomic<int32_t> load{0};
  /// When the UDP session that is idle longest was last used, ms; UINT64_MAX where there is none.
  std::atomic<uint64_t> oldestUdpSession{UINT64_MAX};

  /// A client's socket that was added to this worker's epoll, which has not told of it yet.
  void expect(TcpConnection& connection);
  void arrived(TcpConnection& connection);
  /// The control thread's, while the worker stands still: each of those.
  template <typename Visit>
  void eachExpected(Visit visit) {
    const std::lock_guard<std::mutex> lock(expectedMutex_);
    for (TcpConnection* each = expected_.front(); each != nullptr; each = expected_.after(each)) visit(*each);
  }

  /// The control thread's: begins, and ends, the thread. Nothing of the worker is used by another thread
  /// after join().
  void start();
  void join();
  // The worker's own thread, from mail:
  void abortConnections();

  // The worker's own thread:
  uint64_t nowMs() const { return nowMs_; }
  uint64_t nowUs() const { return nowUs_; }
  /// Counts the rounds of the loop.
  uint64_t turn() const { return turnCount_; }
  PortalCounts& countsOf(Portal& portal) { return portal.counts[index]; }
  int epollFd() const { return epollFd_; }
  uint8_t* scratch() { return scratch_; }

  Relay& relay;
  const unsigned index;
  static constexpr size_t kScratchBytes = 64 * 1024;

  PipePool pipes;
  EndpointSockets endpointSockets;
  Accepting accepting;
  Slab<TcpConnection> connections;
  /// Every connection of this worker.
  IntrusiveList<TcpConnection, &TcpConnection::all> all;
  /// Connections that are being dialled, by the number of the try: all of one queue have the same timeout, so
  /// the first is due first.
  IntrusiveList<TcpConnection, &TcpConnection::timer> dialling[kDialTries];
  /// Connections too young for keepalive probes, the oldest first.
  IntrusiveList<TcpConnection, &TcpConnection::timer> young;
  /// Connections of which one side has finished, the one that was looked at longest ago first.
  IntrusiveList<TcpConnection, &TcpConnection::halfClosed> halfClosed;
  /// Connections that had more to move than one turn allows.
  std::vector<TcpConnection*> unfinished;
  std::unique_ptr<UdpSessions> udp;

  /// Ended in this turn: freed at its end, because later events of the turn may still point to them.
  void freeLater(TcpConnection* connection) { ended_.push_back(connection); }
  /// Descriptors were closed: whoever waits for one is told.
  void gaveFiles(int64_t n);
  /// Bytes went through a pipe: of a stream, which gains by waiting for more.
  void noteSplice() { splicedInTurn_ = true; }
  /// Something passed that somebody may be waiting for.
  void noteMessage() { lastMessageMs_ = nowMs_; }

 private:
  void run();
  void standStill();
  void dispatch(Watched* watched, uint32_t events);
  void runTimers();
  void letBytesGather();
  int timeoutMs() const;
  void readClock();
  void readMail();
  void freeEnded();

  struct Wakeup : Watched {
    Wakeup() : Watched(Kind::wakeup) {}
  } wakeup_;
  /// In how many turns, at most, all events are read that came while it stood still.
  int64_t turnsBehind_ = 0;
  int wakeFd_;
  uint64_t nowUs_ = 0;
  uint64_t nowMs_ = 0;
  uint64_t turnCount_ = 0;
  std::atomic<uint64_t> passed_{0};
  bool stopping_ = false;
  std::mutex expectedMutex_;
  IntrusiveList<TcpConnection, &TcpConnection::all> expected_;
  std::mutex mailMutex_;
  std::vector<std::function<void()>> mail_;
  std::atomic<bool> hasMail_{false};
  uint64_t trimMs_ = 0;
  bool splicedInTurn_ = false;
  /// Whether the thread waits for its turn on the processor; where that may be changed.
  bool isPatient_ = false;
  bool mayBePatient_ = false;
  uint64_t lastMessageMs_ = 0;
  /// Of `unfinished`, those whose turn it is.
  std::vector<TcpConnection*> turn_;
  std::vector<TcpConnection*> ended_;
  uint8_t* scratch_;
  std::thread thread_;
};

/// Monotonic (clock_gettime(2), CLOCK_MONOTONIC).
uint64_t monotonicMs();
uint64_t monotonicUs();
