#include "udp-session-table.h"

namespace {

constexpr size_t kFirstBuckets = 64;

}  // namespace

size_t SessionKey::hash() const {
  uint64_t words[sizeof(SessionKey) / sizeof(uint64_t)];
  static_assert(sizeof words == sizeof(SessionKey), "a key has no room between its parts");
  memcpy(words, this, sizeof words);
  // Mixed by multiplying with an odd constant (2^64 divided by the golden ratio) and folding the upper half
  // back.
  uint64_t mixed = 0;
  for (const uint64_t word : words) {
    mixed = (mixed ^ word) * 0x9e3779b97f4a7c15U;
    mixed ^= mixed >> 32;
  }
  return mixed;
}

UdpSession* UdpSessionTable::find(const SessionKey& key) const {
  if (buckets_.empty()) return nullptr;
  UdpSession* session = buckets_[bucketOf(key)];
  while (session != nullptr && !(session->key == key)) session = session->nextInBucket;
  return session;
}

void UdpSessionTable::add(UdpSession* session) {
  if (count_ >= buckets_.size()) grow();
  UdpSession*& first = buckets_[bucketOf(session->key)];
  session->nextInBucket = first;
  first = session;
  count_ += 1;
  listOf(session).pushBack(session);
}

void UdpSessionTable::remove(UdpSession* session) {
  UdpSession** link = &buckets_[bucketOf(session->key)];
  while (*link != session) link = &(*link)->nextInBucket;
  *link = session->nextInBucket;
  count_ -= 1;
  listOf(session).remove(session);
}

void UdpSessionTable::touch(UdpSession* session, uint64_t nowMs, uint64_t owed) {
  listOf(session).remove(session);
  session->lastUsedMs = nowMs;
  session->owed = owed;
  listOf(session).pushBack(session);
}

UdpSession* UdpSessionTable::oldest() const {
  UdpSession* const settled = settled_.front();
  UdpSession* const owing = owing_.front();
  if (settled == nullptr || owing == nullptr) return settled == nullptr ? owing : settled;
  return owing->lastUsedMs < settled->lastUsedMs ? owing : settled;
}

void UdpSessionTable::grow() {
  std::vector<UdpSession*> before;
  before.swap(buckets_);
  buckets_.resize(before.empty() ? kFirstBuckets : before.size() * 2);
  for (UdpSession* session : before) {
    while (session != nullptr) {
      UdpSession* const next = session->nextInBucket;
      UdpSession*& first = buckets_[bucketOf(session->key)];
      session->nextInBucket = first;
      first = session;
      session = next;
    }
  }
}
