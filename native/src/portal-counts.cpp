#include "portal-counts.h"

#include <algorithm>
#include <iterator>
#include <new>

namespace {

template <size_t size>
void addTo(int64_t (&sums)[size], const Count (&counts)[size]) {
  for (size_t i = 0; i < size; i++) sums[i] += counts[i].read();
}

}  // namespace

const char* dropWord(Drop reason) {
  switch (reason) {
    case Drop::sendQueueFull:
      return "send-queue-full";
    case Drop::tooLong:
      return "too-long";
    case Drop::icmpRefused:
      return "icmp-refused";
    case Drop::dialFailed:
      return "dial-failed";
    case Drop::leadsBack:
      return "leads-back";
    case Drop::sourcePort0:
      return "source-port-0";
    case Drop::replyFailed:
      return "reply-failed";
    case Drop::outOfMemory:
      return "out-of-memory";
  }
  return "dial-failed";
}

void PortalCounts::failed(Failure reason) {
  if (RarerCounts* const counts = rarer()) counts->failures[static_cast<size_t>(reason)].add(1);
}

void PortalCounts::dropped(Drop reason, int64_t datagrams) {
  droppedDatagrams.add(datagrams);
  if (RarerCounts* const counts = rarer()) counts->drops[static_cast<size_t>(reason)].add(datagrams);
}

void PortalCounts::dialled(uint32_t us) {
  RarerCounts* const counts = rarer();
  if (counts == nullptr) return;
  const auto* const bound = std::lower_bound(std::begin(kDialBoundsUs), std::end(kDialBoundsUs), us);
  counts->dials[bound - std::begin(kDialBoundsUs)].add(1);
  counts->dialUs.add(us);
}

RarerCounts* PortalCounts::rarer() {
  RarerCounts* counts = rarer_.load(std::memory_order_relaxed);
  if (counts == nullptr) {
    counts = new (std::nothrow) RarerCounts;
    rarer_.store(counts, std::memory_order_release);
  }
  return counts;
}

PortalCountsSum sumOf(const PortalCounts* counts, unsigned workers) {
  PortalCountsSum sum{};
  for (unsigned i = 0; i < workers; i++) {
    const PortalCounts& one = counts[i];
    sum.active += one.active.read();
    sum.total += one.total.read();
    sum.bytesIn += one.bytesIn.read();
    sum.bytesOut += one.bytesOut.read();
    sum.dialFailures += one.dialFailures.read();
    sum.noEndpoints += one.noEndpoints.read();
    sum.refusedForFiles += one.refusedForFiles.read();
    sum.udpSessions += one.udpSessions.read();
    sum.udpTotal += one.udpTotal.read();
    sum.udpEvicted += one.udpEvicted.read();
    sum.datagramsIn += one.datagramsIn.read();
    sum.datagramsOut += one.datagramsOut.read();
    sum.droppedDatagrams += one.droppedDatagrams.read();
    sum.halfClosedTimeouts += one.halfClosedTimeouts.read();
    sum.waitedForPlace += one.waitedForPlace.read();
    const RarerCounts* const rarer = one.rarerSoFar();
    if (rarer == nullptr) continue;
    addTo(sum.failures, rarer->failures);
    addTo(sum.drops, rarer->drops);
    addTo(sum.dials, rarer->dials);
    sum.dialUs += rarer->dialUs.read();
  }
  return sum;
}
