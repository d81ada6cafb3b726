// Which congestion control a connection's socket has. The system's, with one exception: where the system's
// paces what it sends (BBR: tcp_bbr.c, sk_pacing_status), a peer at a loopback address is sent to without. No
// network is between, and a timer for each burst costs a stream a third of what it costs in all.
#pragma once

#include "address.h"

class Congestion {
 public:
  /// Finds out what the system's is (tcp(7), TCP_CONGESTION); later changes are not noticed.
  Congestion();

  /// A socket that is about to connect, and whether it was taken off pacing before. Whether it is now.
  bool setBeforeConnect(int fd, const SocketAddress& peer, bool isUnpaced) const;
  /// A socket that is about to listen: what it is set to, the sockets of its clients inherit. They are all
  /// taken for local, since it is too late to stop pacing once a connection has begun.
  void setBeforeListen(int fd) const;
  /// A client's socket, of one that listens: gives the system's back where the client is not local.
  void setAccepted(int fd, const SocketAddress& client) const;

 private:
  static constexpr unsigned kLongestName = 16;  // TCP_CA_NAME_MAX

  char systems_[kLongestName] = {};
  bool paces_ = false;
};
