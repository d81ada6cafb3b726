#include "counters-reply.h"

#include <algorithm>
#include <unordered_map>

#include "portal.h"
#include "relay.h"
#include "worker.h"

namespace {

void addCount(std::string& line, const std::string& key, int64_t count) {
  line += ' ';
  line += key;
  line += '=';
  // The sum of what several threads count at this moment may be off for a moment, and below nothing.
  line += std::to_string(std::max<int64_t>(count, 0));
}

void addUnlessNone(std::string& line, const std::string& key, int64_t count) {
  if (count > 0) addCount(line, key, count);
}

void addAll(std::string& line, const PortalCountsSum& sum, size_t affinity) {
  addUnlessNone(line, "datagrams-in", sum.datagramsIn);
  addUnlessNone(line, "datagrams-out", sum.datagramsOut);
  addUnlessNone(line, "affinity", static_cast<int64_t>(affinity));
  for (size_t i = 0; i < kFailures; i++)
    addUnlessNone(line, std::string("failed-") + failureWord(static_cast<Failure>(i)), sum.failures[i]);
  for (size_t i = 0; i < kDrops; i++)
    addUnlessNone(line, std::string("dropped-") + dropWord(static_cast<Drop>(i)), sum.drops[i]);
  if (std::all_of(sum.dials, sum.dials + kDialTimes, [](int64_t count) { return count == 0; })) return;
  line += " dials=";
  for (size_t i = 0; i < kDialTimes; i++) line += (i == 0 ? "" : ",") + std::to_string(sum.dials[i]);
  addCount(line, "dial-us", sum.dialUs);
}

void addEndpoints(std::string& lines, const std::string& tag, const Balancer& balancer, uint64_t nowMs) {
  std::unordered_map<const Endpoint*, uint64_t> setAside;
  for (const SetAside& one : balancer.setAside(nowMs)) setAside.emplace(one.endpoint, one.remainingMs);
  balancer.eachEndpoint([&](const Endpoint& endpoint) {
    const uint64_t total = endpoint.total.load(std::memory_order_relaxed);
    const auto aside = setAside.find(&endpoint);
    if (total == 0 && aside == setAside.end()) return;
    lines += tag + " endpoint " + endpoint.key + ' ' +
             std::to_string(endpoint.open.load(std::memory_order_relaxed)) + ' ' + std::to_string(total);
    if (aside != setAside.end()) addCount(lines, "aside", static_cast<int64_t>(aside->second));
    lines += '\n';
  });
}

}  // namespace

std::string countersReply(const std::string& tag, const Relay& relay, Portal& portal, bool all) {
  const PortalCountsSum sum = relay.counts(portal);
  const uint64_t nowMs = monotonicMs();
  std::string lines = tag + " portal " + portal.name;
  addCount(lines, "active", sum.active);
  addCount(lines, "total", sum.total);
  addCount(lines, "in", sum.bytesIn);
  addCount(lines, "out", sum.bytesOut);
  addCount(lines, "dial-failures", sum.dialFailures);
  addCount(lines, "no-endpoints", sum.noEndpoints);
  addCount(lines, "refused-for-files", sum.refusedForFiles);
  addCount(lines, "udp-sessions", sum.udpSessions);
  addCount(lines, "udp-total", sum.udpTotal);
  addCount(lines, "udp-evicted", sum.udpEvicted);
  addCount(lines, "dropped", sum.droppedDatagrams);
  // Only a peer that knows of them can have asked for them.
  addUnlessNone(lines, "half-closed", sum.halfClosedTimeouts);
  addUnlessNone(lines, "waited-for-place", sum.waitedForPlace);
  if (all) addAll(lines, sum, portal.balancer.affinityClients(nowMs));
  lines += '\n';
  addEndpoints(lines, tag, portal.balancer, nowMs);
  return lines;
}
