// Sockets of UDP, and datagrams in batches, with the address of this host that each was sent to (ip(7),
// IP_PKTINFO; ipv6(7), IPV6_PKTINFO).
#pragma once

#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "address.h"

/// A non-blocking socket of a family, or -1 and errno.
int udpSocket(int family);

/// A bound UDP socket for a portal: IP_PKTINFO and, of IPv6, IPV6_RECVPKTINFO on, non-blocking, a receive
/// buffer of 1 MiB asked for; `::` takes both families. Sets `bound`'s port. The descriptor, or a negative
/// errno. No SO_REUSEADDR: another program's port is in use.
int openUdpSocket(SocketAddress& bound);

/// The longest that either family carries without extension headers.
constexpr size_t kLongestDatagram = 65'535;

/// Room for some datagrams, received by one call. It owns the room.
class DatagramBatch {
 public:
  explicit DatagramBatch(unsigned size);

  /// Some of those that are there, up to its size and at least one; or a negative errno. Whoever watches the
  /// socket level-triggered has the rest with its next event.
  int receive(int fd);

  const uint8_t* bytes(int i) const { return &room_[static_cast<size_t>(i) * kLongestDatagram]; }
  size_t length(int i) const { return messages_[static_cast<size_t>(i)].msg_len; }
  const SocketAddress& from(int i) const { return from_[static_cast<size_t>(i)]; }
  /// The address of this host that it was sent to, IPv4 in mapped form; zeros where the kernel did not say.
  ClientIP local(int i) const;

  unsigned size() const { return static_cast<unsigned>(messages_.size()); }

 private:
  struct alignas(cmsghdr) Control {
    uint8_t bytes[CMSG_SPACE(sizeof(in_pktinfo)) + CMSG_SPACE(sizeof(in6_pktinfo))];
  };
  std::vector<uint8_t> room_;
  std::vector<mmsghdr> messages_;
  std::vector<iovec> pieces_;
  std::vector<SocketAddress> from_;
  /// Room for both: an IPv4 datagram to a socket of both families comes with both.
  std::vector<Control> control_;
  /// How often in a row no more than one came.
  unsigned alone_ = 0;
};

/// Sends from an address of this host, given in mapped form. `scope` is the interface where `to` is
/// link-local, else 0. 0 or an errno.
int sendFrom(int fd, const ClientIP& local, uint32_t scope, const SocketAddress& to, const uint8_t* bytes,
             size_t length);
