#include "worker.h"

#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "half-closed.h"
#include "relay.h"
#include "tcp-dial.h"
#include "udp-portal.h"

namespace {

constexpr int kEventsAtOnce = 256;

/// How often pipes that nobody uses are closed.
constexpr uint64_t kTrimMs = 1'000;

/// How long after a message streams are served at once: whoever sent it may send another, or be answered.
constexpr uint64_t kQuietMs = 10;

/// How long bytes of streams are let gather, the kernel's timer slack on top (50 µs; prctl(2),
/// PR_SET_TIMERSLACK).
constexpr timespec kNap{0, 50'000};

/// Of this thread: whether it interrupts whoever has the processor when it is woken (SCHED_OTHER) or waits
/// for its turn (SCHED_BATCH; sched(7)). Not the library's call, which musl has none of.
void setPolicy(int policy) {
  const sched_param none{};
  // Never refused (sched(7)); if it were, nothing would be lost.
  syscall(SYS_sched_setscheduler, 0, policy, &none);
}

[[noreturn]] void die(const char* what) {
  // Not perror(3), which may open files to say it (seccomp-filter.cpp).
  fprintf(stderr, "kube-splice-relay: %s: %s\n", what, strerror(errno));
  exit(1);
}

}  // namespace

uint64_t monotonicMs() { return monotonicUs() / 1'000; }

uint64_t monotonicUs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1'000;
}

Worker::Worker(Relay& ofRelay, unsigned ownIndex)
    : epollFd_(epoll_create1(EPOLL_CLOEXEC)),
      relay(ofRelay),
      index(ownIndex),
      pipes(ofRelay.files()),
      endpointSockets(ofRelay.files(), epollFd_),
      accepting(*this),
      udp(std::make_unique<UdpSessions>(*this)),
      wakeFd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      nowUs_(monotonicUs()),
      nowMs_(nowUs_ / 1'000),
      scratch_(new uint8_t[kScratchBytes]) {
  if (epollFd_ < 0 || wakeFd_ < 0) die("no epoll or eventfd for a thread");
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = static_cast<Watched*>(&wakeup_);
  if (epoll_ctl(epollFd_, EPOLL_CTL_ADD, wakeFd_, &event) != 0) die("epoll_ctl");
}

Worker::~Worker() {
  join();
  udp.reset();
  close(wakeFd_);
  close(epollFd_);
  delete[] scratch_;
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::join() {
  if (!thread_.joinable()) return;
  post([this] { stopping_ = true; });
  thread_.join();
}

int Worker::watch(Portal& portal) {
  epoll_event event{};
  event.data.ptr = static_cast<Watched*>(&portal);
  // One of the threads that wait is woken for a client, not all (epoll_ctl(2)).
  event.events = portal.protocol == Protocol::tcp ? EPOLLIN | EPOLLEXCLUSIVE : EPOLLIN;
  return epoll_ctl(epollFd_, EPOLL_CTL_ADD, portal.fd, &event) == 0 ? 0 : errno;
}

void Worker::unwatch(Portal& portal) {
  // ENOENT: this worker had stopped accepting from it.
  epoll_ctl(epollFd_, EPOLL_CTL_DEL, portal.fd, nullptr);
}

void Worker::post(std::function<void()> mail) {
  {
    const std::lock_guard<std::mutex> lock(mailMutex_);
    mail_.push_back(std::move(mail));
  }
  hasMail_.store(true, std::memory_order_release);
  wake();
}

void Worker::wake() {
  const uint64_t one = 1;
  // EAGAIN: it has been woken often enough.
  [[maybe_unused]] const ssize_t written = write(wakeFd_, &one, sizeof one);
}

void Worker::run() {
  // Whoever starts the relay with another policy knows why.
  mayBePatient_ = syscall(SYS_sched_getscheduler, 0) == SCHED_OTHER;
  epoll_event events[kEventsAtOnce];
  while (true) {
    if (relay.isFrozen()) standStill();
    const uint64_t pass = relay.wantedPass();
    if (hasMail_.load(std::memory_order_acquire)) readMail();
    if (stopping_) break;
    if (turnsBehind_ == 0) runTimers();
    freeEnded();
    if (pass != passed_.load(std::memory_order_relaxed)) {
      passed_.store(pass, std::memory_order_release);
      relay.workerPassed();
    }
    letBytesGather();
    const int count = epoll_wait(epollFd_, events, kEventsAtOnce, timeoutMs());
    if (count < 0 && errno != EINTR) die("epoll_wait");
    if (count >= 0 && count < kEventsAtOnce)
      turnsBehind_ = 0;
    else if (turnsBehind_ > 0)
      turnsBehind_ -= 1;
    readClock();
    turnCount_ += 1;
    for (int i = 0; i < count; i++) dispatch(static_cast<Watched*>(events[i].data.ptr), events[i].events);
    turn_.swap(unfinished);
    for (TcpConnection* connection : turn_) {
      connection->queued = false;
      if (connection->state != TcpConnection::State::ended) goOn(*this, *connection);
    }
    turn_.clear();
  }
  abortConnections();
  udp->endAll();
  freeEnded();
}

/// An answer that came meanwhile is read before anything is taken for one that never came.
void Worker::standStill() {
  relay.standStill();
  readClock();
  // Each descriptor has its turn in epoll before one of them has another.
  turnsBehind_ = 1 + relay.files().used() / kEventsAtOnce;
}

void Worker::readClock() {
  nowUs_ = monotonicUs();
  nowMs_ = nowUs_ / 1'000;
}

void Worker::dispatch(Watched* watched, uint32_t events) {
  switch (watched->kind) {
    case Watched::Kind::endpoint:
      // Another connection has taken the socket in this turn: the event is of the one before.
      if (static_cast<EndpointSide*>(watched)->takenInTurn == turnCount_) return;
      onEvents(*this, *static_cast<TcpSide*>(watched), events);
      return;
    case Watched::Kind::client:
      onEvents(*this, *static_cast<TcpSide*>(watched), events);
      return;
    case Watched::Kind::listener: {
      auto& portal = *static_cast<Portal*>(watched);
      if (portal.closing.load(std::memory_order_acquire)) return;
      noteMessage();
      if (portal.protocol == Protocol::tcp)
        accepting.clientsWait(portal);
      else
        udp->received(portal);
      return;
    }
    case Watched::Kind::udpSession:
      noteMessage();
      udp->answered(*reinterpret_cast<UdpSession*>(watched), events);
      return;
    case Watched::Kind::wakeup: {
      uint64_t count;
      [[maybe_unused]] const ssize_t got = read(wakeFd_, &count, sizeof count);
      return;
    }
  }
}

void Worker::expect(TcpConnection& connection) {
  const std::lock_guard<std::mutex> lock(expectedMutex_);
  expected_.pushBack(&connection);
}

void Worker::arrived(TcpConnection& connection) {
  const std::lock_guard<std::mutex> lock(expectedMutex_);
  expected_.remove(&connection);
}

void Worker::gaveFiles(int64_t n) {
  relay.files().give(n);
  relay.filesGiven();
}

void Worker::abortConnections() {
  while (TcpConnection* connection = all.front()) abort(*this, *connection);
}

void Worker::runTimers() {
  for (auto& queue : dialling) {
    while (TcpConnection* connection = queue.front()) {
      if (connection->dueMs > nowMs_) break;
      dialTimedOut(*this, *connection);
    }
  }
  while (TcpConnection* connection = young.front()) {
    if (connection->dueMs > nowMs_) break;
    keepAlive(*this, *connection);
  }
  runHalfClosed(*this);
  udp->runTimers();
  accepting.runTimer();
  if (trimMs_ <= nowMs_) {
    pipes.trim();
    endpointSockets.trim();
    trimMs_ = nowMs_ + kTrimMs;
  }
}

/// Where nothing but streams is under way. To be woken for each few bytes, and to interrupt for them whoever
/// sends or reads them, costs more than moving them: more of them are let come, for as long as nobody else
/// would notice.
void Worker::letBytesGather() {
  const bool spliced = std::exchange(splicedInTurn_, false);
  const bool onlyStreams = spliced && nowMs_ - lastMessageMs_ >= kQuietMs;
  if (onlyStreams != isPatient_ && mayBePatient_) {
    isPatient_ = onlyStreams;
    setPolicy(onlyStreams ? SCHED_BATCH : SCHED_OTHER);
  }
  if (!onlyStreams || !unfinished.empty()) return;
  // EINTR: that was long enough.
  ppoll(nullptr, 0, &kNap, nullptr);
}

int Worker::timeoutMs() const {
  if (!unfinished.empty() || hasMail_.load(std::memory_order_acquire)) return 0;
  uint64_t due = UINT64_MAX;
  for (const auto& queue : dialling)
    if (!queue.empty()) due = std::min(due, queue.front()->dueMs);
  if (!young.empty()) due = std::min(due, young.front()->dueMs);
  due = std::min(due, halfClosedDueMs(*this));
  due = std::min(due, accepting.dueMs());
  if (pipes.hasFree() || endpointSockets.anyRests()) due = std::min(due, trimMs_);
  // The stream may have been the last: whoever comes next is not to find a thread that waits for its turn.
  if (isPatient_) due = std::min(due, nowMs_ + kQuietMs);
  uint64_t wait = due == UINT64_MAX ? UINT64_MAX : due > nowMs_ ? due - nowMs_ : 0;
  const int udpWait = udp->msUntilTimer();
  if (udpWait >= 0) wait = std::min(wait, static_cast<uint64_t>(udpWait));
  return wait == UINT64_MAX ? -1 : static_cast<int>(std::min<uint64_t>(wait, 60'000));
}

void Worker::readMail() {
  std::vector<std::function<void()>> mail;
  {
    const std::lock_guard<std::mutex> lock(mailMutex_);
    hasMail_.store(false, std::memory_order_relaxed);
    mail.swap(mail_);
  }
  for (const auto& letter : mail) letter();
}

void Worker::freeEnded() {
  for (TcpConnection* connection : ended_) connections.destroy(connection);
  ended_.clear();
  endpointSockets.freeClosed();
  udp->freeEnded();
}
