#include "control-server.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "control-socket.h"
#include "hand-over.h"
#include "worker.h"

namespace {

constexpr size_t kMostPeers = 8;
constexpr int kEventsAtOnce = 16;

/// For peers to take their last replies.
constexpr uint64_t kLastFlushMs = 1'000;

/// Who connects waits so long where the system has no file or memory for one more.
constexpr uint64_t kAcceptAgainMs = 100;

/// Not perror(3): it makes calls that the filter does not know.
void complain(const char* call) { fprintf(stderr, "kube-splice-relay: %s: %s\n", call, strerror(errno)); }

/// -1 is never.
int sooner(int one, int other) {
  if (one < 0 || other < 0) return std::max(one, other);
  return std::min(one, other);
}

bool isShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

}  // namespace

ControlServer::ControlServer(Relay& relay, Options options)
    : relay_(relay), options_(options), epollFd_(epoll_create1(EPOLL_CLOEXEC)), listenFd_(options.listenFd) {}

ControlServer::~ControlServer() {
  connections_.clear();
  if (listenFd_ >= 0) close(listenFd_);
  if (epollFd_ >= 0) close(epollFd_);
}

bool ControlServer::watch(int fd) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  return epoll_ctl(epollFd_, EPOLL_CTL_ADD, fd, &event) == 0;
}

bool ControlServer::run(std::string greeting) {
  greeting_ = std::move(greeting);
  if (epollFd_ < 0 || !watch(options_.wakeFd) || !watch(options_.signalFd) ||
      (listenFd_ >= 0 && !watch(listenFd_))) {
    complain("epoll");
    return false;
  }
  if (options_.controlFd >= 0) admit(options_.controlFd);
  if (options_.notify != nullptr) options_.notify->ready();
  while (!ended_) {
    epoll_event events[kEventsAtOnce];
    const int count = epoll_wait(epollFd_, events, kEventsAtOnce, msToWait());
    if (count < 0 && errno != EINTR) {
      complain("epoll_wait");
      return false;
    }
    for (int i = 0; i < count; i++) {
      const int fd = events[i].data.fd;
      if (fd == options_.wakeFd) {
        uint64_t wakes;
        // EAGAIN: read already.
        [[maybe_unused]] const ssize_t got = read(fd, &wakes, sizeof wakes);
        relay_.runPassed();
        tellEvents();
      } else if (fd == options_.signalFd) {
        readSignal();
      } else if (fd == listenFd_) {
        acceptPeers();
      } else {
        // A descriptor's number is not used again in one turn: peers are removed, and so closed, at its end.
        for (const auto& [id, peer] : connections_)
          if (peer->fd() == fd) {
            peer->onEvents(events[i].events);
            break;
          }
      }
    }
    if (relay_.msUntilTick() == 0) relay_.tick();
    if (acceptAgainMs_ > 0 && monotonicMs() >= acceptAgainMs_) listenAgain();
    goOn();
    notifyOfLife();
    removeDone();
    if (successor_ != 0 && relay_.isSettled()) handOverNow();
    // The process whose relay this is has gone.
    if (options_.controlFd >= 0 && connections_.empty()) return true;
  }
  flushAll();
  return true;
}

ControlConnection* ControlServer::connection(uint64_t id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

void ControlServer::shutdown(uint64_t graceMs, std::function<void()> done) {
  if (done) whenEnded_.push_back(std::move(done));
  // Whoever waits to follow it follows nobody.
  if (ControlConnection* const peer = connection(std::exchange(successor_, 0)))
    peer->finished(errorLine(successorsTag_, "SHUTTING_DOWN", "the relay is ending"));
  if (options_.notify != nullptr) options_.notify->stopping(graceMs);
  relay_.shutdown(graceMs, [this] {
    ended_ = true;
    for (const auto& tell : std::exchange(whenEnded_, {})) tell();
  });
}

std::string ControlServer::handOverTo(uint64_t id, const std::string& tag) {
  if (listenFd_ < 0)
    return errorLine(tag, "NOT_HANDED_OVER", "this relay was started by another process, and ends with it");
  if (relay_.isShuttingDown()) return errorLine(tag, "SHUTTING_DOWN", "the relay is ending");
  if (connection(successor_) != nullptr)
    return errorLine(tag, "NOT_HANDED_OVER", "another relay is taking over");
  successor_ = id;
  successorsTag_ = tag;
  later(id);
  return {};
}

void ControlServer::handOverNow() {
  ControlConnection* const peer = connection(std::exchange(successor_, 0));
  // It has gone.
  if (peer == nullptr) return;
  std::string wrong;
  int ends[2];
  if (!openHandOverChannel(ends)) {
    peer->finished(errorLine(successorsTag_, "NOT_HANDED_OVER", strerror(errno)));
    return;
  }
  peer->flush();
  const bool told = peer->isFlushed() && sendWithFile(peer->fd(), okLine(successorsTag_), ends[1]);
  close(ends[1]);
  peer->letGo();
  if (told) {
    relay_.freeze();
    if (handOver(relay_, listenFd_, options_.notify, ends[0], wrong)) leaveTo(ends[0]);
    relay_.thaw();
    fprintf(stderr, "kube-splice-relay: not handed over, and going on: %s\n", wrong.c_str());
  }
  close(ends[0]);
}

void ControlServer::leaveTo(int channel) {
  // What workers have told up to the end, and nobody else knows. No request is begun any more.
  takeEvents();
  for (const auto& [id, each] : connections_) each->flush();
  if (options_.lockFd >= 0) releaseLock(options_.lockFd);
  signalfd_siginfo signal;
  if (read(options_.signalFd, &signal, sizeof signal) == sizeof signal) passSignalOn(channel);
  // The other begins with this: to close all that this process has open takes a while.
  close(channel);
  // Touching nothing: what is open is another's now.
  _exit(0);
}

void ControlServer::acceptPeers() {
  while (true) {
    const int fd = accept4(listenFd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      if (isShortage(errno)) pauseAccepting();
      // EAGAIN: nobody waits any more. Any other error is of one peer that has gone.
      return;
    }
    if (isTrusted(fd) && connections_.size() < kMostPeers) {
      admit(fd);
      continue;
    }
    static constexpr char kRefused[] = "* refused\n";
    // A new socket has room for it; a peer that has gone needs no word.
    send(fd, kRefused, sizeof kRefused - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    close(fd);
  }
}

void ControlServer::pauseAccepting() {
  // It would be told again at once that somebody waits, and again. Where this fails, just that happens.
  if (epoll_ctl(epollFd_, EPOLL_CTL_DEL, listenFd_, nullptr) == 0)
    acceptAgainMs_ = monotonicMs() + kAcceptAgainMs;
}

void ControlServer::listenAgain() {
  // ENOMEM, ENOSPC: later, then.
  acceptAgainMs_ = watch(listenFd_) ? 0 : monotonicMs() + kAcceptAgainMs;
}

int ControlServer::msToWait() const {
  if (!later_.empty()) return 0;
  const uint64_t now = monotonicMs();
  const int untilAccept = acceptAgainMs_ == 0    ? -1
                          : acceptAgainMs_ > now ? static_cast<int>(acceptAgainMs_ - now)
                                                 : 0;
  const int untilPing = options_.notify == nullptr ? -1 : options_.notify->msUntilPing(now);
  return sooner(relay_.msUntilTick(), sooner(untilAccept, untilPing));
}

bool ControlServer::isTrusted(int fd) const {
  ucred peer{};
  socklen_t length = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return false;
  // A user that this user namespace does not map reads as 65534 (user_namespaces(7)), and is taken for our
  // own where that is who started us. The mode of the socket's file lets none of them come so far but the
  // root of an outer namespace, who needs no leave.
  return peer.uid == 0 || peer.uid == options_.ownUser;
}

void ControlServer::admit(int fd) {
  const uint64_t id = ++nextId_;
  auto peer = std::make_unique<ControlConnection>(*this, id, fd);
  ControlConnection& connection = *peer;
  connections_.emplace(id, std::move(peer));
  connection.progress();
}

void ControlServer::readSignal() {
  signalfd_siginfo signal;
  if (read(options_.signalFd, &signal, sizeof signal) != sizeof signal) return;
  // Asked for again: at once.
  shutdown(signals_++ == 0 ? options_.signalGraceMs : 0, nullptr);
}

bool ControlServer::takeEvents() {
  uint64_t lost = 0;
  const std::vector<std::string> lines = relay_.events().take(lost);
  if (lines.empty() && lost == 0) return false;
  for (const auto& [id, peer] : connections_) {
    if (!peer->wantsEvents()) continue;
    for (const std::string& line : lines) peer->event(line);
    peer->eventsLost(lost);
  }
  return true;
}

void ControlServer::tellEvents() {
  if (!takeEvents()) return;
  for (const auto& [id, peer] : connections_)
    if (peer->wantsEvents()) peer->progress();
}

void ControlServer::goOn() {
  // Once each: a peer that has more to do has its next turn after the others.
  for (const uint64_t id : std::exchange(later_, {}))
    if (ControlConnection* const peer = connection(id)) peer->progress();
}

void ControlServer::notifyOfLife() {
  const uint64_t now = monotonicMs();
  if (options_.notify == nullptr || options_.notify->msUntilPing(now) != 0) return;
  size_t portals = 0;
  int64_t connections = 0;
  int64_t sessions = 0;
  relay_.eachPortal([&](const Portal& portal) {
    const PortalCountsSum counts = relay_.counts(portal);
    portals++;
    connections += counts.active;
    sessions += counts.udpSessions;
  });
  options_.notify->ping(now, std::to_string(portals) + " portals, " + std::to_string(connections) +
                                 " connections, " + std::to_string(sessions) + " UDP sessions, " +
                                 std::to_string(connections_.size()) + " control connections");
}

void ControlServer::removeDone() {
  for (auto each = connections_.begin(); each != connections_.end();)
    each = each->second->isDone() ? connections_.erase(each) : std::next(each);
}

void ControlServer::flushAll() {
  const uint64_t until = monotonicMs() + kLastFlushMs;
  for (const auto& [id, peer] : connections_) {
    peer->flush();
    while (!peer->isFlushed() && !peer->isDone()) {
      const uint64_t now = monotonicMs();
      pollfd wait{peer->fd(), POLLOUT, 0};
      if (now >= until || poll(&wait, 1, static_cast<int>(until - now)) == 0) return;
      peer->flush();
    }
  }
}
