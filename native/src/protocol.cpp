#include "protocol.h"

#include <utility>

namespace {

constexpr size_t kMaxTagDigits = 15;

/// Of a word that is not known, told again.
constexpr size_t kEchoedBytes = 64;

constexpr size_t kNoLimit = SIZE_MAX;

using Words = std::vector<std::string_view>;

bool isPrintable(std::string_view text) {
  for (const char byte : text)
    if (byte < 0x20 || byte > 0x7e) return false;
  return true;
}

/// The digits it begins with where they are a tag; else empty.
std::string_view tagOf(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') digits++;
  if (digits == 0 || digits > kMaxTagDigits) return {};
  if (digits < text.size() && text[digits] != ' ') return {};
  return text.substr(0, digits);
}

/// Empty where two spaces meet or one is at an end.
Words split(std::string_view text) {
  Words words;
  while (true) {
    const size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    if (word.empty()) return {};
    words.push_back(word);
    if (space == std::string_view::npos) return words;
    text.remove_prefix(space + 1);
  }
}

/// Decimal without a leading zero, `least` to `most`.
std::optional<uint64_t> parseNumber(std::string_view text, uint64_t least, uint64_t most) {
  if (text.empty() || text.size() > 10 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  uint64_t number = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  if (number < least || number > most) return std::nullopt;
  return number;
}

/// What follows `key` and `=`; nullopt where it begins otherwise.
std::optional<std::string_view> valueOf(std::string_view word, std::string_view key) {
  if (word.size() <= key.size() || word.substr(0, key.size()) != key || word[key.size()] != '=')
    return std::nullopt;
  return word.substr(key.size() + 1);
}

bool parseAffinity(std::string_view word, uint32_t& seconds) {
  const auto value = valueOf(word, "affinity");
  if (!value) return false;
  if (*value == "none") {
    seconds = 0;
    return true;
  }
  const auto number = parseNumber(*value, 1, 86'400);
  if (number) seconds = static_cast<uint32_t>(*number);
  return number.has_value();
}

bool parseCount(std::string_view word, uint64_t& count) {
  const auto value = valueOf(word, "endpoints");
  const auto number = value ? parseNumber(*value, 0, kMaxLines) : std::nullopt;
  if (number) count = *number;
  return number.has_value();
}

const char* const kBadName = "NAME has more than 512 bytes";
const char* const kBadAffinity = "AFFINITY is neither affinity=none nor affinity=1 to affinity=86400";
constexpr uint64_t kMostConnections = 1'000'000;
const char* const kBadConnections = "connections is not 0 to 1000000";
const char* const kBadCount = "endpoints=N expected, N from 0 to 65536";

// Each reads the words behind its verb: what is wrong, or null. `lines` is how many lines are to follow.

const char* readHello(const Words& words, Request& request) {
  const auto version = parseNumber(words[0], 0, UINT32_MAX);
  if (!version) return "the version is not a number";
  request.version = *version;
  return nullptr;
}

const char* readConfigure(const Words& words, Request& request) {
  for (const std::string_view word : words) {
    std::optional<uint64_t>* setting = nullptr;
    std::optional<uint64_t> number;
    if (const auto idle = valueOf(word, "udp-idle-ms")) {
      setting = &request.udpIdleMs;
      number = parseNumber(*idle, 1, 2'147'483'647);
      if (!number) return "udp-idle-ms is not 1 to 2147483647";
    } else if (const auto reply = valueOf(word, "udp-reply-ms")) {
      setting = &request.udpReplyMs;
      number = parseNumber(*reply, 0, 2'147'483'647);
      if (!number) return "udp-reply-ms is not 0 to 2147483647";
    } else if (const auto sessions = valueOf(word, "udp-sessions")) {
      setting = &request.udpSessions;
      number = parseNumber(*sessions, 1, 1'000'000);
      if (!number) return "udp-sessions is not 1 to 1000000";
    } else if (const auto files = valueOf(word, "files")) {
      setting = &request.files;
      number = parseNumber(*files, 1, 1'000'000);
      if (!number) return "files is not 1 to 1000000";
    } else if (const auto halfClosed = valueOf(word, "half-closed-ms")) {
      setting = &request.halfClosedMs;
      number = parseNumber(*halfClosed, 0, 2'147'483'647);
      if (!number) return "half-closed-ms is not 0 to 2147483647";
    } else if (const auto connections = valueOf(word, "connections")) {
      setting = &request.connections;
      number = parseNumber(*connections, 0, kMostConnections);
      if (!number) return kBadConnections;
    } else {
      return "KEY is none of udp-idle-ms, udp-reply-ms, udp-sessions, files, half-closed-ms, connections";
    }
    if (setting->has_value()) return "a KEY is named twice";
    *setting = number;
  }
  return nullptr;
}

const char* readName(std::string_view word, Request& request) {
  if (word.size() > kMaxNameBytes) return kBadName;
  request.name = word;
  return nullptr;
}

const char* readLimit(const Words& words, Request& request) {
  if (const char* const wrong = readName(words[0], request)) return wrong;
  const auto connections = valueOf(words[1], "connections");
  request.connections = connections ? parseNumber(*connections, 0, kMostConnections) : std::nullopt;
  return request.connections ? nullptr : kBadConnections;
}

const char* readPortal(const Words& words, Request& request, uint64_t& lines) {
  if (const char* const wrong = readName(words[0], request)) return wrong;
  if (words[1] != "tcp" && words[1] != "udp") return "the protocol is neither tcp nor udp";
  request.protocol = words[1] == "tcp" ? Protocol::tcp : Protocol::udp;
  const auto port = parseNumber(words[3], 0, 65'535);
  if (!port) return "PORT is not 0 to 65535";
  const auto address = parseAddress(words[2], static_cast<uint16_t>(*port));
  if (!address) return "ADDRESS is not an IPv4 or IPv6 address";
  request.address = *address;
  if (!parseAffinity(words[4], request.affinitySeconds)) return kBadAffinity;
  return parseCount(words[5], lines) ? nullptr : kBadCount;
}

const char* readRoute(const Words& words, Request& request, uint64_t& lines) {
  if (const char* const wrong = readName(words[0], request)) return wrong;
  if (!parseAffinity(words[1], request.affinitySeconds)) return kBadAffinity;
  return parseCount(words[2], lines) ? nullptr : kBadCount;
}

const char* readKeep(const Words& words, uint64_t& lines) {
  const auto count = parseNumber(words[0], 0, kMaxLines);
  if (!count) return "N is not 0 to 65536";
  lines = *count;
  return nullptr;
}

const char* readCounters(const Words& words, Request& request) {
  request.all = !words.empty();
  return words.empty() || words[0] == "all" ? nullptr : "all expected, or nothing";
}

const char* readAffinity(const Words& words, Request& request) {
  if (const char* const wrong = readName(words[0], request)) return wrong;
  const auto client = parseAddress(words[1], 0);
  if (!client) return "CLIENT is not an IPv4 or IPv6 address";
  request.address = *client;
  return nullptr;
}

const char* readShutdown(const Words& words, Request& request) {
  const auto ms = parseNumber(words[0], 0, 2'147'483'647);
  if (!ms) return "MS is not 0 to 2147483647";
  request.graceMs = *ms;
  return nullptr;
}

struct Form {
  std::string_view word;
  Verb verb;
  /// Words behind the verb.
  size_t least, most;
};

constexpr Form kForms[] = {
    {"hello", Verb::hello, 1, 1},        {"configure", Verb::configure, 1, kNoLimit},
    {"portal", Verb::portal, 6, 6},      {"route", Verb::route, 3, 3},
    {"close", Verb::close, 1, 1},        {"keep", Verb::keep, 1, 1},
    {"portals", Verb::portals, 0, 0},    {"counters", Verb::counters, 0, 1},
    {"events", Verb::events, 0, 0},      {"ping", Verb::ping, 0, 0},
    {"hand-over", Verb::handOver, 0, 0}, {"limit", Verb::limit, 2, 2},
    {"shutdown", Verb::shutdown, 1, 1},  {"process", Verb::process, 0, 0},
    {"affinity", Verb::affinity, 2, 2},
};

const char* read(const Form& form, const Words& words, Request& request, uint64_t& lines) {
  if (words.size() < form.least) return "a word is missing";
  if (words.size() > form.most) return "there are too many words";
  switch (form.verb) {
    case Verb::hello:
      return readHello(words, request);
    case Verb::configure:
      return readConfigure(words, request);
    case Verb::portal:
      return readPortal(words, request, lines);
    case Verb::route:
      return readRoute(words, request, lines);
    case Verb::close:
      return readName(words[0], request);
    case Verb::keep:
      return readKeep(words, lines);
    case Verb::limit:
      return readLimit(words, request);
    case Verb::shutdown:
      return readShutdown(words, request);
    case Verb::counters:
      return readCounters(words, request);
    case Verb::affinity:
      return readAffinity(words, request);
    case Verb::portals:
    case Verb::process:
    case Verb::events:
    case Verb::ping:
    case Verb::handOver:
      return nullptr;
  }
  return nullptr;
}

bool isFurtherWord(std::string_view word) { return word == "endpoint" || word == "name"; }

}  // namespace

void RequestParser::feed(std::string_view bytes, std::vector<Parsed>& out) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    const size_t room = kMaxLineBytes - partial_.size();
    if (piece.size() > room) tooLong_ = true;
    partial_ += piece.substr(0, room);
    if (end == std::string_view::npos) return;
    line(partial_, tooLong_, out);
    partial_.clear();
    tooLong_ = false;
    bytes.remove_prefix(end + 1);
  }
}

void RequestParser::line(std::string_view text, bool tooLong, std::vector<Parsed>& out) {
  const std::string_view tag = tagOf(text);
  if (isCollecting_ && tag != collecting_.tag) {
    // Whatever this line is, the request before it will not become whole.
    const std::string interrupted = collecting_.tag;
    fail(interrupted, "SYNTAX", std::to_string(missing_) + " more lines expected", out);
  }
  if (!skippedTag_.empty() && tag != skippedTag_) {
    skippedTag_.clear();
    missing_ = 0;
  }
  const bool further = isCollecting_;
  const auto wrong = [&](const char* code, std::string what) {
    if (further) missing_--;
    // The error of a request is told once; further lines of it, however wrong, have none of their own.
    if (!skippedTag_.empty() && missing_ > 0)
      missing_--;
    else
      fail(tag.empty() ? "0" : tag, code, std::move(what), out);
  };
  if (tooLong) return wrong("TOO_LONG", "a line has at most 4096 bytes");
  if (!isPrintable(text)) return wrong("SYNTAX", "a byte is not printable ASCII");
  if (tag.empty()) return wrong("SYNTAX", "a line begins with a tag of 1 to 15 digits");
  const Words words = split(text);
  if (words.empty()) return wrong("SYNTAX", "words are separated by one space");
  if (words.size() < 2) return wrong("SYNTAX", "the verb is missing");
  if (further) {
    std::string what = furtherLine(words);
    if (!what.empty()) return wrong("SYNTAX", std::move(what));
    if (--missing_ == 0) complete(out);
    return;
  }
  if (!skippedTag_.empty()) {
    const bool counted = missing_ > 0;
    if (counted) missing_--;
    if (counted || isFurtherWord(words[1])) return;
    skippedTag_.clear();
  }
  firstLine(tag, words, out);
}

void RequestParser::firstLine(std::string_view tag, const std::vector<std::string_view>& words,
                              std::vector<Parsed>& out) {
  for (const Form& form : kForms) {
    if (form.word != words[1]) continue;
    Request request;
    request.tag = tag;
    request.verb = form.verb;
    uint64_t lines = 0;
    const char* const wrong = read(form, Words(words.begin() + 2, words.end()), request, lines);
    if (wrong != nullptr) {
      fail(tag, "SYNTAX", wrong, out);
      return;
    }
    collecting_ = std::move(request);
    missing_ = lines;
    isCollecting_ = lines > 0;
    if (!isCollecting_) complete(out);
    return;
  }
  fail(tag, "UNKNOWN_VERB", std::string(words[1].substr(0, kEchoedBytes)), out);
}

std::string RequestParser::furtherLine(const std::vector<std::string_view>& words) {
  if (collecting_.verb == Verb::keep) {
    if (words[1] != "name" || words.size() != 3) return "name NAME expected";
    if (words[2].size() > kMaxNameBytes) return kBadName;
    collecting_.names.emplace_back(words[2]);
    return {};
  }
  if (words[1] != "endpoint" || words.size() < 3 || words.size() > 4)
    return "endpoint ENDPOINT [leads-back] expected";
  const bool leadsBack = words.size() == 4;
  if (leadsBack && words[3] != "leads-back") return "leads-back expected, or nothing";
  const auto address = parseEndpoint(words[2]);
  if (!address) return "ENDPOINT is not ADDRESS:PORT";
  // One text for each address: two spellings of one endpoint are the same one.
  std::string key = endpointText(*address);
  if (!seen_.insert(key).second) return "an endpoint is named twice: " + key;
  collecting_.endpoints.push_back({std::move(key), *address, leadsBack});
  return {};
}

void RequestParser::fail(std::string_view tag, const char* code, std::string text, std::vector<Parsed>& out) {
  Parsed failed;
  failed.request.tag = tag;
  failed.error = code;
  failed.text = std::move(text);
  // A request of which one line is wrong changes nothing: the rest of it is read over.
  skippedTag_ = failed.request.tag;
  if (!isCollecting_) missing_ = 0;
  isCollecting_ = false;
  collecting_ = Request();
  seen_.clear();
  out.push_back(std::move(failed));
}

void RequestParser::complete(std::vector<Parsed>& out) {
  Parsed parsed;
  parsed.request = std::move(collecting_);
  collecting_ = Request();
  isCollecting_ = false;
  seen_.clear();
  skippedTag_.clear();
  out.push_back(std::move(parsed));
}

std::string okLine(std::string_view tag, std::string_view text) {
  std::string line(tag);
  line += " ok";
  if (!text.empty()) {
    line += ' ';
    line += text;
  }
  line += '\n';
  return line;
}

std::string errorLine(std::string_view tag, std::string_view code, std::string_view text) {
  std::string line(tag);
  line += " error ";
  line += code;
  line += ' ';
  line += text;
  line += '\n';
  return line;
}
