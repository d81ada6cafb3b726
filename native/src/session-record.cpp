#include "session-record.h"

#include <unistd.h>

#include <cstring>

#include "portal-record.h"
#include "udp-portal.h"
#include "udp-session.h"
#include "worker.h"

namespace {

const std::string& keyOf(const Endpoint* endpoint) {
  static const std::string none = "-";
  return endpoint == nullptr ? none : endpoint->key;
}

}  // namespace

bool sendSession(RecordWriter& writer, const UdpSession& session, size_t portal) {
  SocketAddress local;
  local.v6.sin6_family = AF_INET6;
  memcpy(&local.v6.sin6_addr, session.key.local.data(), session.key.local.size());
  Record record("session");
  record.add("portal", portal)
      .add("client", session.client)
      .add("local", local)
      .add("endpoint", keyOf(session.endpoint))
      .add("refused-by", keyOf(session.refusedBy))
      .add("bound", session.boundMs)
      .add("used", session.lastUsedMs)
      .add("owed", session.owed);
  if (session.fd >= 0) record.addFile(session.fd);
  return writer.write(record);
}

std::string readSession(Record& record, const Adopted& adopted) {
  Portal* const portal = portalOf(record, adopted);
  const auto client = record.address("client");
  const auto local = record.address("local");
  const auto used = record.number("used");
  if (portal == nullptr || portal->owner == nullptr || !client || !local || !used)
    return "a session that lacks something";
  Endpoint* const endpoint = endpointOf(record, "endpoint", *portal);
  const int fd = record.takeFile(0);
  if ((endpoint == nullptr) != (fd < 0)) return "a session with an endpoint or a socket alone";
  // What a relay leaves out that does not know of it.
  const uint64_t bound = record.number("bound").value_or(*used);
  const uint64_t owed = endpoint == nullptr ? 0 : record.number("owed").value_or(0);
  Endpoint* const refusedBy = endpointOf(record, "refused-by", *portal);
  if (portal->owner->udp->adopt(*portal,
                                {*client, clientIP(*local), endpoint, fd, bound, refusedBy, *used, owed}))
    return {};
  if (fd >= 0) close(fd);
  return "no memory, or no more watches (epoll(7), max_user_watches)";
}
