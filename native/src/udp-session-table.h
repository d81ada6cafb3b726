// The sessions of one worker by key, and in the order of last use. It owns none of them.
#pragma once

#include <cstddef>
#include <vector>

#include "intrusive-list.h"
#include "udp-session.h"

class UdpSessionTable {
 public:
  UdpSession* find(const SessionKey& key) const;
  void add(UdpSession* session);
  void remove(UdpSession* session);
  /// It is the one used last now.
  void touch(UdpSession* session, uint64_t nowMs);
  /// The one idle longest first.
  template <typename Visit>
  void each(Visit visit) const {
    for (UdpSession* session = byUse_.front(); session != nullptr; session = byUse_.after(session))
      visit(*session);
  }
  /// The one idle longest; null where there is none.
  UdpSession* oldest() const { return byUse_.front(); }

 private:
  void grow();
  size_t bucketOf(const SessionKey& key) const { return key.hash() & (buckets_.size() - 1); }

  std::vector<UdpSession*> buckets_;
  size_t count_ = 0;
  IntrusiveList<UdpSession, &UdpSession::byUse> byUse_;
};
