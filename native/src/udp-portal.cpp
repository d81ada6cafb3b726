#include "udp-portal.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "relay.h"
#include "slab.h"
#include "udp-datagram.h"
#include "udp-session-table.h"
#include "worker.h"

namespace {

constexpr unsigned kDatagramsAtOnce = 32;

/// Batches of one portal before others have their turn.
constexpr int kBatchesAtOnce = 4;

/// No datagram gets through to the endpoint now.
bool isUnreachable(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN ||
         error == ETIMEDOUT;
}

/// Errors of the datagram (longer than the family allows, or than the path carries in one piece) or of this
/// host: another endpoint would do no better.
bool isNotTheEndpointsFault(int error) {
  return error == EMSGSIZE || error == ENOBUFS || error == ENOMEM || error == EAGAIN;
}

/// When the session that is idle longest was last used; UINT64_MAX where there is none.
uint64_t sinceMs(const UdpSession* oldest) { return oldest == nullptr ? UINT64_MAX : oldest->lastUsedMs; }

}  // namespace

struct UdpSessions::State {
  explicit State(Worker& ofWorker) : worker(ofWorker) {}

  Worker& worker;
  UdpSessionTable table;
  Slab<UdpSession> slab;
  std::vector<UdpSession*> ended;
  /// Made with the first portal that has a datagram.
  std::unique_ptr<DatagramBatch> questions;
  bool draining = false;

  UdpLimits& limits() { return worker.relay.udpLimits(); }
  PortalCounts& counts(UdpSession& session) { return worker.countsOf(session.portal); }

  void tell(Portal& portal, const SocketAddress& client, const Endpoint* endpoint, Failure reason,
            int error) {
    // The datagram is lost: only the next one goes elsewhere.
    worker.relay.events().failure(portal, client, endpoint, reason, error, 0, true);
  }

  void refuse(Portal& portal, const SocketAddress& client) {
    worker.countsOf(portal).refusedForFiles.add(1);
    tell(portal, client, nullptr, Failure::outOfFiles, 0);
  }

  UdpSession* begin(Portal& portal, const SessionKey& key, const SocketAddress& client);
  /// Among its portal's, and in the table.
  void enter(UdpSession& session);
  bool watch(UdpSession& session);
  bool makeRoom(Portal& portal, const SocketAddress& client);
  void evictSomebody();
  void forward(UdpSession& session, const uint8_t* bytes, size_t length);
  int sendOn(UdpSession& session, const uint8_t* bytes, size_t length);
  bool bindTo(UdpSession& session);
  Endpoint* pick(UdpSession& session);
  void failed(UdpSession& session, int error);
  void unbind(UdpSession& session);
  void forgetRefusal(UdpSession& session);
  void end(UdpSession& session);
  void evict(UdpSession& session);
};

UdpSession* UdpSessions::State::begin(Portal& portal, const SessionKey& key, const SocketAddress& client) {
  if (draining) return nullptr;
  PortalCounts& counts = worker.countsOf(portal);
  // Port 0 expects no reply (RFC 768).
  if (key.clientPort == 0) {
    counts.droppedDatagrams.add(1);
    return nullptr;
  }
  // Before anything is made room for: what goes nowhere must not evict what does.
  if (portal.balancer.isEmpty()) {
    counts.noEndpoints.add(1);
    tell(portal, client, nullptr, Failure::noEndpoints, 0);
    return nullptr;
  }
  if (!makeRoom(portal, client)) return nullptr;
  UdpSession* const session = slab.make(portal, key, client);
  if (session == nullptr) {
    worker.gaveFiles(1);
    counts.droppedDatagrams.add(1);
    return nullptr;
  }
  counts.udpTotal.add(1);
  enter(*session);
  return session;
}

void UdpSessions::State::enter(UdpSession& session) {
  limits().sessions.fetch_add(1, std::memory_order_relaxed);
  Portal& portal = session.portal;
  portal.uses.fetch_add(1, std::memory_order_relaxed);
  session.nextOfPortal = portal.udp->firstSession;
  if (session.nextOfPortal != nullptr) session.nextOfPortal->previousOfPortal = &session;
  portal.udp->firstSession = &session;
  table.add(&session);
}

/// A place in the table and a file for one more session.
bool UdpSessions::State::makeRoom(Portal& portal, const SocketAddress& client) {
  const int64_t most = limits().maxSessions.load(std::memory_order_relaxed);
  if (limits().sessions.load(std::memory_order_relaxed) >= most) {
    if (!limits().toldFull.exchange(true, std::memory_order_relaxed))
      worker.relay.events().udpSessionsExhausted(most);
    evictSomebody();
  }
  if (worker.relay.files().take(1)) return true;
  // Where files are short, sessions make room for sessions.
  UdpSession* const oldest = table.oldest();
  if (oldest != nullptr) {
    evict(*oldest);
    if (worker.relay.files().take(1)) return true;
  }
  refuse(portal, client);
  return false;
}

/// Ends the session that is idle longest of all workers'. Another worker's ends when that reads its mail:
/// until then there is one too many for each begun meanwhile. What it tells of its sessions is of its last
/// turn, and may hold for one letter only: it asks back where it has none idle for longer than all of this.
void UdpSessions::State::evictSomebody() {
  UdpSession* const own = table.oldest();
  const uint64_t ownSinceMs = sinceMs(own);
  uint64_t longest = ownSinceMs;
  Worker* idlest = &worker;
  for (const auto& other : worker.relay.workers()) {
    if (other.get() == &worker) continue;
    const uint64_t theirs = other->oldestUdpSession.load(std::memory_order_relaxed);
    if (theirs >= longest) continue;
    longest = theirs;
    idlest = other.get();
  }
  if (idlest != &worker)
    idlest->post([idlest, asker = &worker, ownSinceMs] { idlest->udp->evictFor(*asker, ownSinceMs); });
  else if (own != nullptr)
    evict(*own);
}

/// Passes a datagram of the client on. The session may have ended when it returns.
void UdpSessions::State::forward(UdpSession& session, const uint8_t* bytes, size_t length) {
  // An endpoint that has gone gets no more datagrams.
  if (session.endpoint != nullptr && !session.endpoint->usable.load(std::memory_order_acquire))
    unbind(session);
  for (int tries = 0; tries < 2; tries++) {
    if (session.fd < 0 && !bindTo(session)) return;
    const int error = sendOn(session, bytes, length);
    if (error == 0) {
      counts(session).bytesIn.add(static_cast<int64_t>(length));
      return;
    }
    if (isNotTheEndpointsFault(error)) {
      counts(session).droppedDatagrams.add(1);
      return;
    }
    failed(session, error);
    // A refusal reported here was an earlier datagram's: this one has not left, and may go to another
    // endpoint.
    if (error != ECONNREFUSED) return;
  }
}

/// 0 or an errno.
int UdpSessions::State::sendOn(UdpSession& session, const uint8_t* bytes, size_t length) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (send(session.fd, bytes, length, kFlags) >= 0) return 0;
  if (errno != EMSGSIZE) return errno;
  // Either this datagram is too long, or a router has said so of an earlier one, and this one has not left:
  // telling so takes the report away.
  if (send(session.fd, bytes, length, kFlags) < 0) return errno;
  counts(session).droppedDatagrams.add(1);
  return 0;
}

/// Binds it to an endpoint. False where that fails: the datagram is counted, and the session has ended where
/// there is no endpoint.
bool UdpSessions::State::bindTo(UdpSession& session) {
  Endpoint* const endpoint = pick(session);
  if (endpoint == nullptr) {
    end(session);
    return false;
  }
  session.endpoint = endpoint;
  int fd = udpSocket(endpoint->address.family());
  if (fd < 0 && table.oldest() != &session) {
    // The system has no file left, whatever was counted: sessions make room for sessions.
    evict(*table.oldest());
    fd = udpSocket(endpoint->address.family());
  }
  if (fd < 0) {
    release(endpoint);
    session.endpoint = nullptr;
    refuse(session.portal, session.client);
    end(session);
    return false;
  }
  session.fd = fd;
  session.boundMs = worker.nowMs();
  PortalCounts& ofPortal = counts(session);
  ofPortal.udpSessions.add(1);
  // After a refusal a session begins anew; one that was moved goes on.
  if (session.refusedBy != nullptr) ofPortal.udpTotal.add(1);
  endpoint->open.fetch_add(1, std::memory_order_relaxed);
  endpoint->total.fetch_add(1, std::memory_order_relaxed);
  if (connect(fd, &endpoint->address.base, endpoint->address.length()) == 0 && watch(session)) return true;
  failed(session, errno);
  return false;
}

bool UdpSessions::State::watch(UdpSession& session) {
  epoll_event event{};
  // Level-triggered: one read for an answer, and none that says there are no more.
  event.events = EPOLLIN;
  event.data.ptr = static_cast<Watched*>(&session);
  return epoll_ctl(worker.epollFd(), EPOLL_CTL_ADD, session.fd, &event) == 0;
}

/// An endpoint to bind to, not the one that has refused where there is another; null where there is none,
/// which is told and counted.
Endpoint* UdpSessions::State::pick(UdpSession& session) {
  Balancer& balancer = session.portal.balancer;
  PortalCounts& ofPortal = counts(session);
  const ClientIP client = clientIP(session.client);
  Tried tried;
  Tried back;
  if (session.refusedBy != nullptr) tried.add(session.refusedBy);
  while (true) {
    const Picked picked = balancer.pick(client, worker.nowMs(), tried);
    if (picked.endpoint == nullptr) {
      ofPortal.noEndpoints.add(1);
      tell(session.portal, session.client, nullptr, Failure::noEndpoints, 0);
      return nullptr;
    }
    if (!picked.leadsBack) return picked.endpoint;
    ofPortal.dialFailures.add(1);
    if (balancer.needsClient()) balancer.forget(client, picked.endpoint);
    const bool noOther = back.has(picked.endpoint) || back.count == back.endpoints.size();
    if (noOther) {
      ofPortal.droppedDatagrams.add(1);
      tell(session.portal, session.client, picked.endpoint, Failure::leadsBack, 0);
    }
    back.add(picked.endpoint);
    tried.add(picked.endpoint);
    release(picked.endpoint);
    if (noOther) return nullptr;
  }
}

/// The endpoint refused a datagram, or can't be reached.
void UdpSessions::State::failed(UdpSession& session, int error) {
  PortalCounts& ofPortal = counts(session);
  ofPortal.dialFailures.add(1);
  ofPortal.droppedDatagrams.add(1);
  if (isUnreachable(error))
    dialFailed(session.endpoint, worker.nowMs(),
               spread(worker.nowMs() ^ reinterpret_cast<uintptr_t>(session.endpoint)));
  Balancer& balancer = session.portal.balancer;
  if (balancer.needsClient()) balancer.forget(clientIP(session.client), session.endpoint);
  tell(session.portal, session.client, session.endpoint,
       error == ECONNREFUSED ? Failure::icmpRefused : Failure::dialFailed, error);
  forgetRefusal(session);
  session.refusedBy = session.endpoint;
  session.refusedBy->uses.fetch_add(1, std::memory_order_relaxed);
  unbind(session);
}

void UdpSessions::State::unbind(UdpSession& session) {
  if (session.endpoint == nullptr) return;
  close(session.fd);
  session.fd = -1;
  counts(session).udpSessions.add(-1);
  session.endpoint->open.fetch_sub(1, std::memory_order_relaxed);
  release(session.endpoint);
  session.endpoint = nullptr;
}

void UdpSessions::State::forgetRefusal(UdpSession& session) {
  if (session.refusedBy == nullptr) return;
  release(session.refusedBy);
  session.refusedBy = nullptr;
}

void UdpSessions::State::end(UdpSession& session) {
  if (session.ended) return;
  session.ended = true;
  unbind(session);
  forgetRefusal(session);
  table.remove(&session);
  UdpSession*& first = session.portal.udp->firstSession;
  (session.previousOfPortal == nullptr ? first : session.previousOfPortal->nextOfPortal) =
      session.nextOfPortal;
  if (session.nextOfPortal != nullptr) session.nextOfPortal->previousOfPortal = session.previousOfPortal;
  const int64_t left = limits().sessions.fetch_sub(1, std::memory_order_relaxed) - 1;
  if (left * 2 <= limits().maxSessions.load(std::memory_order_relaxed))
    limits().toldFull.store(false, std::memory_order_relaxed);
  ended.push_back(&session);
  // Last: the portal may be freed once every worker has passed.
  session.portal.uses.fetch_sub(1, std::memory_order_release);
  worker.gaveFiles(1);
}

void UdpSessions::State::evict(UdpSession& session) {
  counts(session).udpEvicted.add(1);
  end(session);
}

UdpSessions::UdpSessions(Worker& worker) : state_(std::make_unique<State>(worker)) {}

UdpSessions::~UdpSessions() = default;

void UdpSessions::endAll() {
  while (UdpSession* session = state_->table.oldest()) state_->end(*session);
}

void UdpSessions::received(Portal& portal) {
  State& state = *state_;
  if (state.questions == nullptr) state.questions = std::make_unique<DatagramBatch>(kDatagramsAtOnce);
  DatagramBatch& batch = *state.questions;
  for (int batches = 0; batches < kBatchesAtOnce; batches++) {
    const int count = batch.receive(portal.fd);
    // An error is an earlier reply's (an ICMP refusal of a client that has gone), and is gone with being
    // read.
    if (count < 0) return;
    for (int i = 0; i < count; i++) {
      const SocketAddress& from = batch.from(i);
      const SessionKey key(portal, from, batch.local(i));
      UdpSession* session = state.table.find(key);
      if (session == nullptr) session = state.begin(portal, key, from);
      if (session == nullptr) continue;
      state.table.touch(session, state.worker.nowMs());
      state.forward(*session, batch.bytes(i), batch.length(i));
    }
    if (count < static_cast<int>(batch.size())) return;
  }
}

void UdpSessions::answered(UdpSession& session, uint32_t) {
  State& state = *state_;
  if (session.ended || session.fd < 0) return;
  uint8_t* const answer = state.worker.scratch();
  // One answer: most questions have one, and where there is another the event comes again.
  const ssize_t length = recv(session.fd, answer, Worker::kScratchBytes, MSG_DONTWAIT);
  if (length < 0) {
    const int error = errno;
    if (error == EAGAIN) return;
    // EMSGSIZE: a router says that a datagram was too long for the path. It is lost; the next of its length
    // leaves in fragments, because the kernel knows by now. That is its default for datagram sockets (ip(7),
    // IP_PMTUDISC_WANT), and stays: what the host is set to (net.ipv4.ip_no_pmtu_disc) goes for the relay.
    if (!isNotTheEndpointsFault(error)) return state.failed(session, error);
    state.counts(session).droppedDatagrams.add(1);
    return;
  }
  state.table.touch(&session, state.worker.nowMs());
  state.forgetRefusal(session);
  dialSucceeded(session.endpoint);
  PortalCounts& counts = state.counts(session);
  if (sendFrom(session.portal.fd, session.key.local, session.key.scope, session.client, answer,
               static_cast<size_t>(length)) == 0)
    counts.bytesOut.add(length);
  else
    counts.droppedDatagrams.add(1);
}

void UdpSessions::runTimers() {
  State& state = *state_;
  const uint64_t now = state.worker.nowMs();
  const uint64_t idleMs = state.limits().idleMs.load(std::memory_order_relaxed);
  UdpSession* oldest = state.table.oldest();
  for (; oldest != nullptr && oldest->lastUsedMs + idleMs <= now; oldest = state.table.oldest()) {
    if (oldest->endpoint != nullptr) endedSilently(oldest->endpoint, oldest->boundMs);
    state.end(*oldest);
  }
  state.worker.oldestUdpSession.store(sinceMs(oldest), std::memory_order_relaxed);
}

int UdpSessions::msUntilTimer() const {
  const UdpSession* const oldest = state_->table.oldest();
  if (oldest == nullptr) return -1;
  const uint64_t due = oldest->lastUsedMs + state_->limits().idleMs.load(std::memory_order_relaxed);
  const uint64_t now = state_->worker.nowMs();
  return due <= now ? 0 : static_cast<int>(std::min<uint64_t>(due - now, INT32_MAX));
}

void UdpSessions::portalClosed(Portal& portal) {
  while (UdpSession* session = portal.udp->firstSession) state_->end(*session);
}

void UdpSessions::evictFor(Worker& asker, uint64_t askersSinceMs) {
  UdpSession* const oldest = state_->table.oldest();
  if (sinceMs(oldest) < askersSinceMs) return state_->evict(*oldest);
  // Before the letter, so that it finds this.
  state_->worker.oldestUdpSession.store(sinceMs(oldest), std::memory_order_relaxed);
  asker.post([&asker] { asker.udp->state_->evictSomebody(); });
}

void UdpSessions::each(const std::function<void(const UdpSession&)>& visit) const {
  state_->table.each(visit);
}

bool UdpSessions::adopt(Portal& portal, const SocketAddress& client, const ClientIP& local,
                        uint64_t lastUsedMs, Endpoint* endpoint, int fd, uint64_t boundMs,
                        Endpoint* refusedBy) {
  State& state = *state_;
  UdpSession* const session = state.slab.make(portal, SessionKey(portal, client, local), client);
  if (session == nullptr) return false;
  session->fd = fd;
  if (endpoint != nullptr && !state.watch(*session)) {
    state.slab.destroy(session);
    return false;
  }
  session->endpoint = endpoint;
  session->boundMs = boundMs;
  session->refusedBy = refusedBy;
  if (endpoint != nullptr) {
    endpoint->uses.fetch_add(1, std::memory_order_relaxed);
    endpoint->open.fetch_add(1, std::memory_order_relaxed);
    state.counts(*session).udpSessions.add(1);
  }
  if (refusedBy != nullptr) refusedBy->uses.fetch_add(1, std::memory_order_relaxed);
  state.worker.relay.files().add(1);
  state.enter(*session);
  state.table.touch(session, lastUsedMs);
  return true;
}

void UdpSessions::drain() { state_->draining = true; }

void UdpSessions::freeEnded() {
  for (UdpSession* session : state_->ended) state_->slab.destroy(session);
  state_->ended.clear();
}
