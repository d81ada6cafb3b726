// Ending a socket that another process may have open, too: the relay before this one, until the kernel has
// taken apart what was its. While it has, close(2) alone neither ends the events of the socket (epoll(7)) nor
// says a word to the peer.
#pragma once

/// No event of it is begun any more, whoever else has it open. It may be in that epoll or not.
void unwatchShared(int epollFd, int fd);

/// Sends the FIN that the last close(2) would, at once.
void finishShared(int fd);

/// Takes the connection of a TCP socket apart, whoever else has it open, as close(2) does with SO_LINGER of 0
/// seconds: with a reset where there is a peer to hear it. The socket can connect again (connect(2),
/// AF_UNSPEC). False on a system that can't.
bool dissolve(int fd);

/// Closes a socket with a reset in place of a FIN, discarding what is unsent.
void closeWithReset(int fd);
