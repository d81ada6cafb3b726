// The command line. Values; nobody owns anything.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

struct CommandLine {
  enum class Task : uint8_t { serve, ping, notifyExec, version, help };
  Task task = Task::serve;
  std::string socketPath;
  int controlFd = -1;
  mode_t socketMode = 0600;
  /// 0: as many as there are processors, four at most.
  unsigned threads = 0;
  uid_t user = 65534;
  gid_t group = 65534;
  bool seccomp = true;
  /// From the relay that serves the socket, where there is one.
  bool takeOver = false;
  /// The command ends as soon as the relay serves.
  bool background = false;
  /// Of main's words, the program that is to be become and its arguments; a null pointer ends them.
  char** program = nullptr;
};

extern const char* const kUsage;

/// Empty where `options` is complete, else what is wrong and what to do about it, in one line.
std::string parseCommandLine(int count, char** words, CommandLine& options);
