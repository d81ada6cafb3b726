#pragma once

#include <netinet/in.h>
#include <sys/epoll.h>

#include <cstdint>
#include <string>

namespace bench {

/// An epoll(7) instance whose events carry a pointer to whatever watches the file. Every call that fails ends
/// the program.
class Epoll {
 public:
  Epoll();
  ~Epoll();
  Epoll(const Epoll&) = delete;
  Epoll& operator=(const Epoll&) = delete;

  void add(int file, uint32_t events, void* who);
  void change(int file, uint32_t events, void* who);

  /// Fills `found`; returns how many, 0 after `timeoutMs` (-1: never).
  int wait(epoll_event* found, int most, int timeoutMs);

 private:
  void control(int operation, int file, uint32_t events, void* who);

  int file_;
};

/// `127.0.0.1:9001`. Ends the program where it is anything else.
sockaddr_in parseAddress(const std::string& text);

/// A socket on a free port of 127.0.0.1 that listens (SOCK_STREAM) or receives (SOCK_DGRAM). Non-blocking;
/// the connections that it accepts send at once (TCP_NODELAY).
int openServer(int type);

/// The port that the system chose.
int portOf(int socket);

/// A non-blocking socket whose connection is under way: what is sent before it stands gets EAGAIN.
int openTcp(const sockaddr_in& at);

/// A non-blocking socket that sends to `at` and receives from nobody else.
int openUdp(const sockaddr_in& at);

/// Lets this process open as many files as its hard limit allows, as any user may.
void raiseOpenFiles();

}  // namespace bench
