// UDP: one socket for each portal, one session for each client address and address it sent to.
//
//   client ──▶ portal socket ──recvmmsg──▶ session (by client and local address) ──connected socket──▶
//   endpoint client ◀── portal socket (IP_PKTINFO: from the address the client sent to) ◀──── session ◀──
//   endpoint
//
//   session:  bound ──▶ ended (idle, its answer overdue, evicted, portal closed)
//               └─ICMP refusal, or its endpoint went─▶ unbound ──next datagram of the client──▶ bound
//               (another endpoint)
//
// A portal and all its sessions belong to one worker (Portal::owner): order within a session is kept, and
// nothing is locked.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <memory>

#include "portal.h"

class Relay;
class Worker;
struct UdpSession;

/// Control thread: how long an answer that is owed keeps its session. In force at once.
void setUdpReplyMs(Relay& relay, uint64_t ms);

/// What is taken over of a session (its fields: udp-session.h).
struct SessionBefore {
  SocketAddress client;
  ClientIP local;
  /// Where it is bound, and null and -1 where not.
  Endpoint* endpoint;
  int fd;
  uint64_t boundMs;
  Endpoint* refusedBy;
  uint64_t lastUsedMs;
  uint64_t owed;
};

/// All UDP sessions of one worker, the one idle longest first.
class UdpSessions {
 public:
  explicit UdpSessions(Worker& worker);
  ~UdpSessions();

  /// The portal's socket is readable: reads batches (bounded in one turn) and passes them on.
  void received(Portal& portal);
  /// A session's socket has an event: answers, or an error of the endpoint.
  void answered(UdpSession& session, uint32_t events);
  /// Ends what is idle.
  void runTimers();
  /// ms until runTimers() has something to do, -1 for never.
  int msUntilTimer() const;
  /// From mail: ends every session of a portal that has closed.
  void portalClosed(Portal& portal);
  /// From mail: another worker has begun a session for which there was no room, and the one of its own that
  /// is idle longest was last used at `askersSinceMs`. Ends one that is idle for longer; where there is none,
  /// the asker looks again.
  void evictFor(Worker& asker, uint64_t askersSinceMs);
  // While no worker runs (session-record.cpp):
  /// Those that owe no answer, and then those that do; of each the one idle longest first.
  void each(const std::function<void(const UdpSession&)>& visit) const;
  /// One of the relay before; those used longest ago come first. False where there is no memory, or it can't
  /// be watched: the socket is the caller's still.
  bool adopt(Portal& portal, const SessionBefore& before);

  /// From mail, on shutdown: begins no new session.
  void drain();
  /// The thread ends, or the relay does: ends every session.
  void endAll();
  /// Frees those that ended in this turn.
  void freeEnded();

 private:
  struct State;
  std::unique_ptr<State> state_;
};
