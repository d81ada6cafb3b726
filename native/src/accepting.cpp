#include "accepting.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <utility>

#include "portal.h"
#include "relay.h"
#include "worker.h"

namespace {

/// Clients taken from one portal before others have their turn.
constexpr int kAcceptsAtOnce = 16;

constexpr int64_t kFilesOfConnection = 2;

/// While a portal is paused: the system may have been out of files for a reason that nobody here hears the
/// end of.
constexpr uint64_t kRetryMs = 100;

bool isShortage(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

void givePlace(Worker& worker, Portal& portal) {
  const bool here = portal.connections.give();
  const bool atAll = worker.relay.connections().give();
  if (here || atAll) worker.relay.placesGiven();
}

void Accepting::clientsWait(Portal& portal) {
  const Outcome outcome = acceptFrom(portal, kAcceptsAtOnce);
  if (outcome != Outcome::taken) pause(portal, outcome);
}

Accepting::Outcome Accepting::acceptFrom(Portal& portal, int most) {
  Relay& relay = worker_.relay;
  for (int accepted = 0; accepted < most; accepted++) {
    // A place before the client, so that there is never one too many. Where no limit is set, nothing is taken
    // for whoever does not come.
    const bool isLimited = portal.connections.isSet() || relay.connections().isSet();
    const Outcome place = isLimited ? takePlace(portal) : Outcome::taken;
    if (place != Outcome::taken) return place;
    const auto nobody = [&] {
      if (isLimited) givePlace(worker_, portal);
    };
    if (!takeFiles()) {
      nobody();
      return Outcome::noFiles;
    }
    SocketAddress address;
    socklen_t length = sizeof address;
    const int fd = accept4(portal.fd, &address.base, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const int error = errno;
      nobody();
      if (isShortage(error)) {
        // The system's own limit, whatever was counted: nobody is told that there is room, or all would try
        // again at once, and again.
        relay.files().give(kFilesOfConnection);
        return Outcome::noFiles;
      }
      worker_.gaveFiles(kFilesOfConnection);
      if (error == EAGAIN) return Outcome::taken;
      // Anything else is about one client that is gone already (accept(2), ECONNABORTED and the network's
      // errors).
      continue;
    }
    if (!isLimited) {
      portal.connections.add();
      relay.connections().add();
    }
    welcome(portal, fd, address);
  }
  return Outcome::taken;
}

Accepting::Outcome Accepting::takePlace(Portal& portal) {
  ConnectionLimit& all = worker_.relay.connections();
  if (!all.take()) return Outcome::noPlaceAtAll;
  if (portal.connections.take()) return Outcome::taken;
  if (all.give()) worker_.relay.placesGiven();
  return Outcome::noPlaceHere;
}

/// Those of a connection. Pipes and sockets that nobody uses give theirs; other threads trim theirs soon.
bool Accepting::takeFiles() {
  FileBudget& files = worker_.relay.files();
  if (files.take(kFilesOfConnection)) return true;
  return worker_.pipes.closeFree() + worker_.endpointSockets.closeResting() > 0 &&
         files.take(kFilesOfConnection);
}

void Accepting::welcome(Portal& portal, int fd, const SocketAddress& address) {
  Worker& to = leastLoaded();
  TcpConnection* const connection = worker_.connections.make(portal, fd, address);
  if (connection == nullptr) {
    close(fd);
    givePlace(worker_, portal);
    worker_.gaveFiles(kFilesOfConnection);
    return;
  }
  worker_.relay.congestion().setAccepted(fd, address);
  PortalCounts& counts = worker_.countsOf(portal);
  counts.active.add(1);
  counts.total.add(1);
  portal.uses.fetch_add(1, std::memory_order_relaxed);
  to.load.fetch_add(1, std::memory_order_relaxed);
  if (&to == &worker_) {
    begin(worker_, *connection, false);
    return;
  }
  epoll_event event{};
  event.data.ptr = static_cast<Watched*>(&connection->client);
  // A new socket has room, so that the other worker has an event at once.
  event.events = EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  to.expect(*connection);
  if (epoll_ctl(to.epollFd(), EPOLL_CTL_ADD, fd, &event) == 0) return;
  to.arrived(*connection);
  to.load.fetch_sub(1, std::memory_order_relaxed);
  worker_.load.fetch_add(1, std::memory_order_relaxed);
  begin(worker_, *connection, false);
}

Worker& Accepting::leastLoaded() {
  const int32_t own = worker_.load.load(std::memory_order_relaxed);
  Worker* least = &worker_;
  // An eighth more than another is even enough: what moves to another thread costs a little.
  int32_t fewest = own - own / 8;
  for (const auto& other : worker_.relay.workers()) {
    const int32_t theirs = other->load.load(std::memory_order_relaxed);
    if (theirs < fewest) {
      fewest = theirs;
      least = other.get();
    }
  }
  return *least;
}

void Accepting::pause(Portal& portal, Outcome why) {
  worker_.unwatch(portal);
  std::vector<Paused> all = std::exchange(paused_, {});
  all.erase(std::remove_if(all.begin(), all.end(), [&](const Paused& one) { return one.portal == &portal; }),
            all.end());
  if (why != Outcome::noFiles) worker_.countsOf(portal).waitedForPlace.add(1);
  if (all.empty()) retryMs_ = worker_.nowMs() + kRetryMs;
  all.push_back({&portal, why});
  replacePaused(std::move(all));
  tell(portal, why);
}

/// What is waited for is looked at once more (ConnectionLimit::give).
void Accepting::tell(Portal& portal, Outcome why) {
  if (why == Outcome::noFiles) return;
  ConnectionLimit& limit = why == Outcome::noPlaceHere ? portal.connections : worker_.relay.connections();
  if (limit.isNews(worker_.nowMs()))
    worker_.relay.events().connectionsExhausted(why == Outcome::noPlaceHere ? &portal : nullptr,
                                                limit.limit());
  if (limit.hasRoom()) askToResume();
}

/// Replaces what is paused, and tells the relay where that changes what it knows.
void Accepting::replacePaused(std::vector<Paused> all) {
  paused_ = std::move(all);
  isPaused_.store(!paused_.empty());
  const bool lacksFiles = std::any_of(paused_.begin(), paused_.end(),
                                      [](const Paused& one) { return one.why == Outcome::noFiles; });
  if (lacksFiles == std::exchange(lacksFiles_, lacksFiles)) return;
  if (lacksFiles)
    worker_.relay.acceptPaused();
  else
    worker_.relay.acceptResumed();
}

void Accepting::resume() {
  if (paused_.empty()) return;
  std::vector<Paused> still;
  // What is short for one portal alone is no reason not to look at the others.
  std::optional<Outcome> shortForAll;
  for (const auto& [portal, why] : std::exchange(paused_, {})) {
    // All that wait, so that "there is room" is said only where there is.
    Outcome outcome = shortForAll ? *shortForAll : acceptFrom(*portal, INT32_MAX);
    if (outcome == Outcome::noFiles || outcome == Outcome::noPlaceAtAll) shortForAll = outcome;
    // Fails for lack of memory, or of watches: tried again soon.
    if (outcome == Outcome::taken && worker_.watch(*portal) != 0) outcome = Outcome::noFiles;
    if (outcome != Outcome::taken) still.push_back({portal, outcome});
  }
  retryMs_ = worker_.nowMs() + kRetryMs;
  replacePaused(still);
  for (const auto& [portal, why] : still) tell(*portal, why);
}

void Accepting::askToResume() {
  if (resumeAsked_.exchange(true, std::memory_order_acq_rel)) return;
  worker_.post([this] {
    // First: what is given from now on may be more than is found below.
    resumeAsked_.store(false, std::memory_order_release);
    resume();
  });
}

void Accepting::forget(Portal& portal) {
  std::vector<Paused> others;
  for (const Paused& one : paused_)
    if (one.portal != &portal) others.push_back(one);
  if (others.size() != paused_.size()) replacePaused(std::move(others));
}

void Accepting::runTimer() {
  if (dueMs() <= worker_.nowMs()) resume();
}
