#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "failure.h"
#include "load.h"
#include "services.h"

// Bytes to the endpoint count when the client's socket takes them: what waits in sockets and pipes on the
// way, a few MB, is little beside what a window carries, and as much at its end as at its begin.

namespace bench {

namespace {

char bytes[kBulkBytes];

class Stream final : public Load {
 public:
  Stream(Epoll& epoll, const sockaddr_in& at, size_t connections, Direction direction)
      : direction_(direction), files_(connections) {
    // Untouched pages would all be the kernel's one page of zeros, which is never out of the cache.
    std::memset(bytes, 's', sizeof bytes);
    for (int& file : files_) {
      file = openTcp(at);
      epoll.add(file, direction == Direction::kToEndpoint ? EPOLLOUT : EPOLLIN, &file);
    }
  }

  ~Stream() override {
    for (const int file : files_) close(file);
  }

  void ready(void* who, uint32_t) override {
    const int file = *static_cast<int*>(who);
    const ssize_t moved = direction_ == Direction::kToEndpoint ? send(file, bytes, sizeof bytes, MSG_NOSIGNAL)
                                                               : recv(file, bytes, sizeof bytes, 0);
    if (moved > 0) {
      done_ += static_cast<uint64_t>(moved);
    } else if (moved == 0) {
      fail("a stream was closed by the other side");
    } else if (errno != EAGAIN && errno != EINTR) {
      failWith("a connection to the peer", errno);
    }
  }

  uint64_t done() const override { return done_; }

 private:
  const Direction direction_;
  std::vector<int> files_;
  uint64_t done_ = 0;
};

}  // namespace

std::unique_ptr<Load> startStream(Epoll& epoll, const sockaddr_in& at, size_t connections,
                                  Direction direction) {
  return std::make_unique<Stream>(epoll, at, connections, direction);
}

}  // namespace bench
