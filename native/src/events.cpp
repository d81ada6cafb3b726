// Lines for the control connections. Workers add them under a lock that is held for a few moves of a string
// at most; the control thread takes all at once and owns them then.
#include "events.h"

#include <unistd.h>

#include <utility>

#include "address.h"
#include "balancer.h"
#include "error-name.h"
#include "portal.h"

namespace {

/// What may wait for the control thread, in bytes of text.
constexpr size_t kMostBytes = 1024 * 1024;

}  // namespace

const char* failureWord(Failure reason) {
  switch (reason) {
    case Failure::noEndpoints:
      return "no-endpoints";
    case Failure::dialRefused:
      return "dial-refused";
    case Failure::dialTimeout:
      return "dial-timeout";
    case Failure::dialUnreachable:
      return "dial-unreachable";
    case Failure::dialFailed:
      return "dial-failed";
    case Failure::endpointReset:
      return "endpoint-reset";
    case Failure::icmpRefused:
      return "icmp-refused";
    case Failure::leadsBack:
      return "leads-back";
    case Failure::outOfFiles:
      return "out-of-files";
    case Failure::halfClosedTimeout:
      return "half-closed-timeout";
  }
  return "dial-failed";
}

void Events::failure(const Portal& portal, const SocketAddress& client, const Endpoint* endpoint,
                     Failure reason, int error, uint32_t timeoutMs, bool final) {
  std::string line = "failure ";
  line.reserve(portal.name.size() + 160);
  line += portal.name;
  line += portal.protocol == Protocol::tcp ? " tcp " : " udp ";
  line += endpointText(client);
  line += ' ';
  line += endpoint == nullptr ? "-" : endpoint->key;
  line += ' ';
  line += failureWord(reason);
  line += ' ';
  if (timeoutMs > 0)
    line += std::to_string(timeoutMs) + "ms";
  else
    line += error == 0 ? "-" : errorName(error);
  line += final ? " final" : " retried";
  push(std::move(line));
}

void Events::filesExhausted(int64_t limit) { push("files-exhausted " + std::to_string(limit)); }

void Events::filesAvailable() { push("files-available"); }

void Events::udpSessionsExhausted(int64_t limit) { push("udp-sessions-exhausted " + std::to_string(limit)); }

void Events::connectionsExhausted(const Portal* portal, int64_t limit) {
  push("connections-exhausted " + (portal == nullptr ? "-" : portal->name) + ' ' + std::to_string(limit));
}

std::vector<std::string> Events::take(uint64_t& lost) {
  std::vector<std::string> taken;
  const std::lock_guard<std::mutex> lock(mutex_);
  taken.swap(lines_);
  bytes_ = 0;
  lost = std::exchange(lost_, 0);
  return taken;
}

void Events::push(std::string line) {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (bytes_ + line.size() > kMostBytes) {
      // The control thread has been told already: something waits.
      lost_++;
      return;
    }
    bytes_ += line.size();
    lines_.push_back(std::move(line));
    if (lines_.size() > 1) return;
  }
  const uint64_t one = 1;
  // EAGAIN: it has been woken often enough.
  [[maybe_unused]] const ssize_t written = write(wakeFd_, &one, sizeof one);
}
