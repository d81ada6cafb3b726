// What the relay tells of its own process (PROTOCOL.md, `process`): what it can know behind its system call
// filter.
#pragma once

#include <cstdint>
#include <string>

class Relay;

class ProcessFigures {
 public:
  /// Before the filter: it opens a file. The process begins now. `version` is what `--version` prints behind
  /// the name.
  explicit ProcessFigures(const char* version);
  ~ProcessFigures();
  ProcessFigures(const ProcessFigures&) = delete;
  ProcessFigures& operator=(const ProcessFigures&) = delete;

  /// `/proc/self/statm` (proc(5)), or -1: what pread(2) is allowed for.
  int statmFd() const { return statmFd_; }
  /// `KEY=VALUE` words, separated by spaces.
  std::string words(const Relay& relay) const;

 private:
  const char* const version_;
  const uint64_t startedMs_;
  const int statmFd_;
  const long pageBytes_;
};
