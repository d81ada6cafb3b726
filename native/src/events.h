// What workers tell the control thread: failures, and the ends of room. Any thread writes, the control thread
// takes all at once. Bounded: where nobody takes them in time, further ones are counted as lost rather than
// kept.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

struct Portal;
struct Endpoint;
union SocketAddress;

/// `src/relay/engine.ts` says what each means.
enum class Failure : uint8_t {
  noEndpoints,
  dialRefused,
  dialTimeout,
  dialUnreachable,
  dialFailed,
  endpointReset,
  icmpRefused,
  leadsBack,
  outOfFiles,
  halfClosedTimeout
};
constexpr size_t kFailures = 10;
const char* failureWord(Failure reason);

class Events {
 public:
  /// `wakeFd`: an eventfd of the control thread, written to where there were none.
  explicit Events(int wakeFd) : wakeFd_(wakeFd) {}

  /// `error` is an errno or 0; `timeoutMs` is told in its place where it is not 0. `endpoint` may be null.
  void failure(const Portal& portal, const SocketAddress& client, const Endpoint* endpoint, Failure reason,
               int error, uint32_t timeoutMs, bool final);
  void filesExhausted(int64_t limit);
  void filesAvailable();
  void udpSessionsExhausted(int64_t limit);
  /// No place for one more connection, of that portal or, where it is null, of all.
  void connectionsExhausted(const Portal* portal, int64_t limit);

  /// The lines since the last time, each without `* ` and line feed, and how many were lost.
  std::vector<std::string> take(uint64_t& lost);

 private:
  void push(std::string line);

  const int wakeFd_;
  std::mutex mutex_;
  std::vector<std::string> lines_;
  size_t bytes_ = 0;
  uint64_t lost_ = 0;
};
