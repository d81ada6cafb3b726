// The whole relay: portals, workers, limits. The control thread alone calls it (but for what is marked).
//
//   control connection ──▶ Relay ──▶ Portal (owned here) ──▶ its socket in every worker's epoll
//                            └─────▶ Worker (owned here), each a thread
//
// Reclaiming: what workers may still hold (a closing portal's socket, a replaced endpoint table) is let go of
// after a *pass*: when each worker has been at the top of its loop since. whenPassed() runs what is to be
// done then.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "congestion.h"
#include "connection-limit.h"
#include "events.h"
#include "files.h"
#include "portal.h"
#include "udp-limits.h"

class Worker;

enum class OpenError : uint8_t { none, portInUse, openFailed, filesExhausted, shuttingDown };

struct OpenResult {
  OpenError error = OpenError::none;
  /// What the protocol's TEXT is to say; where there is no error, the portal's address with its port.
  std::string text;
  SocketAddress bound;
};

class Relay {
 public:
  struct Options {
    unsigned threads;
    int64_t files;
    /// eventfd of the control thread: written to where events, or passed work, wait for runPassed() and
    /// events().
    int wakeFd;
    double (*random)();
    /// Workers stand still until thaw().
    bool frozen = false;
  };
  explicit Relay(const Options& options);
  /// Ends the threads and frees everything.
  ~Relay();

  /// Opens, or re-routes where it is open already (same protocol, address, and port or port 0). `done` may be
  /// called later: a portal that is open otherwise is closed first.
  void open(const std::string& name, Protocol protocol, const SocketAddress& address,
            const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds,
            std::function<void(OpenResult)> done);
  /// False where there is no such portal. In force when it returns.
  bool route(const std::string& name, const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds);
  /// `done` when the port is free.
  void close(const std::string& name, std::function<void()> done);
  /// Ends when nothing is open, or after `graceMs`; `done` then.
  void shutdown(uint64_t graceMs, std::function<void()> done);
  /// Connections and sessions that were still open when the grace was over.
  uint64_t cut() const { return cut_; }

  template <typename Visit>
  void eachPortal(Visit visit) const {
    for (const auto& [name, portal] : portals_) visit(*portal);
  }
  PortalCountsSum counts(const Portal& portal) const { return sumOf(portal.counts.get(), options_.threads); }
  /// Null where it is not open.
  const Portal* find(const std::string& name) const;

  void setUdpIdleMs(uint64_t ms);
  void setUdpSessions(int64_t sessions);
  /// TCP connections of all portals together; 0 is no limit. What is open goes on.
  void setMaxConnections(int64_t connections);
  /// Those of one portal. False where there is no such portal.
  bool setMaxConnectionsOf(const std::string& name, int64_t connections);
  void setFiles(int64_t files);
  /// What was set, or 0.
  int64_t filesSet() const { return filesSet_; }
  /// How long nothing may move in a connection of which one side has finished; 0 for ever.
  void setHalfClosedMs(uint64_t ms);

  // For a relay that another follows, and for that one (hand-over.h):
  /// Every worker stands still when it returns: what they own is the control thread's until thaw().
  void freeze();
  void thaw();
  /// Nothing is between two states: no portal that closes has its socket still.
  bool isSettled() const;
  bool isShuttingDown() const { return shuttingDown_; }
  /// Those that have closed, and whose connections go on.
  template <typename Visit>
  void eachClosed(Visit visit) const {
    for (const auto& portal : closed_) visit(*portal);
  }
  /// Of the relay before: open where it has a socket, else closed. No worker looks at it yet.
  Portal& adopt(std::unique_ptr<Portal> portal);
  /// Workers look at the adopted portals when they are thawed. 0, or an errno.
  int watchAdopted();

  /// When `wakeFd` was written to: runs what every worker has passed by now.
  void runPassed();
  /// Control thread's timer: ms until tick() wants to be called, -1 for never.
  int msUntilTick() const;
  void tick();

  // Any thread:
  Events& events() { return events_; }
  FileBudget& files() { return files_; }
  const FileBudget& files() const { return files_; }
  ConnectionLimit& connections() { return connections_; }
  UdpLimits& udpLimits() { return udpLimits_; }
  bool isFrozen() const { return frozen_.load(std::memory_order_acquire); }
  /// A worker's: returns when it may go on.
  void standStill();
  uint64_t halfClosedMs() const { return halfClosedMs_.load(std::memory_order_relaxed); }
  const Congestion& congestion() const { return congestion_; }
  const std::vector<std::unique_ptr<Worker>>& workers() const { return workers_; }
  uint64_t wantedPass() const { return pass_.load(std::memory_order_acquire); }
  /// A worker has come to the top of its loop after a pass had begun.
  void workerPassed() { wakeControl(); }
  /// A descriptor was given back: workers that wait for one are told.
  void filesGiven();
  /// There may be a place for one more connection: workers that wait for one are told.
  void placesGiven();
  /// A worker stopped accepting for lack of files, or goes on.
  void acceptPaused();
  void acceptResumed();

 private:
  struct Deferred {
    uint64_t pass;
    std::function<void()> run;
  };
  void openNow(const std::string& name, Protocol protocol, const SocketAddress& address,
               const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds,
               const std::function<void(OpenResult)>& done);
  int listenOn(Portal& portal);
  OpenResult failedToOpen(std::unique_ptr<Portal> portal, const SocketAddress& asked, int error);
  void routeTo(Portal& portal, const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds);
  void reclaimLater(Portal& portal);
  /// Runs `then` when every worker has been at the top of its loop since.
  void whenPassed(std::function<void()> then);
  void closeLater(std::unique_ptr<Portal> portal, std::function<void()> done);
  void closeSocket(Portal& portal);
  void collect(uint64_t pass);
  bool anythingOpen() const;
  /// Connections and sessions of all portals.
  uint64_t used() const;
  void endShutdown();
  void wakeControl();

  const Options options_;
  FileBudget files_;
  int64_t filesSet_ = 0;
  ConnectionLimit connections_;
  UdpLimits udpLimits_;
  std::atomic<uint64_t> halfClosedMs_{0};
  const Congestion congestion_;
  Events events_;
  std::map<std::string, std::unique_ptr<Portal>> portals_;
  /// Closed, with connections that go on, or not yet passed.
  std::vector<std::unique_ptr<Portal>> closed_;
  std::vector<Deferred> deferred_;
  /// Portals with endpoint tables that were replaced.
  std::vector<Portal*> reclaiming_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::atomic<uint64_t> pass_{0};
  /// Guards how many workers have paused, and what was told of it.
  std::mutex pausedMutex_;
  int pausedWorkers_ = 0;
  std::atomic<bool> exhausted_{false};
  std::atomic<bool> frozen_;
  std::mutex standMutex_;
  std::condition_variable stands_;
  std::condition_variable thawed_;
  /// How many workers stand.
  size_t standing_ = 0;
  bool shuttingDown_ = false;
  uint64_t graceEndsMs_ = 0;
  uint64_t cut_ = 0;
  uint64_t nextTickMs_ = 0;
  std::function<void()> shutdownDone_;
  unsigned nextUdpOwner_ = 0;
};
