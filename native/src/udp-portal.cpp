#include "udp-portal.h"

#include <algorithm>
#include <cerrno>

#include "udp-sessions-state.h"

namespace {

constexpr unsigned kDatagramsAtOnce = 32;

/// Batches of one portal before others have their turn.
constexpr int kBatchesAtOnce = 4;

/// When the session that is idle longest was last used; UINT64_MAX where there is none.
uint64_t sinceMs(const UdpSession* oldest) { return oldest == nullptr ? UINT64_MAX : oldest->lastUsedMs; }

}  // namespace

UdpSession* UdpSessions::State::begin(Portal& portal, const SessionKey& key, const SocketAddress& client) {
  if (draining) return nullptr;
  PortalCounts& counts = worker.countsOf(portal);
  // Port 0 expects no reply (RFC 768).
  if (key.clientPort == 0) {
    counts.dropped(Drop::sourcePort0);
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
    counts.dropped(Drop::outOfMemory);
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

uint64_t UdpSessions::State::dueMs(const UdpSession* session) {
  const uint64_t idleMs = limits().idleMs.load(std::memory_order_relaxed);
  if (session->owed == 0) return session->lastUsedMs + idleMs;
  return session->lastUsedMs + std::max(idleMs, limits().replyMs.load(std::memory_order_relaxed));
}

UdpSession* UdpSessions::State::firstDue() {
  UdpSession* const settled = table.oldestSettled();
  UdpSession* const owing = table.oldestOwing();
  if (settled == nullptr || owing == nullptr) return settled == nullptr ? owing : settled;
  return dueMs(owing) < dueMs(settled) ? owing : settled;
}

void UdpSessions::State::evict(UdpSession& session) {
  counts(session).udpEvicted.add(1);
  end(session);
}

void setUdpReplyMs(Relay& relay, uint64_t ms) {
  relay.udpLimits().replyMs.store(ms, std::memory_order_relaxed);
  // Those that sleep do so until what the time was before.
  for (const auto& worker : relay.workers()) worker->wake();
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
      state.table.touch(session, state.worker.nowMs(), session->owed);
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
    if (errno != EAGAIN) state.reported(session, errno);
    return;
  }
  state.table.touch(&session, state.worker.nowMs(), session.owed - (session.owed > 0 ? 1 : 0));
  state.forgetRefusal(session);
  dialSucceeded(session.endpoint);
  PortalCounts& counts = state.counts(session);
  const int error = sendFrom(session.portal.fd, session.key.local, session.key.scope, session.client, answer,
                             static_cast<size_t>(length));
  if (error != 0) return counts.dropped(dropOf(error).value_or(Drop::replyFailed));
  counts.bytesOut.add(length);
  counts.datagramsOut.add(1);
}

void UdpSessions::runTimers() {
  State& state = *state_;
  const uint64_t now = state.worker.nowMs();
  for (UdpSession* due = state.firstDue(); due != nullptr && state.dueMs(due) <= now;
       due = state.firstDue()) {
    if (due->endpoint != nullptr) endedSilently(due->endpoint, due->boundMs);
    state.end(*due);
  }
  state.worker.oldestUdpSession.store(sinceMs(state.table.oldest()), std::memory_order_relaxed);
}

int UdpSessions::msUntilTimer() const {
  const UdpSession* const first = state_->firstDue();
  if (first == nullptr) return -1;
  const uint64_t due = state_->dueMs(first);
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

bool UdpSessions::adopt(Portal& portal, const SessionBefore& before) {
  State& state = *state_;
  const auto& [client, local, endpoint, fd, boundMs, refusedBy, lastUsedMs, owed] = before;
  UdpSession* const session = state.slab.make(portal, SessionKey(portal, client, local), client);
  if (session == nullptr) return false;
  session->fd = fd;
  session->isShared = fd >= 0;
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
  state.table.touch(session, lastUsedMs, owed);
  return true;
}

void UdpSessions::drain() { state_->draining = true; }

void UdpSessions::freeEnded() {
  for (UdpSession* session : state_->ended) state_->slab.destroy(session);
  state_->ended.clear();
}
