// Pipes for splice(2), kept for the next stream. A stream has one only while bytes are in it, or in the turn
// in which it moves bytes. A pipe that still holds bytes is closed, never pooled: the next stream would send
// another connection's bytes.
#pragma once

#include <cstddef>
#include <vector>

class FileBudget;

struct Pipe {
  int readFd = -1;
  int writeFd = -1;
  bool isOpen() const { return readFd >= 0; }
};

class PipePool {
 public:
  explicit PipePool(FileBudget& files) : files_(files) {}
  ~PipePool();
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  /// Not open where there is no room for one, or the system gives none: the caller copies instead.
  Pipe take();
  /// Takes a pipe back that is empty; closes it where there are enough.
  void giveEmpty(Pipe pipe);
  /// Closes a pipe that may hold bytes.
  void discard(Pipe pipe);
  /// Closes those that nobody has used since the last call. The number closed.
  size_t trim();
  /// Closes all that nobody uses: their descriptors are wanted. The number closed.
  size_t closeFree();
  bool hasFree() const { return !free_.empty(); }

  static constexpr size_t kPipeBytes = 1024 * 1024;

 private:
  FileBudget& files_;
  std::vector<Pipe> free_;
  /// How few were free since the last trim.
  size_t fewestFree_ = 0;
};
