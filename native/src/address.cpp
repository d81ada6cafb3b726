// Socket addresses as text and back. No state.
#include "address.h"

#include <arpa/inet.h>

#include <cstring>

namespace {

constexpr uint8_t kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool isMapped(const sockaddr_in6& address) {
  return memcmp(&address.sin6_addr, kMappedPrefix, sizeof kMappedPrefix) == 0;
}

/// 1 to 65535 in decimal, without a leading zero; 0 where it is none.
uint16_t parsePort(std::string_view text) {
  if (text.empty() || text.size() > 5 || text[0] == '0') return 0;
  uint32_t port = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return 0;
    port = port * 10 + static_cast<uint32_t>(digit - '0');
  }
  return port <= 65535 ? static_cast<uint16_t>(port) : uint16_t{0};
}

/// Writes the address alone; true where it is IPv6.
bool writeAddress(const SocketAddress& address, char (&text)[INET6_ADDRSTRLEN]) {
  // inet_ntop(3) fails only for want of room or an unknown family: neither is possible here.
  if (address.family() == AF_INET) {
    inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text);
    return false;
  }
  if (isMapped(address.v6)) {
    inet_ntop(AF_INET, address.v6.sin6_addr.s6_addr + sizeof kMappedPrefix, text, sizeof text);
    return false;
  }
  inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text);
  return true;
}

}  // namespace

std::optional<SocketAddress> parseAddress(std::string_view text, uint16_t port) {
  // inet_pton(3) wants a terminated string, and takes neither brackets, nor a zone, nor octets with leading
  // zeros.
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated || text.find('\0') != std::string_view::npos) return std::nullopt;
  memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  SocketAddress address;
  if (inet_pton(AF_INET, terminated, &address.v4.sin_addr) == 1) {
    address.base.sa_family = AF_INET;
  } else if (inet_pton(AF_INET6, terminated, &address.v6.sin6_addr) == 1) {
    address.base.sa_family = AF_INET6;
  } else {
    return std::nullopt;
  }
  address.setPort(port);
  return address;
}

std::optional<SocketAddress> parseEndpoint(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return std::nullopt;
  const uint16_t port = parsePort(text.substr(colon + 1));
  if (port == 0) return std::nullopt;
  std::string_view address = text.substr(0, colon);
  const bool bracketed = address.front() == '[';
  if (bracketed) {
    if (address.size() < 2 || address.back() != ']') return std::nullopt;
    address = address.substr(1, address.size() - 2);
  }
  auto parsed = parseAddress(address, port);
  if (parsed && (parsed->family() == AF_INET6) != bracketed) return std::nullopt;
  return parsed;
}

std::string addressText(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN];
  writeAddress(address, text);
  return text;
}

std::string endpointText(const SocketAddress& address) {
  char text[INET6_ADDRSTRLEN];
  const bool bracketed = writeAddress(address, text);
  std::string endpoint;
  endpoint.reserve(INET6_ADDRSTRLEN + 8);
  if (bracketed) endpoint += '[';
  endpoint += text;
  endpoint += bracketed ? "]:" : ":";
  endpoint += std::to_string(address.port());
  return endpoint;
}

ClientIP clientIP(const SocketAddress& address) {
  ClientIP ip;
  if (address.family() == AF_INET6) {
    memcpy(ip.data(), &address.v6.sin6_addr, ip.size());
  } else {
    memcpy(ip.data(), kMappedPrefix, sizeof kMappedPrefix);
    memcpy(ip.data() + sizeof kMappedPrefix, &address.v4.sin_addr, sizeof address.v4.sin_addr);
  }
  return ip;
}

bool SocketAddress::isLoopback() const {
  if (family() == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr)) return true;
  if (family() == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) return false;
  return clientIP(*this)[sizeof kMappedPrefix] == IN_LOOPBACKNET;
}
