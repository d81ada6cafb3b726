// Chooses the endpoint of each new connection or session of one portal: the one its client is bound to, else
// the next in rotation. One that keeps failing is passed over for a while, unless that would be all
// (failing-endpoint.h). The same policy as src/balancer/ (TypeScript); spec/vectors/ holds the two equal.
//
//   control thread: route() ──▶ new table, published by one atomic store ──▶ workers: pick()
//
// Who owns what: the balancer owns its endpoints, the table in force, and those that were replaced until
// reclaim() is told that every worker has passed a point where it holds none of them. A worker that was given
// an endpoint holds one of its `uses`.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "address.h"
#include "failing-endpoint.h"

/// Where connections may go. Lives as long as it is in the table or somebody uses it.
struct Endpoint {
  std::string key;  // `ADDRESS:PORT`
  SocketAddress address;
  /// In the table now.
  std::atomic<bool> current{true};
  /// In the table, and not a way back to the portal: no connection begins where it is not, and UDP sessions
  /// move away.
  std::atomic<bool> usable{true};
  /// Whether it fails. Whoever dials tells by dialSucceeded() and dialFailed(); picks look.
  FailingEndpoint failing;
  /// Connections, sessions and dials that hold this object.
  std::atomic<uint32_t> uses{0};
  /// Open connections or sessions, and all that ever began.
  std::atomic<uint32_t> open{0};
  std::atomic<uint64_t> total{0};
};

/// What a route says of one endpoint.
struct RoutedEndpoint {
  std::string key;
  SocketAddress address;
  bool leadsBack = false;
};

/// A pick. `endpoint` is null where there are no endpoints; else one of its `uses` is the caller's, who ends
/// with release().
struct Picked {
  Endpoint* endpoint = nullptr;
  bool leadsBack = false;
};

inline void release(Endpoint* endpoint) { endpoint->uses.fetch_sub(1, std::memory_order_release); }

/// Any worker that holds one of its uses: the endpoint was reached. For TCP, once the connection to it is
/// established, whether it is used then or not. For UDP, at each datagram that comes from it.
inline void dialSucceeded(Endpoint* endpoint) { endpoint->failing.succeeded(); }

/// Any worker that holds one of its uses: the endpoint could not be reached. It refused (ECONNREFUSED), did
/// not answer in time (the dial's own time, or ETIMEDOUT) or there is no way to it (EHOSTUNREACH,
/// ENETUNREACH, EHOSTDOWN). Not for what is no fault of the endpoint's: a client that has left, a dial that
/// was given up, files or ports that have run out, an endpoint that leads back. Once for each try that
/// failed. `random` is in [0, 1): spread() makes one of whatever is at hand.
inline void dialFailed(Endpoint* endpoint, uint64_t nowMs, double random) {
  if (endpoint->current.load(std::memory_order_acquire)) endpoint->failing.failed(nowMs, random);
}

/// Any worker that holds one of its uses: a UDP session that was bound to it at `sinceMs` has ended idle,
/// with neither an answer nor a refusal. Some services never answer.
inline void endedSilently(Endpoint* endpoint, uint64_t sinceMs) { endpoint->failing.endedSilently(sinceMs); }

/// A number in [0, 1) that differs with each bit of `seed`; any thread (splitmix64, Steele, Lea, Flood,
/// 2014).
inline double spread(uint64_t seed) {
  seed += 0x9e3779b97f4a7c15;
  seed = (seed ^ (seed >> 30)) * 0xbf58476d1ce4e5b9;
  seed = (seed ^ (seed >> 27)) * 0x94d049bb133111eb;
  return static_cast<double>((seed ^ (seed >> 31)) >> 11) / 9007199254740992.0;
}

/// An endpoint that is set aside, and how long it is until one connection may go there, ms; 0 where it may
/// now.
struct SetAside {
  const Endpoint* endpoint;
  uint64_t remainingMs;
};

/// A client's bond to an endpoint, and how long it holds unless the client connects again.
struct BoundTo {
  std::string key;
  uint64_t remainingMs;
};

/// Endpoints that failed this client already: four at most, for there are four tries.
struct Tried {
  std::array<const Endpoint*, 4> endpoints{};
  uint8_t count = 0;
  void add(const Endpoint* endpoint) {
    if (count < endpoints.size()) endpoints[count++] = endpoint;
  }
  bool has(const Endpoint* endpoint) const {
    for (uint8_t i = 0; i < count; i++)
      if (endpoints[i] == endpoint) return true;
    return false;
  }
};

struct EndpointTable;  // immutable but for its cursor
class Affinity;

class Balancer {
 public:
  /// `start` is uniform in [0, 1): where a wholly new set of endpoints begins. Called by the control thread
  /// only.
  explicit Balancer(double (*random)() = nullptr, size_t maxAffinityClients = 65536);
  ~Balancer();
  Balancer(const Balancer&) = delete;
  Balancer& operator=(const Balancer&) = delete;

  /// Control thread. Replaces endpoints (distinct keys) and affinity (seconds; 0 is none); in force when it
  /// returns. `nowMs` is monotonic.
  void route(const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds, uint64_t nowMs);

  /// Any worker. Passes over `tried`, and what is set aside, unless there is no other. Without affinity it
  /// takes no lock. Whoever dials what it gave tells how that ended, or the trial of one that was set aside
  /// is made anew.
  Picked pick(const ClientIP& client, uint64_t nowMs, const Tried& tried);

  /// Any worker. Ends the client's bond to an endpoint that could not be reached.
  void forget(const ClientIP& client, const Endpoint* endpoint);

  /// Any worker: whether there is an endpoint at all, at this moment.
  bool isEmpty() const;

  /// Any worker: whether pick() needs to know the client (affinity is on).
  bool needsClient() const;

  /// Control thread. Frees tables that were replaced before every worker last passed its loop's top, and
  /// endpoints that are in no table and nobody uses. To be called only when each worker has passed since the
  /// last route().
  void reclaim();

  /// Control thread: true where reclaim() would have something to look at.
  bool hasRetired() const;

  // Of a relay that another follows, and of that one, while no worker runs (portal-record.cpp):
  /// The table in force, from the one whose turn it is on.
  std::vector<RoutedEndpoint> inTurn() const;
  uint32_t affinitySeconds() const;
  /// Who is bound to which endpoint, the bond that was not used for longest first.
  void eachBond(
      const std::function<void(const ClientIP&, const Endpoint&, uint64_t lastUsedMs)>& visit) const;
  void bind(const ClientIP& client, Endpoint* endpoint, uint64_t lastUsedMs);
  /// It is the turn of the first that route() named.
  void beginWithFirst();
  /// One that is in the table, or was and is still held.
  Endpoint* find(const std::string& key) const;
  Endpoint* addGone(const std::string& key, const SocketAddress& address);

  /// Control thread: endpoints of the table that are set aside; none where that would be all, for all are
  /// used then.
  std::vector<SetAside> setAside(uint64_t nowMs) const;

  /// Control thread. How many clients are bound to an endpoint; what has expired is cleared away first.
  size_t affinityClients(uint64_t nowMs);
  /// Control thread: the client's bond, whether pick() would follow it or not; does not count as use.
  std::optional<BoundTo> bondOf(const ClientIP& client, uint64_t nowMs) const;

  /// Control thread: every endpoint that was ever used, current or still held.
  template <typename Visit>
  void eachEndpoint(Visit visit) const {
    for (const auto& [key, endpoint] : endpoints_) visit(*endpoint);
  }

 private:
  /// Where clients are bound to endpoints.
  Picked pickBound(const ClientIP& client, uint64_t nowMs, const Tried& tried);

  std::atomic<EndpointTable*> table_;
  std::unordered_map<std::string, std::unique_ptr<Endpoint>> endpoints_;  // control thread only
  std::vector<std::unique_ptr<EndpointTable>> retired_;                   // control thread only
  /// An endpoint that is in no table was still used at the last reclaim().
  bool holdsGone_ = false;
  double (*random_)();
  const size_t maxAffinityClients_;
  mutable std::mutex affinityMutex_;  // guards affinity_, and publication of tables where affinity is on
  std::unique_ptr<Affinity> affinity_;
};
