// How a relay leaves its place to another process, a newer one, without anybody noticing: listening sockets,
// connections, sessions and what is on its way between them move, and the one that leaves ends.
//
//   new                          old
//    ├─── hand-over ─────────────▶│   (PROTOCOL.md)
//    │◀── ok, and a channel ──────┤   its workers stand still
//    │◀── relay, portal…, connection…, session…, end
//    ├─── taken ─────────────────▶│   ends, and with it its copies of the sockets
//    │◀── the channel closes ─────┘
//   its workers begin
//
// Until it has read `taken` the old one can take everything back, and does where the new one gives up or
// takes too long: it says `resumed` then, and goes on. So one of the two serves, whatever fails.
//
// Both ends run in the control thread.
#pragma once

#include <string>

class Relay;

/// What the service manager has to know, at the moment when the place is taken.
class ServiceNotify;

/// The old one's end. True where the other has everything: this process is to end at once, touching nothing.
/// False where it is to go on; `wrong` says why. `listenFd` is the control socket.
bool handOver(Relay& relay, int listenFd, const ServiceNotify* notify, int channel, std::string& wrong);

/// The new one's end; its workers stand still. `oldFd` is a connection to the control socket. The listening
/// control socket, or -1 and `wrong`: this process is to end at once then, as the other goes on.
int takeOver(Relay& relay, ServiceNotify& notify, int oldFd, double (*random)(), std::string& wrong);

/// A line, and a descriptor with it. False where that fails.
bool sendWithFile(int fd, const std::string& line, int file);

/// A word between the relays takes no longer, s.
constexpr int kHandOverSeconds = 10;
