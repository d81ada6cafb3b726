// The sessions of one worker by key, and in the order of last use: those that owe an answer apart from the
// others, because they may be idle for longer. So who has been idle for too long is at the front of one of
// both, and is found without looking at another. It owns none of them.
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
  /// It is the one used last now, and owes so many answers.
  void touch(UdpSession* session, uint64_t nowMs, uint64_t owed);
  /// Those that owe no answer, and then those that do; of each the one idle longest first.
  template <typename Visit>
  void each(Visit visit) const {
    for (const ByUse* list : {&settled_, &owing_})
      for (UdpSession* session = list->front(); session != nullptr; session = list->after(session))
        visit(*session);
  }
  /// The one idle longest, whatever it owes; null where there is none.
  UdpSession* oldest() const;
  /// Of those that owe no answer.
  UdpSession* oldestSettled() const { return settled_.front(); }
  /// Of those that owe one.
  UdpSession* oldestOwing() const { return owing_.front(); }

 private:
  using ByUse = IntrusiveList<UdpSession, &UdpSession::byUse>;

  void grow();
  ByUse& listOf(const UdpSession* session) { return session->owed > 0 ? owing_ : settled_; }
  size_t bucketOf(const SessionKey& key) const { return key.hash() & (buckets_.size() - 1); }

  std::vector<UdpSession*> buckets_;
  size_t count_ = 0;
  ByUse settled_;
  ByUse owing_;
};
