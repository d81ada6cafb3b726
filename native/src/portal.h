// A portal: the listening socket of a service port, its balancer and its counters.
//
//   open ──▶ closing (no worker accepts any more) ──▶ closed (socket gone) ──▶ freed when the last connection
//   or session ends
//
// The control thread makes, closes and frees it. Workers read it, and write counters: each its own, so that
// none waits for another.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "address.h"
#include "balancer.h"
#include "connection-limit.h"
#include "portal-counts.h"
#include "watched.h"

class Worker;
struct UdpSession;

/// What a UDP portal needs beside what every portal has.
struct UdpPortal {
  /// Its sessions, linked through them. The owner's thread only.
  UdpSession* firstSession = nullptr;
};

enum class Protocol : uint8_t { tcp, udp };

struct Portal : Watched {
  Portal(std::string ofName, Protocol itsProtocol, unsigned workers, double (*random)())
      : Watched(Watched::Kind::listener),
        name(std::move(ofName)),
        protocol(itsProtocol),
        balancer(random),
        counts(new PortalCounts[workers]) {}

  const std::string name;
  const Protocol protocol;
  /// As asked for, with the port that it got.
  SocketAddress bound;
  int fd = -1;
  Balancer balancer;
  const std::unique_ptr<PortalCounts[]> counts;  // by Worker::index
  /// Of TCP.
  ConnectionLimit connections;
  /// Open connections (those waiting for an endpoint included) and UDP sessions.
  std::atomic<uint32_t> uses{0};
  std::atomic<bool> closing{false};
  /// The worker that all datagrams of a UDP portal are for; null with TCP, where all workers accept.
  Worker* owner = nullptr;
  std::unique_ptr<UdpPortal> udp;

  // The control thread's:
  /// Which pass had begun when the endpoints were replaced last.
  uint64_t routedPass = 0;
  bool waitsForReclaim = false;
  /// Closed, and found without users once.
  bool unusedSeen = false;
};
