#include "pipe-pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "files.h"

namespace {

/// More are not kept for later: a stream that needs one opens it.
constexpr size_t kMostFree = 16;

void closeBoth(Pipe pipe) {
  // Whatever close(2) says, the descriptor is gone.
  close(pipe.readFd);
  close(pipe.writeFd);
}

}  // namespace

PipePool::~PipePool() {
  for (const Pipe& pipe : free_) closeBoth(pipe);
}

Pipe PipePool::take() {
  if (!free_.empty()) {
    const Pipe pipe = free_.back();
    free_.pop_back();
    fewestFree_ = std::min(fewestFree_, free_.size());
    return pipe;
  }
  // A direction without a pipe copies: connections need the last descriptors more.
  if (!files_.takeSpare(2)) return {};
  int fds[2];
  if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) != 0) {
    files_.give(2);
    return {};
  }
  // A user without privileges may be held to less (pipe(7), pipe-user-pages-soft): the pipe has 64 KiB then,
  // or one page, and works.
  fcntl(fds[1], F_SETPIPE_SZ, static_cast<int>(kPipeBytes));
  return {fds[0], fds[1]};
}

void PipePool::giveEmpty(Pipe pipe) {
  if (free_.size() >= kMostFree)
    discard(pipe);
  else
    free_.push_back(pipe);
}

void PipePool::discard(Pipe pipe) {
  closeBoth(pipe);
  files_.give(2);
}

size_t PipePool::closeFree() {
  fewestFree_ = free_.size();
  return trim();
}

size_t PipePool::trim() {
  const size_t unused = std::min(fewestFree_, free_.size());
  for (size_t i = 0; i < unused; i++) {
    discard(free_.back());
    free_.pop_back();
  }
  fewestFree_ = free_.size();
  return unused;
}
