// What the service manager is told (sd_notify(3)): that the relay is ready, that it lives, what it does.
// Control thread only; it owns the connected datagram socket. Where NOTIFY_SOCKET is not set, nothing is
// told.
#pragma once

#include <cstdint>
#include <string>

/// A non-blocking datagram socket that is connected to $NOTIFY_SOCKET, close-on-exec; -1 where the variable
/// is not set, or nobody listens there.
int connectNotifySocket();

class ServiceNotify {
 public:
  /// Before the system call filter is on, which knows no Unix sockets, and before another user is become, who
  /// may not be let in there.
  ServiceNotify();
  ~ServiceNotify();
  ServiceNotify(const ServiceNotify&) = delete;
  ServiceNotify& operator=(const ServiceNotify&) = delete;

  /// `MAINPID=`: the unit's main process is that one from now on. For this one, its watchdog asks for a ping
  /// in that time, ms; 0 for none.
  void mainProcessIs(int pid, uint64_t watchdogMs);
  uint64_t watchdogMs() const { return watchdogMs_; }
  /// `READY=1`. The first ping is due at once.
  void ready();
  /// `STOPPING=1`, once, and that it may take so long.
  void stopping(uint64_t graceMs);
  /// ms until a ping is due: half of what WATCHDOG_USEC asks for, or a while where only the status is wanted;
  /// -1 for never.
  int msUntilPing(uint64_t nowMs) const;
  /// `WATCHDOG=1`, and the status where it is another than was told last.
  void ping(uint64_t nowMs, const std::string& status);

 private:
  void send(const std::string& lines) const;

  const int fd_;
  uint64_t watchdogMs_ = 0;
  uint64_t nextPingMs_ = 0;
  std::string toldStatus_;
  bool isReady_ = false;
  bool isStopping_ = false;
};
