#include "balancer.h"

#include <algorithm>
#include <cstdlib>
#include <unordered_set>

#include "affinity.h"

/// What is served, in order. Only the cursor changes: the index of whose turn it is, or kFrozen once another
/// table takes over.
struct EndpointTable {
  struct Entry {
    Endpoint* endpoint;
    bool leadsBack;
  };
  std::vector<Entry> entries;
  /// 0 where there is no affinity.
  uint64_t affinityMs = 0;
  std::atomic<uint64_t> next{0};
};

namespace {

constexpr uint64_t kFrozen = UINT64_MAX;

/// How often a new table is made anew because a pick came between; then picks wait for it instead.
constexpr int kTriesToReplace = 8;

/// The index of whose turn it is from `next` on, passing over those in `tried` and those that are set aside;
/// where that is all of them, over those in `tried`; the one at `next` where that is all of them, too.
size_t whoseTurn(const EndpointTable& table, uint64_t next, uint64_t nowMs, const Tried& tried) {
  const size_t length = table.entries.size();
  size_t untried = length;
  for (size_t skipped = 0; skipped < length; skipped++) {
    const size_t index = next + skipped < length ? next + skipped : next + skipped - length;
    const Endpoint* const endpoint = table.entries[index].endpoint;
    if (tried.has(endpoint)) continue;
    if (!endpoint->failing.isPassedOver(nowMs)) return index;
    if (untried == length) untried = index;
  }
  return untried == length ? next : untried;
}

/// Whether there is one that is neither in `tried` nor set aside.
bool hasOther(const EndpointTable& table, uint64_t nowMs, const Tried& tried) {
  return std::any_of(table.entries.begin(), table.entries.end(), [&](const EndpointTable::Entry& entry) {
    return !tried.has(entry.endpoint) && !entry.endpoint->failing.isPassedOver(nowMs);
  });
}

Picked take(const EndpointTable::Entry& entry) {
  entry.endpoint->uses.fetch_add(1, std::memory_order_relaxed);
  return {entry.endpoint, entry.leadsBack};
}

/// The next in rotation, as its index; -1 where the table is being replaced. The table is not empty.
ptrdiff_t turn(EndpointTable& table, uint64_t nowMs, const Tried& tried) {
  uint64_t next = table.next.load(std::memory_order_acquire);
  while (next != kFrozen) {
    const size_t index = whoseTurn(table, next, nowMs, tried);
    const uint64_t after = index + 1 == table.entries.size() ? 0 : index + 1;
    if (!table.next.compare_exchange_weak(next, after, std::memory_order_acq_rel)) continue;
    if (table.entries[index].endpoint->failing.picked(nowMs)) return static_cast<ptrdiff_t>(index);
    // Another worker has the trial of this one.
    next = table.next.load(std::memory_order_acquire);
  }
  return -1;
}

}  // namespace

Balancer::Balancer(double (*random)(), size_t maxAffinityClients)
    : table_(new EndpointTable), random_(random), maxAffinityClients_(maxAffinityClients) {}

Balancer::~Balancer() { delete table_.load(std::memory_order_relaxed); }

void Balancer::route(const std::vector<RoutedEndpoint>& endpoints, uint32_t affinitySeconds, uint64_t nowMs) {
  EndpointTable* const before = table_.load(std::memory_order_relaxed);
  // Bonds and tables change together where clients are bound: a pick must not bind one to an endpoint that
  // has just gone.
  const std::lock_guard<std::mutex> lock(affinityMutex_);
  std::vector<EndpointTable::Entry> wanted;
  std::unordered_map<const Endpoint*, bool> leadsBack;
  wanted.reserve(endpoints.size());
  for (const RoutedEndpoint& routed : endpoints) {
    std::unique_ptr<Endpoint>& known = endpoints_[routed.key];
    if (known == nullptr) {
      known = std::make_unique<Endpoint>();
      known->key = routed.key;
      known->address = routed.address;
    }
    wanted.push_back({known.get(), routed.leadsBack});
    leadsBack.emplace(known.get(), routed.leadsBack);
  }
  auto after = std::make_unique<EndpointTable>();
  after->affinityMs = static_cast<uint64_t>(affinitySeconds) * 1000;
  uint64_t cursor = before->next.load(std::memory_order_acquire);
  for (int tries = 1;; tries++) {
    if (tries > kTriesToReplace) cursor = before->next.exchange(kFrozen, std::memory_order_acq_rel);
    after->entries.clear();
    after->next.store(0, std::memory_order_relaxed);
    const size_t length = before->entries.size();
    std::unordered_set<const Endpoint*> survivors;
    // In the order in which they would have been served, then the newcomers.
    for (size_t i = 0; i < length; i++) {
      Endpoint* const endpoint = before->entries[(cursor + i) % length].endpoint;
      const auto stays = leadsBack.find(endpoint);
      if (stays == leadsBack.end()) continue;
      survivors.insert(endpoint);
      after->entries.push_back({endpoint, stays->second});
    }
    const bool whollyNew = survivors.empty();
    for (const EndpointTable::Entry& entry : wanted)
      if (survivors.count(entry.endpoint) == 0) after->entries.push_back(entry);
    if (whollyNew && random_ != nullptr && !wanted.empty()) {
      const auto start = static_cast<uint64_t>(random_() * static_cast<double>(wanted.size()));
      after->next.store(start, std::memory_order_relaxed);
    }
    if (tries > kTriesToReplace ||
        before->next.compare_exchange_strong(cursor, kFrozen, std::memory_order_acq_rel))
      break;
  }
  for (const EndpointTable::Entry& entry : before->entries) {
    if (leadsBack.count(entry.endpoint) > 0) continue;
    entry.endpoint->current.store(false, std::memory_order_release);
    entry.endpoint->usable.store(false, std::memory_order_release);
    entry.endpoint->failing.succeeded();
  }
  for (const EndpointTable::Entry& entry : wanted) {
    // One that was away is well when it comes back, whatever a late dial has told since.
    if (!entry.endpoint->current.load(std::memory_order_relaxed)) entry.endpoint->failing.succeeded();
    entry.endpoint->current.store(true, std::memory_order_release);
    entry.endpoint->usable.store(!entry.leadsBack, std::memory_order_release);
  }
  if (affinity_ != nullptr) {
    if (before->affinityMs != 0) affinity_->dropExpired(nowMs, before->affinityMs, SIZE_MAX);
    if (after->affinityMs == 0)
      affinity_->clear();
    else
      affinity_->keepCurrent();
  }
  if (after->affinityMs != 0 && affinity_ == nullptr)
    affinity_ = std::make_unique<Affinity>(maxAffinityClients_);
  table_.store(after.release(), std::memory_order_release);
  retired_.emplace_back(before);
}

Picked Balancer::pick(const ClientIP& client, uint64_t nowMs, const Tried& tried) {
  while (true) {
    EndpointTable* const table = table_.load(std::memory_order_acquire);
    if (table->affinityMs != 0) return pickBound(client, nowMs, tried);
    if (table->entries.empty()) return {};
    const ptrdiff_t index = turn(*table, nowMs, tried);
    // Frozen: route(), which has given up racing with picks, publishes the next table as soon as it is made.
    if (index >= 0) return take(table->entries[static_cast<size_t>(index)]);
  }
}

Picked Balancer::pickBound(const ClientIP& client, uint64_t nowMs, const Tried& tried) {
  const std::lock_guard<std::mutex> lock(affinityMutex_);
  EndpointTable* const table = table_.load(std::memory_order_acquire);
  if (table->entries.empty()) return {};
  Endpoint* const bound =
      table->affinityMs == 0 ? nullptr : affinity_->find(client, nowMs, table->affinityMs);
  // Bonds to endpoints that went were dropped with the table that had them.
  const auto stays = [&] {
    if (bound == nullptr || tried.has(bound)) return false;
    // Where another worker has just taken its trial, it is passed over by now.
    while (!bound->failing.isPassedOver(nowMs))
      if (bound->failing.picked(nowMs)) return true;
    return !hasOther(*table, nowMs, tried);
  };
  if (stays()) {
    affinity_->use(client, bound, nowMs);
    return take({bound, !bound->usable.load(std::memory_order_relaxed)});
  }
  // Nobody replaces the table meanwhile.
  const Picked picked = take(table->entries[static_cast<size_t>(turn(*table, nowMs, tried))]);
  if (table->affinityMs != 0) affinity_->use(client, picked.endpoint, nowMs);
  return picked;
}

void Balancer::forget(const ClientIP& client, const Endpoint* endpoint) {
  const std::lock_guard<std::mutex> lock(affinityMutex_);
  if (affinity_ != nullptr) affinity_->forget(client, endpoint);
}

bool Balancer::isEmpty() const { return table_.load(std::memory_order_acquire)->entries.empty(); }

bool Balancer::needsClient() const { return table_.load(std::memory_order_acquire)->affinityMs != 0; }

std::vector<SetAside> Balancer::setAside(uint64_t nowMs) const {
  const EndpointTable& table = *table_.load(std::memory_order_acquire);
  std::vector<SetAside> found;
  for (const EndpointTable::Entry& entry : table.entries)
    if (entry.endpoint->failing.isSetAside())
      found.push_back({entry.endpoint, entry.endpoint->failing.remainingMs(nowMs)});
  if (found.size() == table.entries.size()) found.clear();
  return found;
}

size_t Balancer::affinityClients(uint64_t nowMs) {
  // So many at a time: picks wait for the lock.
  constexpr size_t kDroppedAtOnce = 256;
  if (!needsClient()) return 0;
  while (true) {
    const std::lock_guard<std::mutex> lock(affinityMutex_);
    // Of this thread's making, and so is the table.
    const uint64_t affinityMs = table_.load(std::memory_order_relaxed)->affinityMs;
    const size_t before = affinity_->size();
    affinity_->dropExpired(nowMs, affinityMs, kDroppedAtOnce);
    if (before - affinity_->size() < kDroppedAtOnce) return affinity_->size();
  }
}

std::optional<BoundTo> Balancer::bondOf(const ClientIP& client, uint64_t nowMs) const {
  if (!needsClient()) return std::nullopt;
  const std::lock_guard<std::mutex> lock(affinityMutex_);
  const Affinity::Bond* const bond = affinity_->bond(client);
  if (bond == nullptr) return std::nullopt;
  const uint64_t untilMs = bond->lastUsedMs + table_.load(std::memory_order_relaxed)->affinityMs;
  if (untilMs <= nowMs) return std::nullopt;
  return BoundTo{bond->endpoint->key, untilMs - nowMs};
}

bool Balancer::hasRetired() const { return !retired_.empty() || holdsGone_; }

void Balancer::reclaim() {
  retired_.clear();
  bool someHeld = false;
  for (auto known = endpoints_.begin(); known != endpoints_.end();) {
    const Endpoint& endpoint = *known->second;
    const bool isGone = !endpoint.current.load(std::memory_order_relaxed);
    if (isGone && endpoint.uses.load(std::memory_order_acquire) == 0) {
      known = endpoints_.erase(known);
      continue;
    }
    someHeld = someHeld || isGone;
    ++known;
  }
  holdsGone_ = someHeld;
}

std::vector<RoutedEndpoint> Balancer::inTurn() const {
  const EndpointTable& table = *table_.load(std::memory_order_acquire);
  const size_t length = table.entries.size();
  std::vector<RoutedEndpoint> endpoints;
  endpoints.reserve(length);
  for (size_t i = 0; i < length; i++) {
    const auto& [endpoint, leadsBack] =
        table.entries[(table.next.load(std::memory_order_relaxed) + i) % length];
    endpoints.push_back({endpoint->key, endpoint->address, leadsBack});
  }
  return endpoints;
}

uint32_t Balancer::affinitySeconds() const {
  return static_cast<uint32_t>(table_.load(std::memory_order_acquire)->affinityMs / 1000);
}

void Balancer::eachBond(
    const std::function<void(const ClientIP&, const Endpoint&, uint64_t lastUsedMs)>& visit) const {
  const std::lock_guard<std::mutex> lock(affinityMutex_);
  if (affinity_ != nullptr) affinity_->each(visit);
}

void Balancer::bind(const ClientIP& client, Endpoint* endpoint, uint64_t lastUsedMs) {
  const std::lock_guard<std::mutex> lock(affinityMutex_);
  if (affinity_ != nullptr) affinity_->use(client, endpoint, lastUsedMs);
}

void Balancer::beginWithFirst() {
  table_.load(std::memory_order_acquire)->next.store(0, std::memory_order_relaxed);
}

Endpoint* Balancer::find(const std::string& key) const {
  const auto found = endpoints_.find(key);
  return found == endpoints_.end() ? nullptr : found->second.get();
}

Endpoint* Balancer::addGone(const std::string& key, const SocketAddress& address) {
  auto endpoint = std::make_unique<Endpoint>();
  endpoint->key = key;
  endpoint->address = address;
  endpoint->current.store(false, std::memory_order_relaxed);
  endpoint->usable.store(false, std::memory_order_relaxed);
  holdsGone_ = true;
  return endpoints_.emplace(key, std::move(endpoint)).first->second.get();
}
