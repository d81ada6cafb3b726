#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

#include "sockets.h"

namespace bench {

/// The client's end of a connection that asks. Owns its socket and how many bytes of requests it could not
/// send yet: none before the connection stands, which is why it asks epoll for EPOLLOUT only then. Its
/// address must not change while it is open, for epoll has it; `who` is what epoll gives back.
class RequestConnection {
 public:
  RequestConnection() = default;
  ~RequestConnection() { close(); }
  RequestConnection(const RequestConnection&) = delete;
  RequestConnection& operator=(const RequestConnection&) = delete;

  void open(Epoll& epoll, const sockaddr_in& at, void* who);
  void close();

  /// Sends one more request, or as much of it as there is room for.
  void ask();

  /// Sends what could not be sent before, where the events say that there is room again.
  void ready(uint32_t events);

  /// How many bytes have come; 0 at the other side's FIN, -1 where there is nothing now.
  ssize_t receive();

 private:
  void flush();

  Epoll* epoll_ = nullptr;
  void* who_ = nullptr;
  int file_ = -1;
  size_t unsent_ = 0;
  bool awaitsRoom_ = false;
};

}  // namespace bench
