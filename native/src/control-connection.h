// One peer of the control socket. It owns its socket, what it has sent and is not done yet, and what is to be
// sent to it.
//
//   greeted ──hello──▶ serving ──end of its input──▶ answering what it asked ──▶ done
//      └───────────────────┴── another version, too much unread, a broken socket ──▶ done
//
// Its requests take effect in order: one that is not done at once (a port that is not free yet) holds back
// those behind it, but for `close` behind `close`. It is not read while requests of it wait, or while it does
// not read its replies.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "protocol.h"

class ControlServer;

class ControlConnection {
 public:
  /// `fd` is its own from now on. `id` is never used again for another one.
  ControlConnection(ControlServer& server, uint64_t id, int fd);
  ~ControlConnection();
  ControlConnection(const ControlConnection&) = delete;
  ControlConnection& operator=(const ControlConnection&) = delete;

  int fd() const { return fd_; }
  uint64_t id() const { return id_; }

  /// Its socket has an event (epoll(7)).
  void onEvents(uint32_t events);
  /// Reads, runs and writes as far as it goes without waiting.
  void progress();
  /// A request that was not done at once is.
  void finished(const std::string& reply);
  /// The same for `shutdown`, which holds nothing back.
  void ended(const std::string& tag, uint64_t cut);
  /// An event's line without `* ` and line feed; counted as lost where the peer has not read 1 MiB of them.
  void event(const std::string& line);
  void eventsLost(uint64_t count) { lost_ += count; }
  bool wantsEvents() const { return wantsEvents_; }
  /// Nothing more will come of it: to be deleted.
  bool isDone() const { return done_; }
  /// All that it was to be told has been handed to the kernel.
  bool isFlushed() const { return sent_ == out_.size() && events_.empty(); }
  /// The peer closed, or its socket broke.
  bool isClosedByPeer() const { return sawEnd_ || gone_; }
  void flush();
  /// It speaks over another socket from now on.
  void letGo() { done_ = true; }

 private:
  /// Lets go of the part of `out_` that the kernel has, where that is much.
  void dropSent();
  bool readOnce();
  void runWaiting();
  bool mayRun(const Request& request) const;
  void run(Request& request);
  void open(Request& request);
  void keep(const Request& request);
  void writeAffinity(const Request& request);
  void reply(std::string_view text) { out_ += text; }
  void watch();

  ControlServer& server_;
  const uint64_t id_;
  const int fd_;
  RequestParser parser_;
  std::deque<Parsed> waiting_;
  std::string out_;
  size_t sent_ = 0;
  /// Written when `out_` is empty: a reply goes before them.
  std::string events_;
  uint64_t lost_ = 0;
  /// Requests that are not done yet and hold others back; whether all of them are `close`.
  uint32_t pending_ = 0;
  bool onlyCloses_ = true;
  uint32_t shutdowns_ = 0;
  bool greeted_ = false;
  bool wantsEvents_ = false;
  bool sawEnd_ = false;
  bool gone_ = false;
  bool closing_ = false;
  bool done_ = false;
  uint32_t watched_ = 0;
};
