// What UdpSessions holds. Private to udp-portal.cpp (sessions: begin, answer, end) and udp-binding.cpp (their
// endpoints).
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "relay.h"
#include "slab.h"
#include "udp-datagram.h"
#include "udp-portal.h"
#include "udp-session-table.h"
#include "worker.h"

/// Why a datagram was not sent, where it is its own fault (longer than the family allows, or than the path
/// carries in one piece) or this host's: another endpoint would do no better. Else nullopt.
std::optional<Drop> dropOf(int error);

struct UdpSessions::State {
  explicit State(Worker& ofWorker) : worker(ofWorker) {}

  Worker& worker;
  UdpSessionTable table;
  Slab<UdpSession> slab;
  std::vector<UdpSession*> ended;
  /// Made with the first portal that has a datagram.
  std::unique_ptr<DatagramBatch> questions;
  bool draining = false;

  UdpLimits& limits() { return worker.relay.udpLimits(); }
  PortalCounts& counts(UdpSession& session) { return worker.countsOf(session.portal); }

  void tell(Portal& portal, const SocketAddress& client, const Endpoint* endpoint, Failure reason,
            int error) {
    worker.countsOf(portal).failed(reason);
    // The datagram is lost: only the next one goes elsewhere.
    worker.relay.events().failure(portal, client, endpoint, reason, error, 0, true);
  }

  void refuse(Portal& portal, const SocketAddress& client) {
    worker.countsOf(portal).refusedForFiles.add(1);
    tell(portal, client, nullptr, Failure::outOfFiles, 0);
  }

  UdpSession* begin(Portal& portal, const SessionKey& key, const SocketAddress& client);
  /// Among its portal's, and in the table.
  void enter(UdpSession& session);
  bool makeRoom(Portal& portal, const SocketAddress& client);
  void evictSomebody();
  /// When it ends, if no datagram passes.
  uint64_t dueMs(const UdpSession* session);
  /// The one that ends first; null where there is none.
  UdpSession* firstDue();
  void end(UdpSession& session);
  void evict(UdpSession& session);

  // udp-binding.cpp:
  void forward(UdpSession& session, const uint8_t* bytes, size_t length);
  int sendOn(UdpSession& session, const uint8_t* bytes, size_t length);
  bool bindTo(UdpSession& session);
  bool watch(UdpSession& session);
  Endpoint* pick(UdpSession& session);
  void reported(UdpSession& session, int error);
  void failed(UdpSession& session, int error);
  void unbind(UdpSession& session);
  void forgetRefusal(UdpSession& session);
};
