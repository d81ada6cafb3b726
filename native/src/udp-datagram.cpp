#include "udp-datagram.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace {

constexpr size_t kMappedPrefix = 12;

/// Asked of the kernel; the system may allow less.
constexpr int kReceiveBufferBytes = 1024 * 1024;

/// Where datagrams come alone, only each eighth time more than one is asked for: that costs an attempt in
/// vain. Where they come in bursts, this many turns of the loop pass before that shows.
constexpr unsigned kAloneBeforeMore = 8;

}  // namespace

int udpSocket(int family) { return socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

int openUdpSocket(SocketAddress& bound) {
  const int fd = udpSocket(bound.family());
  if (fd < 0) return -errno;
  const int on = 1;
  const int off = 0;
  bool set = true;
  if (bound.family() == AF_INET6) {
    set = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0 &&
          setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on) == 0;
  }
  // On a socket of both families it goes for IPv4.
  set = set && setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on) == 0;
  // Held to what the system allows, and never refused (socket(7), SO_RCVBUF).
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &kReceiveBufferBytes, sizeof kReceiveBufferBytes);
  socklen_t length = sizeof bound;
  if (set && bind(fd, &bound.base, bound.length()) == 0 && getsockname(fd, &bound.base, &length) == 0)
    return fd;
  const int error = errno;
  close(fd);
  return -error;
}

DatagramBatch::DatagramBatch(unsigned size)
    : room_(size * kLongestDatagram), messages_(size), pieces_(size), from_(size), control_(size) {
  for (size_t i = 0; i < size; i++) {
    pieces_[i] = {&room_[i * kLongestDatagram], kLongestDatagram};
    msghdr& header = messages_[i].msg_hdr;
    header = {};
    header.msg_name = &from_[i];
    header.msg_iov = &pieces_[i];
    header.msg_iovlen = 1;
    header.msg_control = &control_[i];
  }
}

int DatagramBatch::receive(int fd) {
  const bool asksForOne = alone_ % kAloneBeforeMore != 0;
  for (unsigned i = 0; i < (asksForOne ? 1 : size()); i++) {
    messages_[i].msg_hdr.msg_namelen = sizeof(SocketAddress);
    messages_[i].msg_hdr.msg_controllen = sizeof(Control);
  }
  if (asksForOne) {
    alone_ += 1;
    const ssize_t length = recvmsg(fd, &messages_[0].msg_hdr, MSG_DONTWAIT);
    if (length < 0) return -errno;
    messages_[0].msg_len = static_cast<unsigned>(length);
    return 1;
  }
  const int count = recvmmsg(fd, messages_.data(), size(), MSG_DONTWAIT, nullptr);
  alone_ = count > 1 ? 0 : alone_ + 1;
  return count < 0 ? -errno : count;
}

ClientIP DatagramBatch::local(int i) const {
  ClientIP local{};
  // CMSG_NXTHDR takes no const header.
  auto& header = const_cast<msghdr&>(messages_[static_cast<size_t>(i)].msg_hdr);
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part)) {
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      in_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      local[10] = local[11] = 0xff;
      // Of a broadcast the address that answers it; the kernel leaves it out where it has let go of the
      // packet's route already.
      const in_addr& address = info.ipi_spec_dst.s_addr != 0 ? info.ipi_spec_dst : info.ipi_addr;
      memcpy(&local[kMappedPrefix], &address, sizeof address);
      return local;
    }
    // No return: of an IPv4 packet to a socket of both families this is the address in its header, and the
    // other part follows.
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      in6_pktinfo info;
      memcpy(&info, CMSG_DATA(part), sizeof info);
      memcpy(local.data(), &info.ipi6_addr, sizeof info.ipi6_addr);
    }
  }
  return local;
}

int sendFrom(int fd, const ClientIP& local, uint32_t scope, const SocketAddress& to, const uint8_t* bytes,
             size_t length) {
  union {
    cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(in6_pktinfo))];
  } control{};
  iovec piece{const_cast<uint8_t*>(bytes), length};
  msghdr message{};
  message.msg_name = const_cast<sockaddr*>(&to.base);
  message.msg_namelen = to.length();
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = &control;
  if (to.family() == AF_INET) {
    in_pktinfo info{};
    memcpy(&info.ipi_spec_dst, &local[kMappedPrefix], sizeof info.ipi_spec_dst);
    // By name: C libraries differ in what lies between the members.
    control.header.cmsg_len = CMSG_LEN(sizeof info);
    control.header.cmsg_level = IPPROTO_IP;
    control.header.cmsg_type = IP_PKTINFO;
    memcpy(CMSG_DATA(&control.header), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    // An IPv4 client of a socket of both families takes this form as well, with a mapped address.
    in6_pktinfo info{};
    memcpy(&info.ipi6_addr, local.data(), sizeof info.ipi6_addr);
    info.ipi6_ifindex = scope;
    control.header.cmsg_len = CMSG_LEN(sizeof info);
    control.header.cmsg_level = IPPROTO_IPV6;
    control.header.cmsg_type = IPV6_PKTINFO;
    memcpy(CMSG_DATA(&control.header), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  }
  return sendmsg(fd, &message, MSG_DONTWAIT) < 0 ? errno : 0;
}
