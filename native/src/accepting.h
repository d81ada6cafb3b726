// How one worker lets clients in: it accepts them from every portal, and gives each to the worker that has
// the fewest. Where files or places are short it stops looking at the portal, and clients wait in the
// kernel's queue:
//
//   accepting ──no file, no place──▶ paused ──somebody has given one, or 100 ms──▶ accepting
//
// The worker owns it. Its own thread calls everything but what is marked.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "address.h"

class Worker;
struct Portal;

class Accepting {
 public:
  explicit Accepting(Worker& worker) : worker_(worker) {}

  /// A portal has clients: takes some of them, for others have their turn, too.
  void clientsWait(Portal& portal);
  /// Looks again at the portals that it has paused.
  void resume();
  /// A portal closes: it is not to be gone back to.
  void forget(Portal& portal);

  /// Any thread: whether it has paused any portal.
  bool isPaused() const { return isPaused_.load(); }
  /// Any thread: there may be files or places again. However often it is asked, one letter is under way.
  void askToResume();

  void runTimer();
  /// When runTimer() wants to be called, ms, monotonic; UINT64_MAX for never.
  uint64_t dueMs() const { return paused_.empty() ? UINT64_MAX : retryMs_; }

 private:
  /// Of those who wait at a portal, `most` were taken or nobody waits any more; or what is short.
  enum class Outcome : uint8_t { taken, noFiles, noPlaceAtAll, noPlaceHere };
  /// A portal that it does not look at, and why.
  struct Paused {
    Portal* portal;
    Outcome why;
  };

  Outcome acceptFrom(Portal& portal, int most);
  Outcome takePlace(Portal& portal);
  bool takeFiles();
  void welcome(Portal& portal, int fd, const SocketAddress& address);
  Worker& leastLoaded();
  void pause(Portal& portal, Outcome why);
  void tell(Portal& portal, Outcome why);
  void replacePaused(std::vector<Paused> all);

  Worker& worker_;
  std::vector<Paused> paused_;
  std::atomic<bool> isPaused_{false};
  std::atomic<bool> resumeAsked_{false};
  /// For lack of files, of which the relay has been told.
  bool lacksFiles_ = false;
  uint64_t retryMs_ = 0;
};

/// Gives back the place of a connection that has ended. Any worker, before it lets go of the portal.
void givePlace(Worker& worker, Portal& portal);
