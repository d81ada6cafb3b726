// One socket of a TCP connection, as its worker's epoll knows it.
#pragma once

#include <cstdint>

#include "watched.h"

struct TcpConnection;

struct TcpSide : Watched {
  TcpSide(Kind ofKind, TcpConnection* ofConnection) : Watched(ofKind), connection(ofConnection) {}
  /// Null once the socket serves none: events that still come say nothing.
  TcpConnection* connection;
  int fd = -1;
  /// Has something to be read, as far as is known.
  bool readable = false;
  /// Registered for EPOLLOUT.
  bool watchesRoom = false;
};

/// The endpoint's. EndpointSockets has made it.
struct EndpointSide : TcpSide {
  EndpointSide() : TcpSide(Kind::endpoint, nullptr) {}
  /// See Congestion.
  bool unpaced = false;
  /// Registered with the worker's epoll already.
  bool isWatched = false;
  /// Made by the relay before, which may have it open still.
  bool isShared = false;
  int family = 0;
  /// The worker's turn in which it was taken: what epoll told in that turn, it told of the connection before.
  uint64_t takenInTurn = 0;
};
