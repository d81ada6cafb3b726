// The sockets of one worker's connections to endpoints. One whose connection has ended in order rests, and
// begins another: what a socket costs beside its packets (file, inode, options, its place in epoll) is a
// tenth of what a connection costs.
//
//   take() ──▶ a connection's ──rest()──▶ resting ──take()──▶ …
//                    └─────close()─────▶ closed  ◀──trim(), closeResting()──┘
//
// A socket that rests may have its FIN still under way: until the kernel has closed it (TCP_CLOSE) it is not
// taken. Then connecting it to AF_UNSPEC dissolves what is left of the old connection (connect(2)), and its
// next one has a port of its own and nothing of the last. It stays registered with epoll all the time.
//
// It owns the sockets and their structures. A file descriptor is counted for one that rests; those of
// connections are counted with them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "slab.h"
#include "tcp-side.h"

class FileBudget;

class EndpointSockets {
 public:
  /// `epollFd` is where they are watched.
  EndpointSockets(FileBudget& files, int epollFd);
  ~EndpointSockets();
  EndpointSockets(const EndpointSockets&) = delete;
  EndpointSockets& operator=(const EndpointSockets&) = delete;

  /// A socket that can connect to an address of that family, its options set. Null where there is none to be
  /// had: errno says why.
  EndpointSide* take(int family, uint64_t turn);
  /// One that another process has made and connected, and may have open for a while; its own from now on.
  /// Null where there is no memory: it is the caller's still.
  EndpointSide* adopt(int fd, int family, bool unpaced);
  /// Of a connection that has ended in order, both FINs sent, and that has set no option of its own. Closed
  /// where enough rest already, or descriptors are scarce.
  void rest(EndpointSide* side);
  void close(EndpointSide* side);
  /// Closes with a reset in place of a FIN.
  void reset(EndpointSide* side);

  /// Closes those that nobody took since the last call. The number closed.
  size_t trim();
  /// Closes all that rest: their descriptors are wanted. The number closed.
  size_t closeResting();
  bool anyRests() const { return !resting_.empty(); }
  /// No event of this turn points to a closed one any more.
  void freeClosed();

 private:
  EndpointSide* takeResting(int family);
  size_t closeOldest(size_t count);
  void unwatch(const EndpointSide* side) const;

  FileBudget& files_;
  const int epollFd_;
  Slab<EndpointSide> sides_;
  /// The one that rests longest first.
  std::deque<EndpointSide*> resting_;
  /// How few rested since the last trim.
  size_t fewestResting_ = 0;
  std::vector<EndpointSide*> closed_;
  bool mayRest_;
};
