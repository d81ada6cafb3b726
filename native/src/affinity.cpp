#include "affinity.h"

#include <string_view>

#include "balancer.h"

namespace {

/// Enough to shrink faster than the table can grow, and no look-up pays for all.
constexpr size_t kDroppedInPassing = 2;

/// Not the difference of the two: each worker has a clock of its own, read once a turn, so that another's use
/// may be a little later than this one's now.
bool isOver(uint64_t lastUsedMs, uint64_t nowMs, uint64_t timeoutMs) {
  return nowMs >= lastUsedMs + timeoutMs;
}

}  // namespace

size_t Affinity::Hash::operator()(const ClientIP& client) const {
  return std::hash<std::string_view>()({reinterpret_cast<const char*>(client.data()), client.size()});
}

Endpoint* Affinity::find(const ClientIP& client, uint64_t nowMs, uint64_t timeoutMs) {
  dropExpired(nowMs, timeoutMs, kDroppedInPassing);
  const auto found = byClient_.find(client);
  if (found == byClient_.end() || isOver(found->second->lastUsedMs, nowMs, timeoutMs)) return nullptr;
  return found->second->endpoint;
}

const Affinity::Bond* Affinity::bond(const ClientIP& client) const {
  const auto found = byClient_.find(client);
  return found == byClient_.end() ? nullptr : &*found->second;
}

void Affinity::use(const ClientIP& client, Endpoint* endpoint, uint64_t nowMs) {
  const auto found = byClient_.find(client);
  if (found != byClient_.end()) {
    found->second->endpoint = endpoint;
    found->second->lastUsedMs = nowMs;
    bonds_.splice(bonds_.end(), bonds_, found->second);
    return;
  }
  byClient_.emplace(client, bonds_.insert(bonds_.end(), {client, endpoint, nowMs}));
  if (bonds_.size() > maxClients_) drop(bonds_.begin());
}

void Affinity::forget(const ClientIP& client, const Endpoint* endpoint) {
  const auto found = byClient_.find(client);
  if (found != byClient_.end() && found->second->endpoint == endpoint) drop(found->second);
}

void Affinity::keepCurrent() {
  for (auto bond = bonds_.begin(); bond != bonds_.end();) {
    const auto next = std::next(bond);
    if (!bond->endpoint->current.load(std::memory_order_relaxed)) drop(bond);
    bond = next;
  }
}

void Affinity::clear() {
  byClient_.clear();
  bonds_.clear();
}

void Affinity::dropExpired(uint64_t nowMs, uint64_t timeoutMs, size_t most) {
  for (size_t dropped = 0; dropped < most && !bonds_.empty(); dropped++) {
    if (!isOver(bonds_.front().lastUsedMs, nowMs, timeoutMs)) return;
    drop(bonds_.begin());
  }
}

void Affinity::drop(Bonds::iterator bond) {
  byClient_.erase(bond->client);
  bonds_.erase(bond);
}
