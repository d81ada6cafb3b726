// The relay's side of PROTOCOL.md: bytes in, requests out; and the text of replies. Pure: no I/O, no
// exceptions. A RequestParser owns the beginning of the line it is reading and the request whose lines it is
// collecting; both are bounded.
//
//   idle ──first line of several──▶ collecting ──last line──▶ idle
//    ▲                                  │ a line that does not belong to it, or is wrong
//    └──── another request's line ── skipping (the rest of what has had its error)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "address.h"
#include "balancer.h"
#include "portal.h"

constexpr uint64_t kProtocolVersion = 1;
constexpr size_t kMaxLineBytes = 4096;
constexpr size_t kMaxNameBytes = 512;
/// Of one request: endpoints, and names of `keep`.
constexpr uint64_t kMaxLines = 65536;

enum class Verb : uint8_t {
  hello,
  configure,
  portal,
  route,
  close,
  keep,
  portals,
  counters,
  events,
  ping,
  handOver,
  limit,
  process,
  affinity,
  shutdown
};

/// One whole request. What its verb does not take is as it was made.
struct Request {
  std::string tag;
  Verb verb = Verb::ping;
  uint64_t version = 0;
  std::string name;
  Protocol protocol = Protocol::tcp;
  SocketAddress address;
  uint32_t affinitySeconds = 0;
  /// Of `counters`: all of them, whoever knows of them.
  bool all = false;
  std::vector<RoutedEndpoint> endpoints;
  std::vector<std::string> names;
  std::optional<uint64_t> udpIdleMs, udpReplyMs, udpSessions, files, halfClosedMs, connections;
  uint64_t graceMs = 0;
};

/// A request, or what is wrong with one.
struct Parsed {
  Request request;
  /// A code of PROTOCOL.md, or null where it is a request. `request` has no more than its tag then.
  const char* error = nullptr;
  std::string text;
};

class RequestParser {
 public:
  /// Reads on; appends what is complete. A byte that is not there yet changes nothing: any split gives the
  /// same.
  void feed(std::string_view bytes, std::vector<Parsed>& out);

 private:
  void line(std::string_view text, bool tooLong, std::vector<Parsed>& out);
  void firstLine(std::string_view tag, const std::vector<std::string_view>& words, std::vector<Parsed>& out);
  /// What is wrong with it, or null.
  std::string furtherLine(const std::vector<std::string_view>& words);
  void fail(std::string_view tag, const char* code, std::string text, std::vector<Parsed>& out);
  void complete(std::vector<Parsed>& out);

  std::string partial_;
  bool tooLong_ = false;
  Request collecting_;
  std::unordered_set<std::string> seen_;
  /// Lines that are to come: of `collecting_`, or of what is skipped.
  uint64_t missing_ = 0;
  bool isCollecting_ = false;
  std::string skippedTag_;
};

/// `TAG ok` or `TAG ok TEXT`, with its line feed.
std::string okLine(std::string_view tag, std::string_view text = {});
/// `TAG error CODE TEXT`, with its line feed.
std::string errorLine(std::string_view tag, std::string_view code, std::string_view text);
