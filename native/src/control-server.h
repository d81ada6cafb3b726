// The control thread's loop: peers, signals, what workers tell. It owns the peers, the listening socket, and
// the epoll; the relay belongs to who calls it.
//
//   running ──`shutdown`, a signal──▶ ending ──nothing is open──▶ replies written ──▶ run() returns
//      └──the control socket's peer closed (--control-fd)──▶ run() returns at once
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "control-connection.h"
#include "relay.h"
#include "service-notify.h"

class ProcessFigures;

class ControlServer {
 public:
  struct Options {
    /// What `files` may be set to at most.
    int64_t files;
    /// Of the user that the relay was started as; root's peers are served, too.
    uid_t ownUser;
    int wakeFd;
    int signalFd;
    /// A bound, listening Unix socket, or -1; else a connected one, or -1. Owned from now on.
    int listenFd;
    int controlFd;
    /// Of the control socket's lock, which the next relay is to have; -1 where there is none.
    int lockFd;
    /// What a signal leaves open connections to end.
    uint64_t signalGraceMs;
    /// Who hears that it serves, and how; null for a relay that is another process's own.
    ServiceNotify* notify;
    const ProcessFigures* figures;
  };
  ControlServer(Relay& relay, Options options);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Serves until the relay is to end, each peer being greeted with that line first. False where the system
  /// failed it; the reason is on stderr then.
  bool run(std::string greeting);

  // For connections:
  Relay& relay() { return relay_; }
  const Options& options() const { return options_; }
  const std::string& greeting() const { return greeting_; }
  int epollFd() const { return epollFd_; }
  /// Null where it has gone.
  ControlConnection* connection(uint64_t id);
  /// It goes on at the end of this turn: what calls this may be in the middle of its work.
  void later(uint64_t id) {
    if (later_.empty() || later_.back() != id) later_.push_back(id);
  }
  /// A relay that follows this one asks for its place, as the request `tag` of that peer. Empty, or an error
  /// line.
  std::string handOverTo(uint64_t id, const std::string& tag);
  /// The control socket that was taken over, before run().
  void listenOn(int fd) { listenFd_ = fd; }
  /// `done` when the relay has ended, once; several may ask.
  void shutdown(uint64_t graceMs, std::function<void()> done);

 private:
  bool watch(int fd);
  /// All that waits is done: the relay's place is given away now. It ends in here where that succeeds.
  void handOverNow();
  [[noreturn]] void leaveTo(int channel);
  void acceptPeers();
  void pauseAccepting();
  void listenAgain();
  /// Until there is something to do that no descriptor tells; -1 for never.
  int msToWait() const;
  void admit(int fd);
  bool isTrusted(int fd) const;
  void readSignal();
  /// What workers have told since the last time is its peers' now; false where that is nothing.
  bool takeEvents();
  void tellEvents();
  void goOn();
  /// A word to the service manager, where one is due: each turn of the loop that comes so far is a sign of
  /// life.
  void notifyOfLife();
  void removeDone();
  /// Gives peers a moment to take what they were told last.
  void flushAll();

  Relay& relay_;
  const Options options_;
  int epollFd_;
  std::string greeting_;
  std::map<uint64_t, std::unique_ptr<ControlConnection>> connections_;
  uint64_t nextId_ = 0;
  std::vector<std::function<void()>> whenEnded_;
  /// Peers of which a request was finished in this turn.
  std::vector<uint64_t> later_;
  /// The listening socket is not watched until then; 0 where it is.
  uint64_t acceptAgainMs_ = 0;
  int listenFd_;
  /// The peer that takes over as soon as nothing is between two states, or 0.
  uint64_t successor_ = 0;
  std::string successorsTag_;
  uint8_t signals_ = 0;
  bool ended_ = false;
};
