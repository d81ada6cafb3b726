// Which endpoint each client of a portal stays with, in the order of last use: what has expired and what must
// make room are both found at the front. Not locked: the balancer's mutex guards it. The same as
// src/balancer/client-ip-affinity.ts.
#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>

#include "address.h"

struct Endpoint;

class Affinity {
 public:
  explicit Affinity(size_t maxClients) : maxClients_(maxClients) {}

  /// The client's endpoint, unless it was last used `timeoutMs` ago or longer; null where there is none. Does
  /// not count as use.
  Endpoint* find(const ClientIP& client, uint64_t nowMs, uint64_t timeoutMs);
  /// Binds the client to the endpoint, or refreshes the bond.
  void use(const ClientIP& client, Endpoint* endpoint, uint64_t nowMs);
  /// Ends the client's bond to this endpoint; one that it has to another stays.
  void forget(const ClientIP& client, const Endpoint* endpoint);
  struct Bond {
    ClientIP client;
    Endpoint* endpoint;
    uint64_t lastUsedMs;
  };
  /// What is known of the client, expired or not; null where nothing is.
  const Bond* bond(const ClientIP& client) const;
  size_t size() const { return bonds_.size(); }
  /// The bond that was not used for longest first.
  template <typename Visit>
  void each(Visit visit) const {
    for (const Bond& bond : bonds_) visit(bond.client, *bond.endpoint, bond.lastUsedMs);
  }
  /// Drops every bond to an endpoint that is not current.
  void keepCurrent();
  void clear();
  /// Drops bonds that have expired, the oldest first, `most` of them at most.
  void dropExpired(uint64_t nowMs, uint64_t timeoutMs, size_t most);

 private:
  struct Hash {
    size_t operator()(const ClientIP& client) const;
  };
  using Bonds = std::list<Bond>;

  void drop(Bonds::iterator bond);

  const size_t maxClients_;
  Bonds bonds_;
  std::unordered_map<ClientIP, Bonds::iterator, Hash> byClient_;
};
