#include "tcp-dial.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>

#include "portal.h"
#include "relay.h"
#include "worker.h"

namespace {

Failure failureOf(int error) {
  switch (error) {
    case ECONNREFUSED:
      return Failure::dialRefused;
    case ETIMEDOUT:
      return Failure::dialTimeout;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EHOSTDOWN:
      return Failure::dialUnreachable;
    case EMFILE:
    case ENFILE:
      return Failure::outOfFiles;
    default:
      return Failure::dialFailed;
  }
}

bool isTheEndpointsFault(Failure reason) {
  return reason == Failure::dialRefused || reason == Failure::dialTimeout ||
         reason == Failure::dialUnreachable;
}

/// Notes that the try under way has failed. True where there may be another.
bool tryFailed(Worker& worker, TcpConnection& connection, Failure reason, int error, uint32_t timeoutMs) {
  const bool final = connection.tries == kDialTries || reason == Failure::outOfFiles;
  worker.countsOf(connection.portal).dialFailures.add(1);
  Balancer& balancer = connection.portal.balancer;
  if (isTheEndpointsFault(reason))
    dialFailed(connection.endpointRecord, worker.nowMs(),
               spread(worker.nowMs() ^ reinterpret_cast<uintptr_t>(connection.endpointRecord)));
  if (balancer.needsClient()) balancer.forget(clientIP(connection.clientAddress), connection.endpointRecord);
  tell(worker, connection, reason, error, timeoutMs, final);
  connection.tried.add(connection.endpointRecord);
  letGoOfEndpoint(connection);
  return !final;
}

/// Connects to an endpoint. 0 where that is under way, else an errno; no socket is held then.
int connectTo(Worker& worker, TcpConnection& connection) {
  const SocketAddress& address = connection.endpointRecord->address;
  EndpointSide* const side = worker.endpointSockets.take(address.family(), worker.turn());
  if (side == nullptr) return errno;
  side->unpaced = worker.relay.congestion().setBeforeConnect(side->fd, address, side->unpaced);
  connection.dialBeganUs = static_cast<uint32_t>(monotonicUs());
  // EINPROGRESS, or 0: how it ended is told by the first event either way. A new socket is registered only
  // then: epoll would call one that is not connecting hung up.
  int error = connect(side->fd, &address.base, address.length()) == 0 || errno == EINPROGRESS ? 0 : errno;
  if (error == 0 && !side->isWatched) {
    side->isWatched = watch(worker, *side, EPOLLOUT);
    if (!side->isWatched) error = errno;
  }
  if (error != 0) {
    worker.endpointSockets.close(side);
    return error;
  }
  side->connection = &connection;
  connection.endpoint = side;
  return 0;
}

}  // namespace

void dial(Worker& worker, TcpConnection& connection) {
  Balancer& balancer = connection.portal.balancer;
  while (connection.tries < kDialTries) {
    const ClientIP client = balancer.needsClient() ? clientIP(connection.clientAddress) : ClientIP{};
    const Picked picked = balancer.pick(client, worker.nowMs(), connection.tried);
    if (picked.endpoint == nullptr) {
      worker.countsOf(connection.portal).noEndpoints.add(1);
      tell(worker, connection, Failure::noEndpoints, 0, 0, true);
      break;
    }
    connection.endpointRecord = picked.endpoint;
    connection.tries += 1;
    const int error = picked.leadsBack ? 0 : connectTo(worker, connection);
    if (!picked.leadsBack && error == 0) {
      connection.state = TcpConnection::State::dialling;
      connection.dueMs = worker.nowMs() + kDialTimeoutsMs[connection.tries - 1];
      worker.dialling[connection.tries - 1].pushBack(&connection);
      return;
    }
    if (!tryFailed(worker, connection, picked.leadsBack ? Failure::leadsBack : failureOf(error), error, 0))
      break;
  }
  abort(worker, connection);
}

void endTry(Worker& worker, TcpConnection& connection) {
  worker.dialling[connection.tries - 1].remove(&connection);
  connection.state = TcpConnection::State::handedOver;
  worker.endpointSockets.reset(connection.endpoint);
  connection.endpoint = nullptr;
  // What its events told is of no other socket.
  connection.toClient.finSeen = connection.toClient.urgent = false;
}

void onEventsWhileDialling(Worker& worker, TcpConnection& connection, TcpSide& side, uint32_t events) {
  if (&side == &connection.client) {
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) abort(worker, connection);
    return;
  }
  if ((events & (EPOLLERR | EPOLLHUP)) != 0) {
    const int error = pendingError(side.fd);
    endTry(worker, connection);
    const bool another = tryFailed(worker, connection, failureOf(error == 0 ? ECONNRESET : error),
                                   error == 0 ? ECONNRESET : error, 0);
    if (!another) connection.tries = kDialTries;
    dial(worker, connection);
    return;
  }
  if ((events & EPOLLOUT) == 0) return;
  dialSucceeded(connection.endpointRecord);
  if (connection.dialBeganUs != 0)
    worker.countsOf(connection.portal)
        .dialled(static_cast<uint32_t>(worker.nowUs()) - connection.dialBeganUs);
  connected(worker, connection);
}

void dialTimedOut(Worker& worker, TcpConnection& connection) {
  const uint32_t timeoutMs = kDialTimeoutsMs[connection.tries - 1];
  endTry(worker, connection);
  if (!tryFailed(worker, connection, Failure::dialTimeout, 0, timeoutMs)) connection.tries = kDialTries;
  dial(worker, connection);
}
