#include "relay.h"

#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "udp-datagram.h"
#include "udp-portal.h"
#include "worker.h"

namespace {

/// Clients that may wait to be accepted; the system may allow fewer (net.core.somaxconn).
constexpr int kBacklog = 4096;

constexpr int kKeepAliveSeconds = 15;

/// How often closed portals are looked at whose last connection may have ended.
constexpr uint64_t kCollectMs = 1'000;

/// The same while the relay is ending: whoever waits for its end wants to know soon.
constexpr uint64_t kShutdownLookMs = 10;

/// A listening socket; what it is set to, the sockets of its clients inherit. A descriptor, or a negative
/// errno.
int openTcpSocket(SocketAddress& bound, const Congestion& congestion) {
  const int fd = socket(bound.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  const int on = 1;
  const int off = 0;
  // A port whose last connections are in TIME_WAIT is free.
  bool set = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
  if (bound.family() == AF_INET6)
    set = set && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
  // These fail on no TCP socket; without them it would still work.
  congestion.setBeforeListen(fd);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveSeconds, sizeof kKeepAliveSeconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveSeconds, sizeof kKeepAliveSeconds);
  socklen_t length = sizeof bound;
  if (set && bind(fd, &bound.base, bound.length()) == 0 && listen(fd, kBacklog) == 0 &&
      getsockname(fd, &bound.base, &length) == 0)
    return fd;
  const int error = errno;
  close(fd);
  return -error;
}

}  // namespace

Relay::Relay(const Options& options)
    : options_(options), files_(options.files), events_(options.wakeFd), frozen_(options.frozen) {
  for (unsigned i = 0; i < options.threads; i++) workers_.push_back(std::make_unique<Worker>(*this, i));
  // Only then: a worker looks at all of them.
  for (const auto& worker : workers_) worker->start();
}

Relay::~Relay() {
  thaw();
  for (const auto& worker : workers_) worker->join();
  for (const auto& [name, portal] : portals_)
    if (portal->fd >= 0) ::close(portal->fd);
  for (const auto& portal : closed_)
    if (portal->fd >= 0) ::close(portal->fd);
}

void Relay::open(const std::string& name, Protocol protocol, const SocketAddress& address,
                 const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds,
                 std::function<void(OpenResult)> done) {
  if (shuttingDown_) {
    done({OpenError::shuttingDown, "the relay is ending", {}});
    return;
  }
  const auto found = portals_.find(name);
  if (found == portals_.end()) {
    openNow(name, protocol, address, endpoints, affinitySeconds, done);
    return;
  }
  Portal& portal = *found->second;
  SocketAddress same = address;
  if (address.port() == 0) same.setPort(portal.bound.port());
  if (portal.protocol == protocol && endpointText(same) == endpointText(portal.bound)) {
    routeTo(portal, endpoints, affinitySeconds);
    done({OpenError::none, {}, portal.bound});
    return;
  }
  close(name, [this, name, protocol, address, endpoints, affinitySeconds, done = std::move(done)] {
    open(name, protocol, address, endpoints, affinitySeconds, done);
  });
}

void Relay::openNow(const std::string& name, Protocol protocol, const SocketAddress& address,
                    const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds,
                    const std::function<void(OpenResult)>& done) {
  // A portal would be of no use where there is nothing left for its clients.
  const int64_t filesOfClient = protocol == Protocol::tcp ? 2 : 1;
  if (!files_.hasRoomFor(1 + filesOfClient) || !files_.take(1)) {
    done({OpenError::filesExhausted, std::to_string(files_.limit()), {}});
    return;
  }
  auto portal = std::make_unique<Portal>(name, protocol, options_.threads, options_.random);
  portal->bound = address;
  portal->balancer.route(endpoints, affinitySeconds, monotonicMs());
  // Nobody knows the table that it began with.
  portal->balancer.reclaim();
  if (const int error = listenOn(*portal)) {
    done(failedToOpen(std::move(portal), address, error));
    return;
  }
  const SocketAddress bound = portal->bound;
  portals_.emplace(name, std::move(portal));
  done({OpenError::none, {}, bound});
}

/// 0, or an errno; the socket may be open then, and workers may know of it.
int Relay::listenOn(Portal& portal) {
  portal.fd = portal.protocol == Protocol::tcp ? openTcpSocket(portal.bound, congestion_)
                                               : openUdpSocket(portal.bound);
  if (portal.fd < 0) return -std::exchange(portal.fd, -1);
  if (portal.protocol == Protocol::udp) {
    portal.udp = std::make_unique<UdpPortal>();
    portal.owner = workers_[nextUdpOwner_++ % workers_.size()].get();
    return portal.owner->watch(portal);
  }
  int error = 0;
  for (const auto& worker : workers_)
    if (error == 0) error = worker->watch(portal);
  return error;
}

OpenResult Relay::failedToOpen(std::unique_ptr<Portal> portal, const SocketAddress& asked, int error) {
  if (portal->fd < 0) {
    files_.give(1);
  } else {
    // As a portal that closes: a client may have come already.
    closeLater(std::move(portal), [] {});
  }
  if (error == EADDRINUSE) return {OpenError::portInUse, endpointText(asked), {}};
  if (error == EMFILE || error == ENFILE)
    return {OpenError::filesExhausted, std::to_string(files_.limit()), {}};
  return {OpenError::openFailed, strerror(error), {}};
}

void Relay::routeTo(Portal& portal, const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds) {
  portal.balancer.route(endpoints, affinitySeconds, monotonicMs());
  portal.routedPass = pass_.load(std::memory_order_relaxed);
  reclaimLater(portal);
}

void Relay::reclaimLater(Portal& portal) {
  if (portal.waitsForReclaim || !portal.balancer.hasRetired()) return;
  portal.waitsForReclaim = true;
  reclaiming_.push_back(&portal);
}

bool Relay::route(const std::string& name, const std::vector<RoutedEndpoint>& endpoints,
                  uint32_t affinitySeconds) {
  const auto found = portals_.find(name);
  if (found == portals_.end()) return false;
  routeTo(*found->second, endpoints, affinitySeconds);
  return true;
}

void Relay::close(const std::string& name, std::function<void()> done) {
  const auto found = portals_.find(name);
  if (found == portals_.end()) {
    done();
    return;
  }
  std::unique_ptr<Portal> portal = std::move(found->second);
  portals_.erase(found);
  closeLater(std::move(portal), std::move(done));
}

void Relay::closeLater(std::unique_ptr<Portal> closing, std::function<void()> done) {
  closed_.push_back(std::move(closing));
  Portal& portal = *closed_.back();
  portal.closing.store(true, std::memory_order_release);
  if (portal.protocol == Protocol::udp) {
    portal.owner->unwatch(portal);
    portal.owner->post([&portal] { portal.owner->udp->portalClosed(portal); });
  } else {
    for (const auto& worker : workers_) {
      worker->unwatch(portal);
      // Mail is read before the pass is noted, so that no worker knows of the portal after it.
      worker->post([each = worker.get(), &portal] { each->accepting.forget(portal); });
    }
  }
  whenPassed([this, &portal, done = std::move(done)] {
    closeSocket(portal);
    done();
  });
}

void Relay::closeSocket(Portal& portal) {
  // So that nobody connects any more where another process has it open still: the relay before (hand-over.h).
  if (portal.protocol == Protocol::tcp) ::shutdown(portal.fd, SHUT_RD);
  ::close(portal.fd);
  portal.fd = -1;
  files_.give(1);
  filesGiven();
}

void Relay::shutdown(uint64_t graceMs, std::function<void()> done) {
  const uint64_t ends = monotonicMs() + graceMs;
  graceEndsMs_ = shuttingDown_ ? std::min(graceEndsMs_, ends) : ends;
  shuttingDown_ = true;
  shutdownDone_ = std::move(done);
  nextTickMs_ = 0;
  std::vector<std::string> tcp;
  for (const auto& [name, portal] : portals_)
    if (portal->protocol == Protocol::tcp) tcp.push_back(name);
  for (const std::string& name : tcp) close(name, [] {});
  // UDP portals stay open for the answers that are under way.
  for (const auto& worker : workers_) worker->post([each = worker.get()] { each->udp->drain(); });
  tick();
}

bool Relay::anythingOpen() const {
  const auto isUsed = [](const Portal& portal) { return portal.uses.load(std::memory_order_acquire) > 0; };
  for (const auto& [name, portal] : portals_)
    if (isUsed(*portal)) return true;
  return std::any_of(closed_.begin(), closed_.end(),
                     [&](const auto& portal) { return isUsed(*portal) || portal->fd >= 0; });
}

uint64_t Relay::used() const {
  uint64_t sum = 0;
  for (const auto& [name, portal] : portals_) sum += portal->uses.load(std::memory_order_acquire);
  for (const auto& portal : closed_) sum += portal->uses.load(std::memory_order_acquire);
  return sum;
}

void Relay::endShutdown() {
  if (anythingOpen()) {
    if (monotonicMs() < graceEndsMs_) return;
    // Asked to a second time, those that are on their way out are not counted again.
    if (cut_ == 0) cut_ = used();
    for (const auto& worker : workers_) worker->post([each = worker.get()] { each->abortConnections(); });
  }
  if (!portals_.empty()) {
    std::vector<std::string> rest;
    for (const auto& [name, portal] : portals_) rest.push_back(name);
    for (const std::string& name : rest) close(name, [] {});
    return;
  }
  if (anythingOpen() || !shutdownDone_) return;
  const std::function<void()> done = std::move(shutdownDone_);
  shutdownDone_ = nullptr;
  done();
}

const Portal* Relay::find(const std::string& name) const {
  const auto found = portals_.find(name);
  return found == portals_.end() ? nullptr : found->second.get();
}

void Relay::setUdpIdleMs(uint64_t ms) {
  udpLimits_.idleMs.store(ms, std::memory_order_relaxed);
  // Those that sleep do so until what the time was before.
  for (const auto& worker : workers_) worker->wake();
}

void Relay::setUdpSessions(int64_t sessions) {
  udpLimits_.maxSessions.store(sessions, std::memory_order_relaxed);
}

void Relay::setMaxConnections(int64_t connections) {
  connections_.set(connections);
  placesGiven();
}

bool Relay::setMaxConnectionsOf(const std::string& name, int64_t connections) {
  const auto found = portals_.find(name);
  if (found == portals_.end()) return false;
  found->second->connections.set(connections);
  placesGiven();
  return true;
}

void Relay::setFiles(int64_t files) {
  filesSet_ = files;
  files_.setLimit(files);
  filesGiven();
}

void Relay::setHalfClosedMs(uint64_t ms) {
  halfClosedMs_.store(ms, std::memory_order_relaxed);
  // As above.
  for (const auto& worker : workers_) worker->wake();
}

void Relay::whenPassed(std::function<void()> then) {
  const uint64_t pass = pass_.fetch_add(1, std::memory_order_acq_rel) + 1;
  deferred_.push_back({pass, std::move(then)});
  for (const auto& worker : workers_) worker->wake();
}

void Relay::freeze() {
  frozen_.store(true, std::memory_order_release);
  for (const auto& worker : workers_) worker->wake();
  std::unique_lock<std::mutex> lock(standMutex_);
  stands_.wait(lock, [this] { return standing_ == workers_.size(); });
}

void Relay::thaw() {
  const std::lock_guard<std::mutex> lock(standMutex_);
  frozen_.store(false, std::memory_order_release);
  thawed_.notify_all();
}

void Relay::standStill() {
  std::unique_lock<std::mutex> lock(standMutex_);
  standing_++;
  stands_.notify_all();
  thawed_.wait(lock, [this] { return !isFrozen(); });
  standing_--;
}

bool Relay::isSettled() const {
  return deferred_.empty() &&
         std::none_of(closed_.begin(), closed_.end(), [](const auto& portal) { return portal->fd >= 0; });
}

Portal& Relay::adopt(std::unique_ptr<Portal> adopted) {
  Portal& portal = *adopted;
  if (portal.protocol == Protocol::udp) {
    portal.udp = std::make_unique<UdpPortal>();
    portal.owner = workers_[nextUdpOwner_++ % workers_.size()].get();
  }
  if (portal.fd < 0) {
    portal.closing.store(true, std::memory_order_release);
    closed_.push_back(std::move(adopted));
  } else {
    files_.add(1);
    portals_.emplace(portal.name, std::move(adopted));
  }
  return portal;
}

int Relay::watchAdopted() {
  for (const auto& [name, portal] : portals_) reclaimLater(*portal);
  for (const auto& portal : closed_) reclaimLater(*portal);
  int error = 0;
  for (const auto& [name, portal] : portals_)
    for (const auto& worker : workers_)
      if (error == 0 && (portal->owner == nullptr || portal->owner == worker.get()))
        error = worker->watch(*portal);
  return error;
}

void Relay::runPassed() {
  uint64_t passed = UINT64_MAX;
  for (const auto& worker : workers_) passed = std::min(passed, worker->passed());
  // What runs may add to them: those of the next pass are not ready yet.
  size_t ready = 0;
  while (ready < deferred_.size() && deferred_[ready].pass <= passed) ready++;
  std::vector<Deferred> due(std::make_move_iterator(deferred_.begin()),
                            std::make_move_iterator(deferred_.begin() + static_cast<ptrdiff_t>(ready)));
  deferred_.erase(deferred_.begin(), deferred_.begin() + static_cast<ptrdiff_t>(ready));
  for (const Deferred& deferred : due) deferred.run();
  if (shuttingDown_) endShutdown();
}

int Relay::msUntilTick() const {
  if (reclaiming_.empty() && closed_.empty() && !shutdownDone_) return -1;
  const uint64_t now = monotonicMs();
  return nextTickMs_ <= now ? 0 : static_cast<int>(nextTickMs_ - now);
}

void Relay::tick() {
  const uint64_t now = monotonicMs();
  if (now < nextTickMs_) return;
  nextTickMs_ = now + (shuttingDown_ ? kShutdownLookMs : kCollectMs);
  const uint64_t pass = pass_.load(std::memory_order_relaxed) + 1;
  whenPassed([this, pass] { collect(pass); });
}

void Relay::collect(uint64_t pass) {
  std::vector<Portal*> later;
  for (Portal* portal : reclaiming_) {
    if (portal->routedPass < pass) portal->balancer.reclaim();
    portal->waitsForReclaim = portal->balancer.hasRetired();
    if (portal->waitsForReclaim) later.push_back(portal);
  }
  reclaiming_.swap(later);
  const auto isDone = [this](const std::unique_ptr<Portal>& portal) {
    if (portal->fd >= 0 || portal->uses.load(std::memory_order_acquire) > 0) return false;
    if (!portal->unusedSeen) {
      // Its last user may still be in the turn in which it let go.
      portal->unusedSeen = true;
      return false;
    }
    reclaiming_.erase(std::remove(reclaiming_.begin(), reclaiming_.end(), portal.get()), reclaiming_.end());
    return true;
  };
  closed_.erase(std::remove_if(closed_.begin(), closed_.end(), isDone), closed_.end());
}

void Relay::filesGiven() {
  if (!exhausted_.load(std::memory_order_acquire) || !files_.hasRoomFor(2)) return;
  for (const auto& worker : workers_)
    if (worker->accepting.isPaused()) worker->accepting.askToResume();
}

void Relay::placesGiven() {
  for (const auto& worker : workers_)
    if (worker->accepting.isPaused()) worker->accepting.askToResume();
}

void Relay::acceptPaused() {
  const std::lock_guard<std::mutex> lock(pausedMutex_);
  if (++pausedWorkers_ > 1) return;
  exhausted_.store(true, std::memory_order_release);
  events_.filesExhausted(files_.limit());
}

void Relay::acceptResumed() {
  const std::lock_guard<std::mutex> lock(pausedMutex_);
  if (--pausedWorkers_ > 0) return;
  exhausted_.store(false, std::memory_order_release);
  events_.filesAvailable();
}

void Relay::wakeControl() {
  const uint64_t one = 1;
  // EAGAIN: it has been woken often enough.
  [[maybe_unused]] const ssize_t written = write(options_.wakeFd, &one, sizeof one);
}
