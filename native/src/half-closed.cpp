#include "half-closed.h"

// Not netinet/tcp.h: the C library's tcp_info may end before the counts of bytes.
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>

#include "portal.h"
#include "relay.h"
#include "tcp-connection.h"
#include "worker.h"

namespace {

/// How often one is looked at within the half-closed time: it is reset after that time or up to a quarter
/// more.
constexpr uint64_t kLooks = 4;

/// Connections looked at before others have their turn.
constexpr int kLooksAtOnce = 256;

uint64_t betweenLooksMs(const Worker& worker) {
  return std::max<uint64_t>(1, (worker.relay.halfClosedMs() + kLooks - 1) / kLooks);
}

/// Bytes that went through a socket, both ways, as far as its peer goes (tcp_info; Linux 4.1). Those that the
/// kernel does not count look as if they moved: nothing is reset for want of knowledge.
uint64_t movedThrough(const Worker& worker, int fd) {
  tcp_info info{};
  socklen_t length = sizeof info;
  const bool told = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) == 0 &&
                    length >= offsetof(tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received;
  return told ? info.tcpi_bytes_acked + info.tcpi_bytes_received : worker.nowMs();
}

void look(Worker& worker, TcpConnection& connection) {
  const uint64_t moved =
      movedThrough(worker, connection.client.fd) + movedThrough(worker, connection.endpoint->fd);
  connection.lookedMs = worker.nowMs();
  if (connection.looks == 0 || moved != connection.movedBytes) {
    connection.movedBytes = moved;
    connection.looks = 1;
  } else if (++connection.looks > kLooks) {
    worker.countsOf(connection.portal).halfClosedTimeouts.add(1);
    tell(worker, connection, Failure::halfClosedTimeout, 0,
         static_cast<uint32_t>(worker.relay.halfClosedMs()), true);
    abort(worker, connection);
    return;
  }
  worker.halfClosed.remove(&connection);
  worker.halfClosed.pushBack(&connection);
}

}  // namespace

void noteHalfClosed(Worker& worker, TcpConnection& connection) {
  if (connection.halfClosed.linked) return;
  connection.looks = 0;
  connection.lookedMs = worker.nowMs();
  worker.halfClosed.pushBack(&connection);
}

void runHalfClosed(Worker& worker) {
  for (int looks = 0; looks < kLooksAtOnce && halfClosedDueMs(worker) <= worker.nowMs(); looks++)
    look(worker, *worker.halfClosed.front());
}

uint64_t halfClosedDueMs(const Worker& worker) {
  if (worker.halfClosed.empty() || worker.relay.halfClosedMs() == 0) return UINT64_MAX;
  return worker.halfClosed.front()->lookedMs + betweenLooksMs(worker);
}
