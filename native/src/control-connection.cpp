#include "control-connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "control-server.h"
#include "counters-reply.h"
#include "process-figures.h"
#include "udp-portal.h"
#include "worker.h"

namespace {

constexpr size_t kReadBytes = 64 * 1024;

/// Reads of one peer before others have their turn.
constexpr int kReadsAtOnce = 16;

constexpr size_t kMostEventBytes = 1024 * 1024;

/// Unsent replies above which no further request of the peer is begun.
constexpr size_t kEnoughUnsent = 1024 * 1024;

/// One reply may be large; a peer that leaves this much unread is closed.
constexpr size_t kMostUnsent = 64 * 1024 * 1024;

/// Of what has been sent, where the peer leaves something unread all the time.
constexpr size_t kMostSentKept = 1024 * 1024;

const char* codeOf(OpenError error) {
  switch (error) {
    case OpenError::portInUse:
      return "PORT_IN_USE";
    case OpenError::filesExhausted:
      return "FILES_EXHAUSTED";
    case OpenError::shuttingDown:
      return "SHUTTING_DOWN";
    case OpenError::openFailed:
    case OpenError::none:
      return "OPEN_FAILED";
  }
  return "OPEN_FAILED";
}

}  // namespace

ControlConnection::ControlConnection(ControlServer& server, uint64_t id, int fd)
    : server_(server), id_(id), fd_(fd), out_(server.greeting()) {}

ControlConnection::~ControlConnection() { close(fd_); }

void ControlConnection::onEvents(uint32_t events) {
  // Both ways are closed: replies are for nobody, but what was asked before still takes effect.
  if ((events & (EPOLLHUP | EPOLLERR)) != 0) gone_ = true;
  progress();
}

void ControlConnection::progress() {
  if (done_) return;
  for (int reads = 0; reads < kReadsAtOnce || gone_;) {
    runWaiting();
    flush();
    if (!waiting_.empty()) {
      if (mayRun(waiting_.front().request)) continue;
      break;
    }
    if (sawEnd_ || closing_ || out_.size() - sent_ > kEnoughUnsent || !readOnce()) break;
    reads++;
  }
  if (!waiting_.empty() && mayRun(waiting_.front().request)) server_.later(id_);
  if (out_.size() - sent_ > kMostUnsent) {
    fprintf(stderr, "kube-splice-relay: a control peer was closed: it does not read its replies\n");
    done_ = true;
  }
  if (closing_ && isFlushed()) done_ = true;
  const bool answered = gone_ || (isFlushed() && shutdowns_ == 0);
  if (sawEnd_ && waiting_.empty() && pending_ == 0 && answered) done_ = true;
  watch();
}

bool ControlConnection::readOnce() {
  char bytes[kReadBytes];
  const ssize_t got = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
  if (got > 0) {
    std::vector<Parsed> parsed;
    parser_.feed({bytes, static_cast<size_t>(got)}, parsed);
    std::move(parsed.begin(), parsed.end(), std::back_inserter(waiting_));
    return true;
  }
  if (got < 0 && errno == EINTR) return true;
  // One that takes no replies (shutdown(2), SHUT_RD) may have closed, and is not watched: what it has sent
  // until now is all that it asks.
  if (got < 0 && errno == EAGAIN && !gone_) return false;
  if (got < 0) gone_ = true;
  sawEnd_ = true;
  return false;
}

void ControlConnection::flush() {
  while (!gone_) {
    if (sent_ == out_.size()) {
      out_.clear();
      sent_ = 0;
      out_.swap(events_);
      if (lost_ > 0) out_ += "* lost " + std::to_string(std::exchange(lost_, 0)) + "\n";
      if (out_.empty()) return;
    }
    const ssize_t written = send(fd_, out_.data() + sent_, out_.size() - sent_, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (written >= 0) {
      sent_ += static_cast<size_t>(written);
      dropSent();
    } else if (errno == EAGAIN || errno == EINTR) {
      return;
    } else {
      gone_ = true;
    }
  }
  out_.clear();
  events_.clear();
  sent_ = 0;
}

void ControlConnection::dropSent() {
  // Half of it at least, so that what moves to the front is never more than what was sent.
  if (sent_ < kMostSentKept || sent_ < out_.size() / 2) return;
  out_.erase(0, sent_);
  sent_ = 0;
}

void ControlConnection::watch() {
  // EPOLLHUP can't be masked: where only pending requests are waited for, the socket is not watched at all.
  uint32_t events = EPOLLHUP;
  if (waiting_.empty() && !sawEnd_ && !closing_ && out_.size() - sent_ <= kEnoughUnsent) events |= EPOLLIN;
  if (!isFlushed()) events |= EPOLLOUT;
  if (gone_ || done_) events = 0;
  if (events == watched_) return;
  epoll_event event{};
  event.events = events;
  event.data.fd = fd_;
  const int operation = events == 0 ? EPOLL_CTL_DEL : watched_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  // ENOMEM, ENOSPC: a peer that can't be watched is let go.
  if (epoll_ctl(server_.epollFd(), operation, fd_, &event) != 0) done_ = true;
  watched_ = events;
}

bool ControlConnection::mayRun(const Request& request) const {
  if (closing_ || (out_.size() - sent_ > kEnoughUnsent && !gone_)) return false;
  return pending_ == 0 || (onlyCloses_ && request.verb == Verb::close);
}

void ControlConnection::runWaiting() {
  while (!waiting_.empty() && mayRun(waiting_.front().request)) {
    Parsed parsed = std::move(waiting_.front());
    waiting_.pop_front();
    if (parsed.error != nullptr)
      reply(errorLine(parsed.request.tag, parsed.error, parsed.text));
    else if (!greeted_ && parsed.request.verb != Verb::hello)
      reply(errorLine(parsed.request.tag, "HELLO_EXPECTED", "the first request is hello 1"));
    else
      run(parsed.request);
  }
}

void ControlConnection::run(Request& request) {
  Relay& relay = server_.relay();
  ControlServer* const server = &server_;
  const uint64_t id = id_;
  const std::string& tag = request.tag;
  switch (request.verb) {
    case Verb::hello:
      greeted_ = request.version == kProtocolVersion;
      closing_ = !greeted_;
      reply(greeted_ ? okLine(tag) : errorLine(tag, "VERSION", "this relay speaks version 1"));
      return;
    case Verb::configure:
      if (request.udpIdleMs) relay.setUdpIdleMs(*request.udpIdleMs);
      if (request.udpReplyMs) setUdpReplyMs(relay, *request.udpReplyMs);
      if (request.udpSessions) relay.setUdpSessions(static_cast<int64_t>(*request.udpSessions));
      if (request.files)
        relay.setFiles(std::min(static_cast<int64_t>(*request.files), server_.options().files));
      if (request.connections) relay.setMaxConnections(static_cast<int64_t>(*request.connections));
      if (request.halfClosedMs) relay.setHalfClosedMs(*request.halfClosedMs);
      reply(okLine(tag));
      return;
    case Verb::portal:
      open(request);
      return;
    case Verb::route:
      reply(relay.route(request.name, request.endpoints, request.affinitySeconds)
                ? okLine(tag)
                : errorLine(tag, "NO_PORTAL", request.name));
      return;
    case Verb::close:
      if (pending_++ == 0) onlyCloses_ = true;
      relay.close(request.name, [server, id, line = okLine(tag)] {
        if (ControlConnection* const peer = server->connection(id)) peer->finished(line);
      });
      return;
    case Verb::keep:
      keep(request);
      return;
    case Verb::portals:
      relay.eachPortal([this, &tag](const Portal& portal) {
        reply(tag + " portal " + portal.name + (portal.protocol == Protocol::tcp ? " tcp " : " udp ") +
              addressText(portal.bound) + ' ' + std::to_string(portal.bound.port()) + '\n');
      });
      reply(okLine(tag));
      return;
    case Verb::counters:
      relay.eachPortal([&](Portal& portal) { reply(countersReply(tag, relay, portal, request.all)); });
      reply(okLine(tag));
      return;
    case Verb::process:
      reply(okLine(tag, server_.options().figures->words(relay)));
      return;
    case Verb::affinity:
      writeAffinity(request);
      return;
    case Verb::events:
      wantsEvents_ = true;
      reply(okLine(tag));
      return;
    case Verb::ping:
      reply(okLine(tag));
      return;
    case Verb::handOver: {
      const std::string refusal = server_.handOverTo(id, tag);
      reply(refusal);
      if (!refusal.empty()) return;
      // Nothing else of this peer is begun.
      pending_++;
      onlyCloses_ = false;
      return;
    }
    case Verb::limit:
      reply(relay.setMaxConnectionsOf(request.name, static_cast<int64_t>(request.connections.value_or(0)))
                ? okLine(tag)
                : errorLine(tag, "NO_PORTAL", request.name));
      return;
    case Verb::shutdown:
      shutdowns_++;
      server_.shutdown(request.graceMs, [server, id, tag] {
        if (ControlConnection* const peer = server->connection(id)) peer->ended(tag, server->relay().cut());
      });
      return;
  }
}

void ControlConnection::open(Request& request) {
  pending_++;
  onlyCloses_ = false;
  server_.relay().open(
      request.name, request.protocol, request.address, request.endpoints, request.affinitySeconds,
      [server = &server_, id = id_, tag = request.tag](const OpenResult& result) {
        ControlConnection* const peer = server->connection(id);
        if (peer == nullptr) return;
        if (result.error == OpenError::none)
          peer->finished(okLine(tag, addressText(result.bound) + ' ' + std::to_string(result.bound.port())));
        else
          peer->finished(errorLine(tag, codeOf(result.error), result.text));
      });
}

void ControlConnection::keep(const Request& request) {
  const std::unordered_set<std::string> kept(request.names.begin(), request.names.end());
  std::vector<std::string> surplus;
  server_.relay().eachPortal([&](const Portal& portal) {
    if (kept.count(portal.name) == 0) surplus.push_back(portal.name);
  });
  pending_++;
  onlyCloses_ = false;
  if (surplus.empty()) {
    finished(okLine(request.tag));
    return;
  }
  const auto open = std::make_shared<size_t>(surplus.size());
  for (const std::string& name : surplus) {
    server_.relay().close(name, [open, server = &server_, id = id_, line = okLine(request.tag)] {
      if (--*open > 0) return;
      if (ControlConnection* const peer = server->connection(id)) peer->finished(line);
    });
  }
}

void ControlConnection::finished(const std::string& line) {
  reply(line);
  pending_--;
  // Deeper in a call of runWaiting(), whose loop goes on; else this has to.
  server_.later(id_);
}

void ControlConnection::ended(const std::string& tag, uint64_t cut) {
  reply(okLine(tag, std::to_string(cut)));
  shutdowns_--;
}

void ControlConnection::event(const std::string& line) {
  if (events_.size() + line.size() + 3 > kMostEventBytes) {
    lost_++;
    return;
  }
  events_ += "* ";
  events_ += line;
  events_ += '\n';
}

void ControlConnection::writeAffinity(const Request& request) {
  const Portal* const portal = server_.relay().find(request.name);
  if (portal == nullptr) return reply(errorLine(request.tag, "NO_PORTAL", request.name));
  const auto bond = portal->balancer.bondOf(clientIP(request.address), monotonicMs());
  reply(okLine(request.tag, bond ? bond->key + ' ' + std::to_string(bond->remainingMs) : ""));
}
