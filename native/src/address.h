// Socket addresses of both families, and their text. Values; nobody owns anything.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// An IPv4 or IPv6 socket address as the kernel takes it.
union SocketAddress {
  sockaddr base;
  sockaddr_in v4;
  sockaddr_in6 v6;

  SocketAddress() : v6{} {}
  int family() const { return base.sa_family; }
  socklen_t length() const { return base.sa_family == AF_INET ? sizeof v4 : sizeof v6; }
  /// Host order.
  uint16_t port() const { return ntohs(base.sa_family == AF_INET ? v4.sin_port : v6.sin6_port); }
  /// 127.0.0.0/8, mapped too, and ::1 (RFC 6890): packets to or from it have not left this host.
  bool isLoopback() const;
  void setPort(uint16_t port) { (base.sa_family == AF_INET ? v4.sin_port : v6.sin6_port) = htons(port); }
};

/// An address without its port, IPv4 in mapped form (RFC 4291, 2.5.5.2): what client-IP affinity goes by.
using ClientIP = std::array<uint8_t, 16>;

/// `text` is an IPv4 or IPv6 address without brackets or zone; nullopt where it is none.
std::optional<SocketAddress> parseAddress(std::string_view text, uint16_t port);

/// `ADDRESS:PORT`, an IPv6 address in brackets, the port 1 to 65535; nullopt where it is none.
std::optional<SocketAddress> parseEndpoint(std::string_view text);

/// The address alone; an IPv4-mapped IPv6 address as IPv4.
std::string addressText(const SocketAddress& address);

/// `ADDRESS:PORT`, an IPv6 address in brackets; an IPv4-mapped one as IPv4.
std::string endpointText(const SocketAddress& address);

ClientIP clientIP(const SocketAddress& address);
