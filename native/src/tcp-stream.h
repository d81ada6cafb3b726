// One direction of a TCP connection: bytes from one socket to the other, and the FIN behind them.
//
//   copying ◀──▶ splicing        a direction that fills the worker's buffer again and again moves to a pipe,
//   and back when it slows
//
//   in either:  flowing ──destination full──▶ waiting for room ──EPOLLOUT──▶ flowing
//               flowing ──FIN read, all passed on──▶ ended
//
// Copying: source ─recv─▶ the worker's scratch buffer ─send─▶ destination. What the destination does not take
// is held in memory of its own (a scratch buffer's worth at most), and the source is not read before that is
// gone: so memory is bounded, and an idle direction has none. Splicing: source ─splice─▶ pipe ─splice─▶
// destination; the bytes never leave the kernel. The pipe is had from the worker's pool for a turn, and kept
// beyond it only while bytes are in it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "pipe-pool.h"

class Worker;
class Count;

struct TcpStream {
  Pipe pipe;
  uint8_t* held = nullptr;
  uint32_t heldFrom = 0;
  uint32_t heldTo = 0;
  uint32_t inPipe = 0;
  /// Reads in a row that filled the scratch buffer (copying), or turns in a row that moved little (splicing).
  uint8_t streak = 0;
  bool splicing = false;
  /// The source's FIN was read.
  bool finRead = false;
  /// The source's FIN is there to be read: a read that does not fill the buffer has read all up to it.
  bool finSeen = false;
  /// The source has sent urgent data: reads stop short at the mark (tcp(7)), so a short one says nothing, and
  /// splice(2) says at the mark what it says of an empty source, or of an ended one. Never spliced again.
  bool urgent = false;
  bool waitingForRoom = false;
  /// All is passed on, the FIN too. The owner sets it.
  bool ended = false;
};

enum class Moved : uint8_t {
  /// The source has nothing more for now.
  drained,
  /// The destination takes nothing more for now.
  blocked,
  /// There may be more, but this was enough for one turn.
  unfinished,
  /// The source has ended, and all that it sent is passed on.
  finished,
  /// The source is broken: `error` says how.
  sourceBroken,
  /// The destination is.
  destinationBroken,
};

/// Moves what there is. Counts payload bytes as they are read; tells the worker where it spliced.
Moved move(Worker& worker, TcpStream& stream, int source, int destination, Count& bytes, int& error);

/// Lets go of everything the direction holds; bytes that were not passed on are lost.
void abandon(Worker& worker, TcpStream& stream);
