#include "shared-socket.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

void unwatchShared(int epollFd, int fd) {
  // ENOENT: it was not in it.
  epoll_ctl(epollFd, EPOLL_CTL_DEL, fd, nullptr);
}

void finishShared(int fd) {
  // ENOTCONN: it has been reset meanwhile.
  shutdown(fd, SHUT_WR);
}

bool dissolve(int fd) {
  sockaddr nobody{};
  nobody.sa_family = AF_UNSPEC;
  return connect(fd, &nobody, sizeof nobody) == 0;
}

void closeWithReset(int fd) {
  if (!dissolve(fd)) {
    const linger now{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
  }
  close(fd);
}
