// The client's side of a session's life: its datagrams on their way to an endpoint, and which endpoint that
// is (states: udp-portal.h).
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "shared-socket.h"
#include "udp-sessions-state.h"

namespace {

/// No datagram gets through to the endpoint now.
bool isUnreachable(int error) {
  return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN ||
         error == ETIMEDOUT;
}

}  // namespace

std::optional<Drop> dropOf(int error) {
  switch (error) {
    case EMSGSIZE:
      return Drop::tooLong;
    case EAGAIN:
    case ENOBUFS:
      return Drop::sendQueueFull;
    case ENOMEM:
      return Drop::outOfMemory;
    default:
      return std::nullopt;
  }
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
      table.touch(&session, worker.nowMs(), session.owed + 1);
      PortalCounts& ofPortal = counts(session);
      ofPortal.bytesIn.add(static_cast<int64_t>(length));
      ofPortal.datagramsIn.add(1);
      return;
    }
    if (const auto dropped = dropOf(error)) return counts(session).dropped(*dropped);
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
  counts(session).dropped(Drop::tooLong);
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
      ofPortal.dropped(Drop::leadsBack);
      tell(session.portal, session.client, picked.endpoint, Failure::leadsBack, 0);
    }
    back.add(picked.endpoint);
    tried.add(picked.endpoint);
    release(picked.endpoint);
    if (noOther) return nullptr;
  }
}

/// What the socket tells of an earlier datagram.
void UdpSessions::State::reported(UdpSession& session, int error) {
  // EMSGSIZE: a router says that a datagram was too long for the path. It is lost; the next of its length
  // leaves in fragments, because the kernel knows by now. That is its default for datagram sockets (ip(7),
  // IP_PMTUDISC_WANT), and stays: what the host is set to (net.ipv4.ip_no_pmtu_disc) goes for the relay.
  if (const auto dropped = dropOf(error)) return counts(session).dropped(*dropped);
  failed(session, error);
}

/// The endpoint refused a datagram, or can't be reached.
void UdpSessions::State::failed(UdpSession& session, int error) {
  PortalCounts& ofPortal = counts(session);
  ofPortal.dialFailures.add(1);
  ofPortal.dropped(error == ECONNREFUSED ? Drop::icmpRefused : Drop::dialFailed);
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
  if (std::exchange(session.isShared, false)) unwatchShared(worker.epollFd(), session.fd);
  close(session.fd);
  session.fd = -1;
  counts(session).udpSessions.add(-1);
  session.endpoint->open.fetch_sub(1, std::memory_order_relaxed);
  release(session.endpoint);
  session.endpoint = nullptr;
  // Whoever comes next owes nothing for what another has got.
  if (session.owed > 0) table.touch(&session, worker.nowMs(), 0);
}

void UdpSessions::State::forgetRefusal(UdpSession& session) {
  if (session.refusedBy == nullptr) return;
  release(session.refusedBy);
  session.refusedBy = nullptr;
}
