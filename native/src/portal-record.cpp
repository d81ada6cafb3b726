#include "portal-record.h"

#include <cstring>

#include "portal.h"
#include "relay.h"
#include "worker.h"

namespace {

/// As an address is written, so that one reader does for both.
SocketAddress addressOf(const ClientIP& client) {
  SocketAddress address;
  address.v6.sin6_family = AF_INET6;
  memcpy(&address.v6.sin6_addr, client.data(), client.size());
  return address;
}

/// Counters that go on. Those of what is open are counted anew.
struct Counter {
  const char* key;
  int64_t PortalCountsSum::*sum;
  Count PortalCounts::*count;
};

constexpr Counter kCounters[] = {
    {"total", &PortalCountsSum::total, &PortalCounts::total},
    {"in", &PortalCountsSum::bytesIn, &PortalCounts::bytesIn},
    {"out", &PortalCountsSum::bytesOut, &PortalCounts::bytesOut},
    {"dial-failures", &PortalCountsSum::dialFailures, &PortalCounts::dialFailures},
    {"no-endpoints", &PortalCountsSum::noEndpoints, &PortalCounts::noEndpoints},
    {"refused-for-files", &PortalCountsSum::refusedForFiles, &PortalCounts::refusedForFiles},
    {"udp-total", &PortalCountsSum::udpTotal, &PortalCounts::udpTotal},
    {"udp-evicted", &PortalCountsSum::udpEvicted, &PortalCounts::udpEvicted},
    {"datagrams-in", &PortalCountsSum::datagramsIn, &PortalCounts::datagramsIn},
    {"datagrams-out", &PortalCountsSum::datagramsOut, &PortalCounts::datagramsOut},
    {"dropped", &PortalCountsSum::droppedDatagrams, &PortalCounts::droppedDatagrams},
    {"half-closed", &PortalCountsSum::halfClosedTimeouts, &PortalCounts::halfClosedTimeouts},
    {"waited-for-place", &PortalCountsSum::waitedForPlace, &PortalCounts::waitedForPlace},
};

template <typename Visit>
void eachRarer(Visit visit) {
  for (size_t i = 0; i < kFailures; i++)
    visit(std::string("failed-") + failureWord(static_cast<Failure>(i)), &PortalCountsSum::failures,
          &RarerCounts::failures, i);
  for (size_t i = 0; i < kDrops; i++)
    visit(std::string("dropped-") + dropWord(static_cast<Drop>(i)), &PortalCountsSum::drops,
          &RarerCounts::drops, i);
  for (size_t i = 0; i < kDialTimes; i++)
    visit("dials-" + (i + 1 == kDialTimes ? "more" : std::to_string(kDialBoundsUs[i])),
          &PortalCountsSum::dials, &RarerCounts::dials, i);
}

/// By words rather than places, so that either relay may know more of them than the other.
void addRarer(Record& record, const PortalCountsSum& sum) {
  eachRarer([&](const std::string& key, auto ofSum, auto, size_t i) {
    if ((sum.*ofSum)[i] > 0) record.add(key.c_str(), static_cast<uint64_t>((sum.*ofSum)[i]));
  });
  if (sum.dialUs > 0) record.add("dial-us", static_cast<uint64_t>(sum.dialUs));
}

void readRarer(const Record& record, PortalCounts& counts) {
  eachRarer([&](const std::string& key, auto, auto ofCounts, size_t i) {
    const auto number = record.number(key.c_str());
    RarerCounts* const rarer = number ? counts.rarer() : nullptr;
    if (rarer != nullptr) (rarer->*ofCounts)[i].add(static_cast<int64_t>(*number));
  });
  const auto us = record.number("dial-us");
  RarerCounts* const rarer = us ? counts.rarer() : nullptr;
  if (rarer != nullptr) rarer->dialUs.add(static_cast<int64_t>(*us));
}

/// Most are well, and have nothing to say.
void addFailing(Record& record, const FailingEndpoint::State& failing) {
  if (failing.failedMs == 0) return;
  record.add("failures", failing.failures)
      .add("times-aside", failing.timesAside)
      .add("on-trial", failing.onTrial ? 1 : 0)
      .add("aside-until", failing.untilMs)
      .add("failed", failing.failedMs);
}

FailingEndpoint::State failingOf(const Record& record) {
  return {record.number("failures").value_or(0), record.number("times-aside").value_or(0),
          record.number("on-trial") == 1, record.number("aside-until").value_or(0),
          record.number("failed").value_or(0)};
}

bool sendEndpoint(RecordWriter& writer, const Portal& portal, size_t number, const std::string& key,
                  const SocketAddress& address, const char* state) {
  const Endpoint* const endpoint = portal.balancer.find(key);
  const uint64_t total = endpoint == nullptr ? 0 : endpoint->total.load(std::memory_order_relaxed);
  Record record("endpoint");
  record.add("portal", number)
      .add("key", key)
      .add("address", address)
      .add("state", state)
      .add("total", total);
  if (endpoint != nullptr) addFailing(record, endpoint->failing.state());
  return writer.write(record);
}

/// All endpoints that are served are there.
void route(Adopted& adopted) {
  Balancer& balancer = adopted.portals.back()->balancer;
  balancer.route(adopted.endpoints, adopted.affinitySeconds, monotonicMs());
  balancer.beginWithFirst();
  // Nobody knows the table that it began with.
  balancer.reclaim();
  for (size_t i = 0; i < adopted.counts.size(); i++) {
    Endpoint* const endpoint = balancer.find(adopted.endpoints[i].key);
    endpoint->total.store(adopted.counts[i].total, std::memory_order_relaxed);
    endpoint->failing.goOn(adopted.counts[i].failing);
  }
}

}  // namespace

bool sendPortal(RecordWriter& writer, Relay& relay, const Portal& portal, size_t number) {
  const PortalCountsSum sum = relay.counts(portal);
  const Balancer& balancer = portal.balancer;
  const std::vector<RoutedEndpoint> inTurn = balancer.inTurn();
  Record record("portal");
  record.add("name", portal.name)
      .add("protocol", portal.protocol == Protocol::tcp ? "tcp" : "udp")
      .add("bound", portal.bound)
      .add("affinity", balancer.affinitySeconds())
      .add("endpoints", inTurn.size())
      .add("connections", static_cast<uint64_t>(portal.connections.limit()));
  for (const auto& [key, ofSum, ofCount] : kCounters) record.add(key, static_cast<uint64_t>(sum.*ofSum));
  addRarer(record, sum);
  if (portal.fd >= 0) record.addFile(portal.fd);
  if (!writer.write(record)) return false;
  for (const RoutedEndpoint& each : inTurn)
    if (!sendEndpoint(writer, portal, number, each.key, each.address, each.leadsBack ? "back" : "current"))
      return false;
  bool sent = true;
  balancer.eachEndpoint([&](const Endpoint& endpoint) {
    if (sent && !endpoint.current.load(std::memory_order_relaxed))
      sent = sendEndpoint(writer, portal, number, endpoint.key, endpoint.address, "gone");
  });
  balancer.eachBond([&](const ClientIP& client, const Endpoint& endpoint, uint64_t lastUsedMs) {
    if (sent)
      sent = writer.write(Record("bond")
                              .add("portal", number)
                              .add("client", addressOf(client))
                              .add("key", endpoint.key)
                              .add("used", lastUsedMs));
  });
  return sent;
}

Portal* portalOf(const Record& record, const Adopted& adopted) {
  const auto number = record.number("portal");
  return number && *number < adopted.portals.size() ? adopted.portals[*number] : nullptr;
}

Endpoint* endpointOf(const Record& record, const char* field, const Portal& portal) {
  const auto key = record.text(field);
  return key && *key != "-" ? portal.balancer.find(std::string(*key)) : nullptr;
}

std::string readPortal(Record& record, Adopted& adopted, double (*random)()) {
  const auto name = record.text("name");
  const auto protocol = record.text("protocol");
  const auto bound = record.address("bound");
  const auto affinity = record.number("affinity");
  const auto endpoints = record.number("endpoints");
  if (!name || !bound || !affinity || !endpoints || (protocol != "tcp" && protocol != "udp") ||
      adopted.missing > 0)
    return "a portal that lacks something";
  Relay& relay = adopted.relay;
  auto portal =
      std::make_unique<Portal>(std::string(*name), protocol == "tcp" ? Protocol::tcp : Protocol::udp,
                               static_cast<unsigned>(relay.workers().size()), random);
  portal->bound = *bound;
  portal->connections.set(static_cast<int64_t>(record.number("connections").value_or(0)));
  for (const auto& [key, ofSum, ofCount] : kCounters)
    (portal->counts[0].*ofCount).add(static_cast<int64_t>(record.number(key).value_or(0)));
  readRarer(record, portal->counts[0]);
  portal->fd = record.takeFile(0);
  adopted.portals.push_back(&relay.adopt(std::move(portal)));
  adopted.endpoints.clear();
  adopted.counts.clear();
  adopted.missing = *endpoints;
  adopted.affinitySeconds = static_cast<uint32_t>(*affinity);
  if (adopted.missing == 0) route(adopted);
  return {};
}

std::string readEndpoint(const Record& record, Adopted& adopted) {
  Portal* const portal = portalOf(record, adopted);
  const auto key = record.text("key");
  const auto address = record.address("address");
  const auto total = record.number("total");
  const auto state = record.text("state");
  if (portal == nullptr || portal != adopted.portals.back() || !key || !address || !total || !state)
    return "an endpoint that lacks something";
  if (*state == "gone") {
    portal->balancer.addGone(std::string(*key), *address)->total.store(*total, std::memory_order_relaxed);
    return {};
  }
  if (adopted.missing == 0) return "more endpoints than were announced";
  adopted.endpoints.push_back({std::string(*key), *address, *state == "back"});
  adopted.counts.push_back({*total, failingOf(record)});
  if (--adopted.missing == 0) route(adopted);
  return {};
}

std::string readBond(const Record& record, const Adopted& adopted) {
  Portal* const portal = portalOf(record, adopted);
  const auto client = record.address("client");
  const auto used = record.number("used");
  if (portal == nullptr || !client || !used) return "a bond that lacks something";
  Endpoint* const endpoint = endpointOf(record, "key", *portal);
  if (endpoint == nullptr) return "a bond to an unknown endpoint";
  portal->balancer.bind(clientIP(*client), endpoint, *used);
  return {};
}
