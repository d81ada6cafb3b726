#include "service-notify.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace {

/// How often the status is looked at, at the least.
constexpr uint64_t kStatusMs = 5'000;

/// The manager waits for longer than the relay says it takes: its own clock started first.
constexpr uint64_t kSpareMs = 5'000;

uint64_t numberIn(const char* variable) {
  const char* const text = getenv(variable);
  return text == nullptr ? 0 : strtoull(text, nullptr, 10);
}

/// 0 where no watchdog waits for this process (sd_watchdog_enabled(3)).
uint64_t watchdogOfThisProcess() {
  const uint64_t process = numberIn("WATCHDOG_PID");
  if (process != 0 && process != static_cast<uint64_t>(getpid())) return 0;
  return numberIn("WATCHDOG_USEC") / 1'000;
}

}  // namespace

int connectNotifySocket() {
  const char* const path = getenv("NOTIFY_SOCKET");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path == nullptr || (path[0] != '/' && path[0] != '@')) return -1;
  const size_t length = strlen(path);
  if (length >= sizeof address.sun_path) return -1;
  memcpy(address.sun_path, path, length);
  // The abstract namespace (unix(7)): the first byte is zero, and each byte counts.
  if (path[0] == '@') address.sun_path[0] = '\0';
  const size_t size = offsetof(sockaddr_un, sun_path) + length + (path[0] == '@' ? 0 : 1);
  const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)) == 0) return fd;
  const int error = errno;
  close(fd);
  errno = error;
  return -1;
}

ServiceNotify::ServiceNotify() : fd_(connectNotifySocket()) {
  if (fd_ >= 0) watchdogMs_ = watchdogOfThisProcess();
}

ServiceNotify::~ServiceNotify() {
  if (fd_ >= 0) close(fd_);
}

void ServiceNotify::mainProcessIs(int pid, uint64_t watchdogMs) {
  if (fd_ >= 0) watchdogMs_ = watchdogMs;
  send("MAINPID=" + std::to_string(pid));
}

void ServiceNotify::ready() {
  isReady_ = true;
  send("READY=1");
}

void ServiceNotify::stopping(uint64_t graceMs) {
  if (isStopping_) return;
  isStopping_ = true;
  send("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string((graceMs + kSpareMs) * 1'000));
}

int ServiceNotify::msUntilPing(uint64_t nowMs) const {
  if (fd_ < 0 || !isReady_) return -1;
  return nextPingMs_ > nowMs ? static_cast<int>(nextPingMs_ - nowMs) : 0;
}

void ServiceNotify::ping(uint64_t nowMs, const std::string& status) {
  const bool isWatched = watchdogMs_ > 0;
  nextPingMs_ = nowMs + (isWatched ? std::clamp<uint64_t>(watchdogMs_ / 2, 1, kStatusMs) : kStatusMs);
  std::string lines = isWatched ? "WATCHDOG=1" : "";
  if (status != toldStatus_) lines += (lines.empty() ? "STATUS=" : "\nSTATUS=") + status;
  toldStatus_ = status;
  if (!lines.empty()) send(lines);
}

void ServiceNotify::send(const std::string& lines) const {
  // EAGAIN: the manager has not read for a while; the next ping comes soon. Any other error: it has gone, and
  // the relay goes on.
  if (fd_ >= 0) ::send(fd_, lines.data(), lines.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
}
