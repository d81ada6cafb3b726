// How a relay leaves its place to another process, a newer one, without anybody noticing: listening sockets,
// connections, sessions and what is on its way between them move, and the one that leaves ends.
//
//   new                          old
//    ├─── hand-over ─────────────▶│   (PROTOCOL.md)
//    │◀── ok, and a channel ──────┤   its workers stand still
//    │◀── relay, portal…, connection…, session…, end
//    ├─── taken ─────────────────▶│   tells its peers what it knows last, gives up the lock
//    │◀── (ending,) channel closes┘   ends, and with it, soon, its copies of the sockets (shared-socket.h)
//   its workers begin
//
// Until it has read `taken` the old one can take everything back, and does where the new one gives up or
// takes too long: it says `resumed` then, and goes on. The new one, once it has said `taken`, waits for that
// or for the end of the channel, however long: so one of the two serves, and never both, whatever fails.
//
// Both ends run in the control thread.
#pragma once

#include <cstdint>
#include <string>

class Relay;

/// What the service manager has to know, at the moment when the place is taken.
class ServiceNotify;

/// A connected pair for the two, as socketpair(2) makes it. False where there is none: errno says why.
bool openHandOverChannel(int ends[2]);

/// The old one's end. True where the other has everything: this process is to end at once, touching none of
/// it, and closes the channel when the other may begin. False where it is to go on; `wrong` says why.
/// `listenFd` is the control socket.
bool handOver(Relay& relay, int listenFd, const ServiceNotify* notify, int channel, std::string& wrong);

/// The old one's, before the channel closes: it has been asked to end, which is for the other to do.
void passSignalOn(int channel);

struct TakenOver {
  /// The listening control socket; -1 where this process is to end at once, as the other goes on.
  int listenFd = -1;
  /// The other has been asked to end (passSignalOn()).
  bool isToEnd = false;
  /// Why it is to end.
  std::string wrong;
};

/// The new one's end; its workers stand still. `oldFd` is a connection to the control socket.
TakenOver takeOver(Relay& relay, ServiceNotify& notify, int oldFd, double (*random)());

/// A line, and a descriptor with it. False where that fails.
bool sendWithFile(int fd, const std::string& line, int file);

/// A word between the relays takes no longer, s.
constexpr int kHandOverSeconds = 10;
