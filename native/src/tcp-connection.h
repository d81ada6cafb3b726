// One client's TCP connection, from accept to end:
//
//   handed over ──▶ dialling ──▶ spliced ──▶ ended           an endpoint answered
//   (another worker     └──────────────────▶ ended (reset)   none did, or the client went, or the relay gave
//   up
//    accepted it)
//
// It owns the client's socket, has the endpoint's from the worker, and owns one use of its endpoint. While
// dialling, the client is not read: what it has sent waits in the kernel, and nothing is lost between two
// tries. A side that is reset resets the other at once, whatever was on its way.
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
#include "tcp-side.h"
#include "tcp-stream.h"

class Worker;
struct Portal;
/// Tries to reach an endpoint, and how long each may take, ms: kube-proxy's `EndpointDialTimeouts` (userspace
/// mode).
constexpr unsigned kDialTries = 4;
constexpr uint32_t kDialTimeoutsMs[kDialTries] = {250, 500, 1000, 2000};

struct TcpConnection {
  enum class State : uint8_t { handedOver, dialling, spliced, ended };

  TcpConnection(Portal& ofPortal, int clientFd, const SocketAddress& address)
      : client(Watched::Kind::client, this), portal(ofPortal), clientAddress(address) {
    client.fd = clientFd;
  }

  TcpSide client;
  /// Null while there is none.
  EndpointSide* endpoint = nullptr;
  Portal& portal;
  Endpoint* endpointRecord = nullptr;
  TcpStream toEndpoint;
  TcpStream toClient;
  ListLinks<TcpConnection> all;
  /// In the queue of a dial's timeout, or of those too young for keepalive.
  ListLinks<TcpConnection> timer;
  uint64_t dueMs = 0;
  /// Where one side has finished (half-closed.h): when it was looked at last, what had moved by then, and how
  /// many looks in a row have found just that.
  ListLinks<TcpConnection> halfClosed;
  uint64_t lookedMs = 0;
  uint64_t movedBytes = 0;
  Tried tried;
  SocketAddress clientAddress;
  /// When the try under way began: monotonic, us, the low half of it; 0 where that is not known.
  uint32_t dialBeganUs = 0;
  State state = State::handedOver;
  /// How many tries have begun.
  uint8_t tries = 0;
  uint8_t looks = 0;
  /// In Worker::unfinished.
  bool queued = false;
  /// Another worker accepted it.
  bool wasHandedOver = false;
  /// The relay before did, and may have the client's socket open still.
  bool clientIsShared = false;
};

/// The worker's thread, each. Begins to look for an endpoint (tcp-dial.h); the client is watched already or
/// is now.
void begin(Worker& worker, TcpConnection& connection, bool clientIsWatched);
void onEvents(Worker& worker, TcpSide& side, uint32_t events);
/// The endpoint of the try under way has answered.
void connected(Worker& worker, TcpConnection& connection);
/// Goes on moving after others had their turn.
void goOn(Worker& worker, TcpConnection& connection);
/// Old enough to be probed: a peer whose host has gone sends neither FIN nor RST.
void keepAlive(Worker& worker, TcpConnection& connection);
/// Ends it with a reset to both sides.
void abort(Worker& worker, TcpConnection& connection);

/// For tcp-dial.cpp, too. Has epoll tell of a side; false where that fails.
bool watch(Worker& worker, TcpSide& side, uint32_t more);
/// The error that a socket has kept for whoever asks; 0 where it has none.
int pendingError(int fd);
void tell(Worker& worker, TcpConnection& connection, Failure reason, int error, uint32_t timeoutMs,
          bool final);
void letGoOfEndpoint(TcpConnection& connection);
