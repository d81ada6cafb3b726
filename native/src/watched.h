// What an epoll event points to. The kind says which structure it is the beginning of.
#pragma once

#include <cstdint>

struct Watched {
  enum class Kind : uint8_t { wakeup, listener, client, endpoint, udpSession };
  explicit Watched(Kind ofKind) : kind(ofKind) {}
  const Kind kind;
};
