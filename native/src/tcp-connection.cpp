#include "tcp-connection.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "half-closed.h"
#include "portal.h"
#include "relay.h"
#include "shared-socket.h"
#include "tcp-dial.h"
#include "worker.h"

namespace {

/// Until a connection is so old nobody probes its endpoint, and most are gone by then: probing costs a timer
/// in the kernel.
constexpr uint64_t kYoungMs = 10'000;
constexpr int kKeepAliveIdleSeconds = 15;

/// What a side is watched for. EPOLLPRI: urgent data.
constexpr uint32_t kWatched = EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLET;

/// A socket's own files: the client's and the endpoint's, counted when the client is accepted.
constexpr int64_t kFilesOfConnection = 2;

/// Asks for an event when there is room again. Most sockets are never full, and are never asked about it.
/// False where that fails.
bool watchRoom(Worker& worker, TcpSide& side) {
  if (side.watchesRoom) return true;
  epoll_event event{};
  event.events = kWatched | EPOLLOUT;
  event.data.ptr = static_cast<Watched*>(&side);
  side.watchesRoom = epoll_ctl(worker.epollFd(), EPOLL_CTL_MOD, side.fd, &event) == 0;
  return side.watchesRoom;
}

/// The worker that accepted the client may still be in the call that gave it to this one, as the relay before
/// may have it open: closing alone does not end the events then.
void unwatchClient(Worker& worker, const TcpConnection& connection) {
  if (connection.wasHandedOver || connection.clientIsShared)
    unwatchShared(worker.epollFd(), connection.client.fd);
}

void resetClient(Worker& worker, TcpConnection& connection) {
  unwatchClient(worker, connection);
  closeWithReset(connection.client.fd);
}

/// Both sockets are closed already, or none.
void finish(Worker& worker, TcpConnection& connection) {
  if (connection.state == TcpConnection::State::spliced && connection.endpointRecord != nullptr)
    connection.endpointRecord->open.fetch_sub(1, std::memory_order_relaxed);
  if (connection.state == TcpConnection::State::dialling)
    worker.dialling[connection.tries - 1].remove(&connection);
  else
    worker.young.remove(&connection);
  worker.halfClosed.remove(&connection);
  connection.state = TcpConnection::State::ended;
  letGoOfEndpoint(connection);
  abandon(worker, connection.toEndpoint);
  abandon(worker, connection.toClient);
  worker.all.remove(&connection);
  if (connection.queued) {
    auto& unfinished = worker.unfinished;
    unfinished.erase(std::find(unfinished.begin(), unfinished.end(), &connection));
  }
  worker.countsOf(connection.portal).active.add(-1);
  worker.load.fetch_sub(1, std::memory_order_relaxed);
  worker.freeLater(&connection);
  givePlace(worker, connection.portal);
  // Last: the portal may be freed once every worker has passed.
  connection.portal.uses.fetch_sub(1, std::memory_order_release);
  worker.gaveFiles(kFilesOfConnection);
}

/// Nothing of the connection is left on the endpoint's socket once it is over: it has not asked for keepalive
/// probes or urgent data, and no stream has grown its buffers.
bool leavesNoTrace(const Worker& worker, const TcpConnection& connection) {
  return worker.nowMs() < connection.dueMs && !connection.toClient.urgent && !connection.toClient.splicing &&
         !connection.toEndpoint.splicing;
}

/// All is passed on, but for the FIN that `last` has sent.
void closeInOrder(Worker& worker, TcpConnection& connection, const TcpSide& last) {
  unwatchClient(worker, connection);
  if (connection.clientIsShared) finishShared(connection.client.fd);
  close(connection.client.fd);
  // Closing sends the FIN that shutdown() would. ENOTCONN: it has been reset meanwhile.
  if (leavesNoTrace(worker, connection) &&
      (&last != &connection.client || shutdown(connection.endpoint->fd, SHUT_WR) == 0))
    worker.endpointSockets.rest(connection.endpoint);
  else
    worker.endpointSockets.close(connection.endpoint);
  finish(worker, connection);
}

void broken(Worker& worker, TcpConnection& connection, const TcpSide& side, int error) {
  // A client may end as it likes; an endpoint that resets is worth telling.
  if (&side == connection.endpoint) tell(worker, connection, Failure::endpointReset, error, 0, true);
  abort(worker, connection);
}

/// False where the connection has ended.
bool moveFrom(Worker& worker, TcpConnection& connection, TcpSide& source) {
  const bool isClient = &source == &connection.client;
  TcpSide& destination = isClient ? *connection.endpoint : connection.client;
  TcpStream& stream = isClient ? connection.toEndpoint : connection.toClient;
  if (stream.ended) return true;
  PortalCounts& counts = worker.countsOf(connection.portal);
  int error = 0;
  switch (
      move(worker, stream, source.fd, destination.fd, isClient ? counts.bytesIn : counts.bytesOut, error)) {
    case Moved::drained:
      source.readable = false;
      return true;
    case Moved::blocked:
      stream.waitingForRoom = true;
      if (watchRoom(worker, destination)) return true;
      // Nobody would ever tell that there is room: a reset is better than a hang.
      abort(worker, connection);
      return false;
    case Moved::unfinished:
      if (!connection.queued) {
        connection.queued = true;
        worker.unfinished.push_back(&connection);
      }
      return true;
    case Moved::finished: {
      stream.ended = true;
      source.readable = false;
      const bool both = (isClient ? connection.toClient : connection.toEndpoint).ended;
      if (both) {
        closeInOrder(worker, connection, source);
        return false;
      }
      // ENOTCONN: it has been reset meanwhile, of which an event tells.
      shutdown(destination.fd, SHUT_WR);
      noteHalfClosed(worker, connection);
      return true;
    }
    case Moved::sourceBroken:
      broken(worker, connection, source, error);
      return false;
    case Moved::destinationBroken:
      broken(worker, connection, destination, error);
      return false;
  }
  return true;
}

/// It stays in its place among the other data, in place of being lost (tcp(7), SO_OOBINLINE).
void urgentDataCame(const TcpSide& side, TcpStream& from) {
  from.urgent = true;
  const int on = 1;
  // Fails on no TCP socket.
  setsockopt(side.fd, SOL_SOCKET, SO_OOBINLINE, &on, sizeof on);
}

}  // namespace

bool watch(Worker& worker, TcpSide& side, uint32_t more) {
  epoll_event event{};
  event.events = kWatched | more;
  event.data.ptr = static_cast<Watched*>(&side);
  if (epoll_ctl(worker.epollFd(), EPOLL_CTL_ADD, side.fd, &event) != 0) return false;
  side.watchesRoom = (more & EPOLLOUT) != 0;
  return true;
}

int pendingError(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

void tell(Worker& worker, TcpConnection& connection, Failure reason, int error, uint32_t timeoutMs,
          bool final) {
  worker.countsOf(connection.portal).failed(reason);
  worker.relay.events().failure(connection.portal, connection.clientAddress, connection.endpointRecord,
                                reason, error, timeoutMs, final);
}

void letGoOfEndpoint(TcpConnection& connection) {
  if (connection.endpointRecord == nullptr) return;
  release(connection.endpointRecord);
  connection.endpointRecord = nullptr;
}

void connected(Worker& worker, TcpConnection& connection) {
  if (!connection.endpointRecord->usable.load(std::memory_order_acquire)) {
    // It was removed while it was dialled: no connection begins there any more. It has not failed, and does
    // not count as a try.
    endTry(worker, connection);
    connection.tries -= 1;
    letGoOfEndpoint(connection);
    dial(worker, connection);
    return;
  }
  worker.dialling[connection.tries - 1].remove(&connection);
  connection.state = TcpConnection::State::spliced;
  connection.endpointRecord->open.fetch_add(1, std::memory_order_relaxed);
  connection.endpointRecord->total.fetch_add(1, std::memory_order_relaxed);
  connection.dueMs = worker.nowMs() + kYoungMs;
  worker.young.pushBack(&connection);
  if (connection.toEndpoint.finSeen || connection.toClient.finSeen) noteHalfClosed(worker, connection);
  if (connection.client.readable) {
    if (!moveFrom(worker, connection, connection.client)) return;
  } else {
    // An endpoint that speaks first waits for the handshake's end.
    const int on = 1;
    setsockopt(connection.endpoint->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
  }
  if (connection.endpoint->readable) moveFrom(worker, connection, *connection.endpoint);
}

void begin(Worker& worker, TcpConnection& connection, bool clientIsWatched) {
  worker.all.pushBack(&connection);
  if (!clientIsWatched && !watch(worker, connection.client, 0)) {
    // No memory, or more watches than the user may have (epoll(7), max_user_watches).
    tell(worker, connection, Failure::outOfFiles, errno, 0, true);
    worker.countsOf(connection.portal).refusedForFiles.add(1);
    resetClient(worker, connection);
    finish(worker, connection);
    return;
  }
  dial(worker, connection);
}

void onEvents(Worker& worker, TcpSide& side, uint32_t events) {
  if (side.connection == nullptr) return;
  TcpConnection& connection = *side.connection;
  if (connection.state == TcpConnection::State::ended) return;
  TcpStream& from = &side == &connection.client ? connection.toEndpoint : connection.toClient;
  if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP)) != 0) side.readable = true;
  if ((events & EPOLLRDHUP) != 0) from.finSeen = true;
  if ((events & EPOLLPRI) != 0 && !from.urgent) urgentDataCame(side, from);
  if (connection.state == TcpConnection::State::handedOver) {
    side.watchesRoom = true;
    connection.wasHandedOver = true;
    worker.arrived(connection);
    begin(worker, connection, true);
    if (connection.state == TcpConnection::State::ended) return;
  }
  if (connection.state == TcpConnection::State::dialling) {
    onEventsWhileDialling(worker, connection, side, events);
    return;
  }
  if ((events & EPOLLERR) != 0) {
    broken(worker, connection, side, pendingError(side.fd));
    return;
  }
  // Also where the FIN waits behind bytes that the other side does not take.
  if (from.finSeen) noteHalfClosed(worker, connection);
  if (side.readable && !from.waitingForRoom && !moveFrom(worker, connection, side)) return;
  TcpSide& other = &side == &connection.client ? *connection.endpoint : connection.client;
  TcpStream& into = &side == &connection.client ? connection.toClient : connection.toEndpoint;
  if ((events & EPOLLOUT) != 0 && into.waitingForRoom) moveFrom(worker, connection, other);
}

void goOn(Worker& worker, TcpConnection& connection) {
  if (connection.client.readable && !connection.toEndpoint.waitingForRoom &&
      !moveFrom(worker, connection, connection.client))
    return;
  if (connection.endpoint->readable && !connection.toClient.waitingForRoom)
    moveFrom(worker, connection, *connection.endpoint);
}

void keepAlive(Worker& worker, TcpConnection& connection) {
  worker.young.remove(&connection);
  const int on = 1;
  // A socket that takes no probes still works.
  setsockopt(connection.endpoint->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(connection.endpoint->fd, IPPROTO_TCP, TCP_KEEPIDLE, &kKeepAliveIdleSeconds,
             sizeof kKeepAliveIdleSeconds);
  setsockopt(connection.endpoint->fd, IPPROTO_TCP, TCP_KEEPINTVL, &kKeepAliveIdleSeconds,
             sizeof kKeepAliveIdleSeconds);
}

void abort(Worker& worker, TcpConnection& connection) {
  resetClient(worker, connection);
  if (connection.endpoint != nullptr) worker.endpointSockets.reset(connection.endpoint);
  finish(worker, connection);
}
