// What one client address of a UDP portal has with one endpoint. States and ownership: udp-portal.h.
#pragma once

#include <cstdint>
#include <cstring>

#include "address.h"
#include "intrusive-list.h"
#include "portal.h"
#include "watched.h"

/// Which session a datagram belongs to: its portal, who sent it, and which address of this host it was sent
/// to.
struct SessionKey {
  const Portal* portal;
  ClientIP client;
  /// The address of this host, IPv4 in mapped form.
  ClientIP local;
  /// Of a link-local IPv6 client: the interface.
  uint32_t scope;
  uint32_t clientPort;

  SessionKey(const Portal& ofPortal, const SocketAddress& from, const ClientIP& sentTo)
      : portal(&ofPortal),
        client(clientIP(from)),
        local(sentTo),
        scope(from.family() == AF_INET6 ? from.v6.sin6_scope_id : 0),
        clientPort(from.port()) {}
  bool operator==(const SessionKey& other) const { return memcmp(this, &other, sizeof *this) == 0; }
  size_t hash() const;
};

struct UdpSession : Watched {
  UdpSession(Portal& ofPortal, const SessionKey& itsKey, const SocketAddress& address)
      : Watched(Kind::udpSession), portal(ofPortal), key(itsKey), client(address) {}

  Portal& portal;
  const SessionKey key;
  const SocketAddress client;
  /// Bound: the endpoint, one of whose uses is held, and the socket connected to it.
  Endpoint* endpoint = nullptr;
  int fd = -1;
  /// When it was bound, ms, monotonic.
  uint64_t boundMs = 0;
  /// Refused the last datagram (one of its uses is held): the next goes to another.
  Endpoint* refusedBy = nullptr;
  /// When a datagram last passed, or what was owed was lost, ms, monotonic.
  uint64_t lastUsedMs = 0;
  /// Datagrams that the endpoint has got, less the answers that came: a resolver asks for IPv4 and IPv6 in
  /// one go, and one answer must not cost it the other. 0 while unbound. The table's.
  uint64_t owed = 0;
  bool ended = false;
  /// The relay before made its socket, and may have it open still.
  bool isShared = false;
  ListLinks<UdpSession> byUse;
  UdpSession* nextInBucket = nullptr;
  UdpSession* previousOfPortal = nullptr;
  UdpSession* nextOfPortal = nullptr;
};
