// One client's TCP connection, from accept to end:
//
//   handed over ──▶ dialling ──▶ spliced ──▶ ended           an endpoint answered
//   (another worker     └──────────────────▶ ended (reset)   none did, or the client went, or the relay gave
//   up
//    accepted it)
//
// It owns both sockets, and one use of its endpoint. While dialling, the client is not read: what it has sent
// waits in the kernel, and nothing is lost between two tries. A side that is reset resets the other at once,
// whatever was on its way.
//
// Urgent data (RFC 6093) is passed on where it stands in the stream, as data like any other.
//
// Events come edge-triggered: each side is told once that there is something, so whoever is told reads until
// there is nothing.
#pragma once

#include <cstdint>

#include "address.h"
#include "balancer.h"
#include "events.h"
#include "intrusive-list.h"
#include "tcp-stream.h"
#include "watched.h"

class Worker;
struct Portal;
struct TcpConnection;

/// Tries to reach an endpoint, and how long each may take, ms: kube-proxy's `EndpointDialTimeouts` (userspace
/// mode).
constexpr unsigned kDialTries = 4;
constexpr uint32_t kDialTimeoutsMs[kDialTries] = {250, 500, 1000, 2000};

/// One socket of a connection.
struct TcpSide : Watched {
  TcpSide(Kind ofKind, TcpConnection& ofConnection) : Watched(ofKind), connection(ofConnection) {}
  TcpConnection& connection;
  int fd = -1;
  /// Has something to be read, as far as is known.
  bool readable = false;
  /// Registered for EPOLLOUT.
  bool watchesRoom = false;
};

struct TcpConnection {
  enum class State : uint8_t { handedOver, dialling, spliced, ended };

  TcpConnection(Portal& ofPortal, int clientFd, const SocketAddress& address)
      : client(Watched::Kind::client, *this),
        endpoint(Watched::Kind::endpoint, *this),
        portal(ofPortal),
        clientAddress(address) {
    client.fd = clientFd;
  }

  TcpSide client;
  TcpSide endpoint;
  Portal& portal;
  Endpoint* endpointRecord = nullptr;
  TcpStream toEndpoint;
  TcpStream toClient;
  ListLinks<TcpConnection> all;
  /// In the queue of a dial's timeout, or of those too young for keepalive.
  ListLinks<TcpConnection> timer;
  uint64_t dueMs = 0;
  Tried tried;
  SocketAddress clientAddress;
  State state = State::handedOver;
  /// How many tries have begun.
  uint8_t tries = 0;
  /// In Worker::unfinished.
  bool queued = false;
  /// Another worker accepted it.
  bool wasHandedOver = false;
};

/// The worker's thread, each. Begins to look for an endpoint; the client is watched already or is now.
void begin(Worker& worker, TcpConnection& connection, bool clientIsWatched);
void onEvents(Worker& worker, TcpSide& side, uint32_t events);
/// Goes on moving after others had their turn.
void goOn(Worker& worker, TcpConnection& connection);
/// The try under way has taken too long.
void dialTimedOut(Worker& worker, TcpConnection& connection);
/// Old enough to be probed: a peer whose host has gone sends neither FIN nor RST.
void keepAlive(Worker& worker, TcpConnection& connection);
/// Ends it with a reset to both sides.
void abort(Worker& worker, TcpConnection& connection);
