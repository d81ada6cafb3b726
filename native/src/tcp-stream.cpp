#include "tcp-stream.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "portal.h"
#include "worker.h"

namespace {

/// Full reads in a row after which a direction moves to a pipe: below, copying is cheaper than the calls
/// around a pipe.
constexpr uint8_t kFullReadsToSplice = 2;

/// Turns in a row that moved less than this through a pipe, after which a direction is copied again.
constexpr size_t kLittle = 16 * 1024;
constexpr uint8_t kLittleTurnsToCopy = 3;

/// Bytes that one direction may move before others have their turn.
constexpr size_t kTurnBytes = 2 * 1024 * 1024;

/// Sends what is held. True where nothing is left.
bool sendHeld(TcpStream& stream, int destination, int& error) {
  while (stream.heldFrom < stream.heldTo) {
    const ssize_t sent =
        send(destination, stream.held + stream.heldFrom, stream.heldTo - stream.heldFrom, MSG_NOSIGNAL);
    if (sent < 0) {
      error = errno == EAGAIN ? 0 : errno;
      return false;
    }
    stream.heldFrom += static_cast<uint32_t>(sent);
  }
  free(stream.held);
  stream.held = nullptr;
  stream.heldFrom = stream.heldTo = 0;
  return true;
}

/// Keeps what the destination did not take. False where there is no memory.
bool hold(TcpStream& stream, const uint8_t* bytes, size_t length) {
  stream.held = static_cast<uint8_t*>(malloc(length));
  if (stream.held == nullptr) return false;
  memcpy(stream.held, bytes, length);
  stream.heldFrom = 0;
  stream.heldTo = static_cast<uint32_t>(length);
  return true;
}

Moved copy(Worker& worker, TcpStream& stream, int source, int destination, Count& bytes, int& error) {
  uint8_t* const scratch = worker.scratch();
  for (size_t moved = 0; moved < kTurnBytes;) {
    const ssize_t got = recv(source, scratch, Worker::kScratchBytes, 0);
    if (got == 0) {
      stream.finRead = true;
      return Moved::finished;
    }
    if (got < 0) {
      if (errno == EAGAIN) return Moved::drained;
      error = errno;
      return Moved::sourceBroken;
    }
    const auto length = static_cast<size_t>(got);
    bytes.add(got);
    moved += length;
    worker.noteMessage();
    // The FIN came before this read, which has emptied the source: it is behind these bytes. Both leave in
    // one packet, because shutdown() sends what MSG_MORE holds back.
    const bool finFollows = stream.finSeen && !stream.urgent && length < Worker::kScratchBytes;
    ssize_t sent = send(destination, scratch, length, finFollows ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN) {
        error = errno;
        return Moved::destinationBroken;
      }
      sent = 0;
    }
    const auto taken = static_cast<size_t>(sent);
    if (finFollows) stream.finRead = true;
    if (taken < length) {
      stream.streak = length == Worker::kScratchBytes ? kFullReadsToSplice : 0;
      if (hold(stream, scratch + taken, length - taken)) return Moved::blocked;
      error = ENOMEM;
      return Moved::destinationBroken;
    }
    if (finFollows) return Moved::finished;
    if (length < Worker::kScratchBytes) {
      stream.streak = 0;
      // A read that did not fill the buffer has emptied the source (epoll(7)): asking again would only be
      // told so.
      if (!stream.urgent) return Moved::drained;
    } else if (++stream.streak >= kFullReadsToSplice && !stream.urgent) {
      stream.splicing = true;
      stream.streak = 0;
      return Moved::unfinished;
    }
  }
  return Moved::unfinished;
}

/// A pipe is given back empty, or not at all.
void givePipe(Worker& worker, TcpStream& stream) {
  worker.pipes.giveEmpty(stream.pipe);
  stream.pipe = {};
}

/// Leaves the pipe, which is empty, for copying.
Moved copyInstead(Worker& worker, TcpStream& stream, int source, int destination, Count& bytes, int& error) {
  if (stream.pipe.isOpen()) givePipe(worker, stream);
  stream.splicing = false;
  stream.streak = 0;
  return copy(worker, stream, source, destination, bytes, error);
}

Moved spliceThrough(Worker& worker, TcpStream& stream, int source, int destination, Count& bytes,
                    int& error) {
  if (!stream.pipe.isOpen()) stream.pipe = worker.pipes.take();
  if (!stream.pipe.isOpen()) return copyInstead(worker, stream, source, destination, bytes, error);
  size_t moved = 0;
  // Of the last try to read from the source: it gave nothing, for now or for ever.
  bool waits = false;
  bool ended = false;
  while (true) {
    if (stream.inPipe == 0) {
      // Where reads can't be trusted to mean what they say, recv(2) is asked, which tells a FIN from a mark.
      if (ended || stream.urgent) return copyInstead(worker, stream, source, destination, bytes, error);
      if (waits) {
        givePipe(worker, stream);
        stream.streak = moved < kLittle ? static_cast<uint8_t>(stream.streak + 1) : 0;
        if (stream.streak >= kLittleTurnsToCopy) {
          stream.splicing = false;
          stream.streak = 0;
        }
        return Moved::drained;
      }
    }
    if (moved >= kTurnBytes) {
      if (stream.inPipe == 0) givePipe(worker, stream);
      return Moved::unfinished;
    }
    waits = false;
    if (!ended && stream.inPipe < PipePool::kPipeBytes) {
      const ssize_t got = splice(source, nullptr, stream.pipe.writeFd, nullptr,
                                 PipePool::kPipeBytes - stream.inPipe, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
      if (got > 0) {
        bytes.add(got);
        stream.inPipe += static_cast<uint32_t>(got);
        moved += static_cast<size_t>(got);
        worker.noteSplice();
      } else if (got == 0 || (errno == EINVAL && stream.inPipe == 0)) {
        // The end, or a mark of urgent data, or a socket that can't be spliced from: copying tells.
        ended = true;
      } else if (errno == EAGAIN) {
        // Either the source is empty or the pipe is full: a pipe has room for so many pieces, too, however
        // small they are. Only where nothing is in the pipe is it surely the source.
        waits = stream.inPipe == 0;
      } else {
        error = errno;
        return Moved::sourceBroken;
      }
    }
    if (stream.inPipe == 0) continue;
    const ssize_t sent = splice(stream.pipe.readFd, nullptr, destination, nullptr, stream.inPipe,
                                SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (sent > 0) {
      stream.inPipe -= static_cast<uint32_t>(sent);
    } else if (sent < 0 && errno == EAGAIN) {
      return Moved::blocked;
    } else {
      error = sent == 0 ? EPIPE : errno;
      return Moved::destinationBroken;
    }
  }
}

}  // namespace

Moved move(Worker& worker, TcpStream& stream, int source, int destination, Count& bytes, int& error) {
  error = 0;
  stream.waitingForRoom = false;
  if (stream.held != nullptr && !sendHeld(stream, destination, error))
    return error == 0 ? Moved::blocked : Moved::destinationBroken;
  if (stream.finRead && stream.inPipe == 0) return Moved::finished;
  if (stream.streak >= kFullReadsToSplice && !stream.splicing) {
    stream.splicing = true;
    stream.streak = 0;
  }
  return stream.splicing || stream.inPipe > 0
             ? spliceThrough(worker, stream, source, destination, bytes, error)
             : copy(worker, stream, source, destination, bytes, error);
}

void abandon(Worker& worker, TcpStream& stream) {
  free(stream.held);
  stream.held = nullptr;
  if (!stream.pipe.isOpen()) return;
  if (stream.inPipe == 0)
    worker.pipes.giveEmpty(stream.pipe);
  else
    worker.pipes.discard(stream.pipe);
  stream.pipe = {};
}
